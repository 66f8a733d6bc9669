"""Effective states, processing sets and told states equal a second, dumb implementation, whatever comes in which order.

The real side is the product's: the bitmap, the folds with their layers, the wiring between them. The dumb side keeps
every event in a list and works everything out from the list, from its beginning, each time it is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.effective import effective_state
from schemas.identifiers import NodeId
from schemas.probes import PathState
from schemas.processing import service_set
from schemas.states import PathMonitoring, State
from tests.unit.node.test_path_folding import Desk

NODES = tuple(NodeId(f"b{number}") for number in range(3))
PATHS = tuple(PathState)
MODES = {
    PathMonitoring.OFF: "path_monitor=no path_monitor_individual=-",
    PathMonitoring.INDIVIDUAL: "path_monitor=yes path_monitor_individual=yes",
    PathMonitoring.TOGETHER: "path_monitor=yes path_monitor_individual=no",
}
GROUPS = ("bind service web node_group edge", "unbind service web node_group edge")
"""b2 alone is of that group: `Desk.see`."""


@dataclass(frozen=True, slots=True)
class Reported:
    node: NodeId
    path: PathState


@dataclass(frozen=True, slots=True)
class Seen:
    nodes: frozenset[NodeId]


@dataclass(frozen=True, slots=True)
class Mode:
    monitoring: PathMonitoring


@dataclass(frozen=True, slots=True)
class Enabled:
    on: bool


@dataclass(frozen=True, slots=True)
class Grouped:
    on: bool


@dataclass(frozen=True, slots=True)
class TakenOver:
    """The partitions go, things happen, and they come back."""

    meanwhile: tuple[Reported, ...]


REPORTS = st.builds(Reported, st.sampled_from(NODES), st.sampled_from(PATHS))
EVENTS = st.lists(
    st.one_of(
        REPORTS,
        REPORTS,
        st.builds(Seen, st.frozensets(st.sampled_from(NODES), min_size=1)),
        st.builds(Mode, st.sampled_from(list(PathMonitoring))),
        st.builds(Enabled, st.booleans()),
        st.builds(Grouped, st.booleans()),
        st.builds(TakenOver, st.lists(REPORTS, max_size=3).map(tuple)),
    ),
    max_size=14,
)
Event = Reported | Seen | Mode | Enabled | Grouped | TakenOver


class Dumb:
    """Everything from the list of all events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def take(self, event: Event) -> None:
        self.events += event.meanwhile if isinstance(event, TakenOver) else (event,)

    def last(self, kind: type, default: object) -> object:
        return next((event for event in reversed(self.events) if isinstance(event, kind)), default)

    def path(self, node: NodeId) -> PathState:
        for event in reversed(self.events):
            if isinstance(event, Reported) and event.node == node:
                return event.path
        return PathState.UNKNOWN

    def hosts(self) -> set[NodeId]:
        view = self.last(Seen, Seen(frozenset(NODES)))
        grouped = self.last(Grouped, Grouped(False))
        assert isinstance(view, Seen)
        assert isinstance(grouped, Grouped)
        return {node for node in view.nodes if node == "b2" or not grouped.on}

    def mode(self) -> PathMonitoring:
        mode = self.last(Mode, Mode(PathMonitoring.OFF))
        assert isinstance(mode, Mode)
        return mode.monitoring

    def told(self) -> State:
        enabled = self.last(Enabled, Enabled(True))
        assert isinstance(enabled, Enabled)
        if not enabled.on:
            return State.OUT_OF_SERVICE
        lost = any(self.path(node) is PathState.DOWN for node in self.hosts())
        return State.DOWN if self.mode() is PathMonitoring.TOGETHER and lost else State.UP

    def effective(self, node: NodeId) -> State:
        told = self.told()
        if told is State.OUT_OF_SERVICE or self.mode() is not PathMonitoring.INDIVIDUAL:
            return told
        return State.DOWN if self.path(node) is PathState.DOWN else told

    def processing_set(self) -> set[NodeId]:
        if self.mode() is PathMonitoring.OFF:
            return self.hosts()
        return {node for node in self.hosts() if self.path(node) is PathState.UP}


def happen(desk: Desk, event: Event) -> None:
    """The same event at the product."""
    match event:
        case Reported(node, path):
            desk.report("web", node, path)
        case Seen(nodes):
            desk.see(*sorted(nodes))
        case Mode(monitoring):
            desk.do(f"set service web {MODES[monitoring]}")
        case Enabled(on):
            desk.do("enable service web" if on else "disable service web")
        case Grouped(on):
            bound = any(each.kind.value == "NODE_GROUP" for each in desk.service("web").bindings)
            if bound is not on:
                desk.do(GROUPS[0] if on else GROUPS[1])
        case TakenOver(meanwhile):
            desk.lose_partitions()
            for report in meanwhile:
                happen(desk, report)
            desk.take_over()


@settings(max_examples=120)
@given(EVENTS)
def test_P4_P5_P10_P13_PS1_equal_the_dumb_ones_under_any_order(events: list[Event]) -> None:
    desk, dumb = Desk(), Dumb()
    desk.see(*NODES)
    desk.do("add node_group edge")
    desk.do("add service web address=10.0.0.1 port=80 health_monitor=no")
    desk.claim("web")
    web = desk.id_of("web")
    for event in events:
        happen(desk, event)
        dumb.take(event)
        record = desk.record("web")
        assert (record.state, record.path_monitoring) == (dumb.told(), dumb.mode())
        assert [desk.bitmap.of(web, node) for node in NODES] == [dumb.path(node) for node in NODES]
        for node in NODES:
            assert effective_state(record, desk.bitmap.of(web, node)) is dumb.effective(node)
        assert service_set(dumb.hosts(), record.path_monitoring, desk.bitmap.paths(web)) == dumb.processing_set()
