"""A generated history of one service: views with owners, nodes that probe by turns, batches that overtake each other.

It keeps the promises that engines and the log keep (a run's count grows, an incarnation's sequence grows, a node's
records stay in order, a new owner starts new runs) and none besides: nodes' records mix in any order, so a slow old
owner writes after its successor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import ProbeRun, Reason, Verdict
from streams.folding.events import BindingConfig, Claimed, Event, Reported, Sender, ServiceConfig, Source
from streams.folding.facts import Fact, Publish
from streams.folding.service import ServiceFold

SERVICE = EntityId("5-0")
NODES = (NodeId("b0"), NodeId("b1"))
MONITORS = (EntityId("6-0"), EntityId("6-1"))

REASONS = {
    Verdict.UP: Reason.OK,
    Verdict.DOWN: Reason.REFUSED,
    Verdict.INCONCLUSIVE: Reason.LOCAL_ERROR,
    Verdict.MAINTENANCE: Reason.OK,
}
VERDICTS = [Verdict.UP, Verdict.UP, Verdict.DOWN, Verdict.DOWN, Verdict.DOWN, Verdict.INCONCLUSIVE, Verdict.MAINTENANCE]


@dataclass(frozen=True, slots=True)
class Timed:
    """An event and when it is folded."""

    event: Event
    now_ms: int


@st.composite
def service_configs(draw: st.DrawFn) -> ServiceConfig:
    """One or two bindings with small parameters, so that histories of a few probes decide."""
    bindings = tuple(
        BindingConfig(
            monitor,
            weight=draw(st.integers(1, 100)),
            counts=draw(st.sampled_from([True, True, True, False])),
            retries=draw(st.integers(1, 5)),
            failure_retries=draw(st.integers(0, 4)),
            success_retries=draw(st.integers(1, 3)),
            alert_retries=draw(st.sampled_from([0, 2])),
            slow_above_us=draw(st.sampled_from([0, 200])),
        )
        for monitor in MONITORS[: draw(st.integers(1, 2))]
    )
    threshold = draw(st.sampled_from([0, 0, 20, 60, 120]))
    damping = {
        "flap_changes": draw(st.sampled_from([0, 0, 1, 2])),
        "flap_window_ms": draw(st.sampled_from([5_000, 90_000])),
    }
    chosen = draw(st.sampled_from([False, False, True]))
    return ServiceConfig(SERVICE, "web", "10.0.0.1", 80, True, threshold, bindings, **damping, least_response=chosen)


class Engine:
    """One incarnation of a node: the runs it has open and the number of its next report."""

    def __init__(self, node: NodeId, incarnation: str) -> None:
        self.node, self.incarnation = node, incarnation
        self.sequence = self.run = 0
        self.open: dict[EntityId, ProbeRun] = {}

    def probe(self, monitor: EntityId, verdict: Verdict, probes: int, at_ms: int, response_us: int) -> ProbeRun:
        """The report after so many more probes with one verdict."""
        self.sequence += 1
        last = self.open.get(monitor)
        if last is None or last.verdict is not verdict:
            self.run += 1
            run, count = self.run, probes
        else:
            run, count = last.run, last.count + probes
        report = ProbeRun(
            SERVICE,
            monitor,
            self.sequence,
            run,
            verdict,
            REASONS[verdict],
            "",
            at_ms,
            at_ms,
            count,
            response_us,
            response_us,
            response_us,
        )
        self.open[monitor] = report
        return report


@st.composite
def worlds(draw: st.DrawFn) -> tuple[ServiceConfig, list[Timed]]:
    """A configuration, and events in the order of the log: one to four views, their records interleaved."""
    config = draw(service_configs())
    engines: dict[NodeId, Engine] = {}
    queues: dict[NodeId, list[Event]] = {node: [] for node in NODES}
    for view in range(1, draw(st.integers(1, 4)) + 1):
        owner = draw(st.sampled_from(NODES))
        if owner not in engines or draw(st.integers(0, 3)) == 0:
            engines[owner] = Engine(owner, f"{owner}#{view}")
        engines[owner].open.clear()
        queues[owner] += draw(reign(engines[owner], ViewId(view), config))
    log: list[Event] = []
    while any(queues.values()):
        log.append(queues[draw(st.sampled_from([node for node in NODES if queues[node]]))].pop(0))
    now_ms, timed = 1_000, []
    for event in log:
        now_ms += draw(st.sampled_from([0, 10, 1_000, 6_000, 60_000]))
        timed.append(Timed(event, now_ms))
    return config, timed


@st.composite
def reign(draw: st.DrawFn, engine: Engine, view: ViewId, config: ServiceConfig) -> list[Event]:
    """What an owner sends under one view."""
    sender = Sender(engine.node, engine.incarnation, view, Source("probe-results", 9, int(view)))
    other = next(node for node in NODES if node != engine.node)
    ask = st.sampled_from([None, None, other])
    events: list[Event] = [Claimed(sender, engine.node, draw(ask))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(0, 6))):
        runs = tuple(
            engine.probe(
                draw(st.sampled_from(config.bindings)).monitor_id,
                draw(st.sampled_from(VERDICTS)),
                draw(st.sampled_from([1, 1, 1, 2, 3, 200])),
                1_000,
                draw(st.sampled_from([100, 101, 400])),
            )
            for _ in range(draw(st.integers(1, 2)))
        )
        events.append(Reported(sender, engine.node, runs, draw(ask)))
    return events


def configured(config: ServiceConfig, fold: ServiceFold | None = None) -> ServiceFold:
    """A fold with its configuration."""
    fold = fold or ServiceFold(SERVICE)
    fold.configured(config, Source("config-entities", 0, 1), 0)
    return fold


def run(fold: ServiceFold, events: Iterable[Timed]) -> list[Fact]:
    """Fold events one by one."""
    return [fact for timed in events for fact in fold.apply(timed.event, timed.now_ms)]


def published(facts: Sequence[Fact]) -> list[Publish]:
    """The records among the facts."""
    return [fact for fact in facts if isinstance(fact, Publish)]


def working(fold: ServiceFold) -> object:
    """All that a fold holds, to compare."""
    return fold.record, fold.untold, [binding.view() for binding in fold.bindings.values()]
