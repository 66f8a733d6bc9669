"""Which services are folded again when paths, the view, or the partitions of this node have changed (P-10)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from connectors.replica.path_table import PathTable
from schemas.codec import decode
from schemas.config import ConfigEntity, Kind
from schemas.identifiers import PARTITIONS, EntityId, NodeId, Partition, ViewId, partition_of
from schemas.probes import PathState, ProbeResults
from schemas.states import CauseKind, ServiceState, State
from streams.agents import folds as folds_module
from streams.agents.folds import Folds
from streams.folding.config.fold import ConfigFold
from streams.folding.events import NO_SOURCE, NOT_REPORTED, Reach
from streams.node.inventory import Inventory
from streams.node.path_folding import PathFolding
from streams.ownership.view import Member, View
from tests.unit.config.config_words import take
from tests.unit.node.fakes import Later, Switch

B0, B1, B2 = NodeId("b0"), NodeId("b1"), NodeId("b2")
UP, DOWN, UNKNOWN = PathState.UP, PathState.DOWN, PathState.UNKNOWN
TOGETHER = "path_monitor=yes path_monitor_individual=no health_monitor=no"
EVERY_PARTITION = frozenset(map(Partition, range(PARTITIONS)))


@dataclass(slots=True)
class Desk:
    """The folds of one node, which has all partitions; services without health monitoring are UP by themselves."""

    config: ConfigFold = field(default_factory=ConfigFold)
    inventory: Inventory = field(default_factory=Inventory)
    bitmap: PathTable = field(default_factory=PathTable)
    table: dict[str, bytes] = field(default_factory=dict)
    lease: Switch = field(default_factory=Switch)
    later: Later = field(default_factory=Later)
    view: int = 0
    paths: PathFolding = field(init=False)
    folds: Folds = field(init=False)

    def __post_init__(self) -> None:
        self.paths = PathFolding(self.inventory, self.bitmap, self.state, self.lease, self.later)
        self.folds = self.paths.folds = Folds(
            self, self.inventory.config_of, lambda *_: B0, lambda: 9_000, reach_of=self.paths.reach_of
        )
        self.folds.use_table(self.table)
        self.folds.assigned(EVERY_PARTITION)

    def put_history(self, service: EntityId, transition: bytes) -> None:
        """Not looked at."""

    def do(self, text: str) -> None:
        result, changes = take(self.config, text)
        assert result.accepted, result.rejections
        self.folds.configured(self.inventory.apply(changes).services, NO_SOURCE)

    def id_of(self, name: str) -> EntityId:
        return self.service(name).entity_id

    def see(self, *nodes: NodeId) -> None:
        """The next view has these nodes."""
        self.view += 1
        members = tuple(Member(node, f"{node}-run", frozenset({"edge"} if node == B2 else ())) for node in nodes)
        self.paths.view_accepted(View(ViewId(self.view), self.view, members, B0))

    def report(self, name: str, node: NodeId, state: PathState) -> None:
        """A report stands in the log, and was read."""
        change = self.bitmap.note(self.id_of(name), node, state)
        if change is not None:
            self.paths.changed([change.service])

    def claim(self, *names: str) -> None:
        """This node owns these services."""
        claims = tuple(self.id_of(name) for name in names)
        self.folds.take(ProbeResults(B0, "b0-run", ViewId(self.view), 0, claims, ()), NO_SOURCE)

    def record(self, name: str) -> ServiceState:
        return decode(ServiceState, self.table[self.id_of(name)])

    def state(self, service: EntityId) -> State | None:
        return decode(ServiceState, self.table[service]).state if service in self.table else None

    def service(self, name: str) -> ConfigEntity:
        entity = self.config.entities.find(Kind.SERVICE, name)
        assert entity is not None
        return entity

    def lose_partitions(self) -> None:
        self.folds.revoked()

    def take_over(self) -> None:
        """The partitions come (back), and the takeover is done."""
        self.folds.assigned(EVERY_PARTITION)
        self.paths.taken_over()
        self.paths.keep_house(busy=False)

    def states(self, *names: str) -> list[State | None]:
        return [self.state(self.id_of(name)) for name in names]


def serving(*lines: str, nodes: tuple[NodeId, ...] = (B0, B1)) -> Desk:
    desk = Desk()
    desk.see(*nodes)
    desk.do(f"add service web address=10.0.0.1 port=80 {TOGETHER}")
    for line in lines:
        desk.do(line)
    desk.claim("web")
    return desk


def test_P10_a_report_is_folded_where_the_nodes_decide_together() -> None:
    desk = serving("add service own address=10.0.0.1 port=81 path_monitor=yes health_monitor=no")
    desk.claim("own")
    for name in ("web", "own"):
        desk.report(name, B1, DOWN)
    assert desk.states("web", "own") == [State.DOWN, State.UP]
    assert (desk.record("web").cause.kind, desk.record("web").cause.text) == (CauseKind.PATH, "b1 cannot reach it")
    desk.report("web", B1, UP)
    assert desk.states("web") == [State.UP]
    assert desk.paths.reach_of(desk.id_of("own")) == Reach(DOWN, (B1,)), "kept all the same (P-12)"


def test_P5_only_operational_nodes_count_and_a_view_changes_who_they_are() -> None:
    desk = serving()
    desk.report("web", B2, DOWN)
    assert desk.states("web") == [State.UP]
    desk.see(B0, B1, B2)
    assert desk.states("web") == [State.DOWN]
    desk.see(B0, B2)
    assert desk.states("web") == [State.DOWN]
    desk.see(B0, B1)
    assert desk.states("web") == [State.UP]


def test_A1_only_nodes_that_host_the_service_count() -> None:
    desk = serving("add node_group edge", nodes=(B0, B1, B2))
    desk.report("web", B1, DOWN)
    assert desk.states("web") == [State.DOWN]
    desk.do("bind service web node_group edge")
    assert desk.states("web") == [State.UP]
    assert desk.paths.reach_of(desk.id_of("web")) == Reach(UNKNOWN)
    desk.report("web", B2, DOWN)
    assert desk.paths.reach_of(desk.id_of("web")) == Reach(DOWN, (B2,))
    assert desk.states("web") == [State.DOWN]


def test_P6_reports_that_came_before_the_command_count_with_it() -> None:
    desk = serving("set service web path_monitor=no path_monitor_individual=-")
    desk.report("web", B1, DOWN)
    assert desk.states("web") == [State.UP]
    assert desk.paths.reach_of(desk.id_of("web")) == NOT_REPORTED
    desk.do("set service web path_monitor=yes path_monitor_individual=no")
    assert desk.states("web") == [State.DOWN]
    desk.do("set service web path_monitor=no path_monitor_individual=-")
    assert desk.states("web") == [State.UP]


def test_P10_what_changed_while_nobody_folded_is_found_when_the_takeover_is_done() -> None:
    desk = serving(f"add service shop address=10.0.0.2 port=80 {TOGETHER}")
    desk.claim("shop")
    desk.report("web", B1, DOWN)
    desk.folds.revoked()
    desk.report("web", B1, UP)
    desk.report("shop", B1, DOWN)
    desk.folds.assigned(EVERY_PARTITION)
    desk.paths.taken_over()
    desk.paths.keep_house(busy=True)
    assert desk.states("web", "shop") == [State.DOWN, State.UP]
    desk.paths.keep_house(busy=False)
    assert desk.states("web", "shop") == [State.UP, State.DOWN]


def test_P10_a_new_fold_knows_the_paths_from_its_first_record_on() -> None:
    desk = serving()
    desk.folds.revoked()
    desk.report("web", B1, DOWN)
    desk.folds.assigned(EVERY_PARTITION)
    desk.see(B1, B2)
    desk.claim("web")
    assert desk.states("web") == [State.DOWN]


def test_without_the_lease_it_waits() -> None:
    desk = serving()
    desk.lease.on = False
    desk.report("web", B1, DOWN)
    assert desk.states("web") == [State.UP]
    desk.lease.on = True
    desk.paths.keep_house(busy=False)
    assert desk.states("web") == [State.DOWN]


def test_a_path_of_many_services_is_folded_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds_module.Folds.look_at_paths, "__defaults__", (3,))
    names = [f"s{number}" for number in range(8)]
    desk = serving(*[f"add service {name} address=10.0.0.1 port=80 {TOGETHER}" for name in names])
    desk.claim(*names)
    for name in names:
        desk.bitmap.note(desk.id_of(name), B1, DOWN)
    desk.paths.changed([desk.id_of(name) for name in names])
    seen = [desk.states(*names).count(State.DOWN)]
    while desk.later.calls:
        assert len(desk.later.calls) == 1
        desk.later.tick()
        seen.append(desk.states(*names).count(State.DOWN))
    assert seen == [3, 6, 8]


def test_services_of_other_partitions_are_left_to_their_nodes() -> None:
    desk = serving()
    elsewhere = EVERY_PARTITION - {partition_of(desk.id_of("web"))}
    desk.folds.assigned(elsewhere)
    desk.report("web", B1, DOWN)
    desk.paths.keep_house(busy=False)
    assert desk.states("web") == [State.UP]
