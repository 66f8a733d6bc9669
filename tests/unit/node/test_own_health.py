"""U-8 at run time: what counts as a failure of this node, what others must reach, and how long it is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from dataclasses import replace as changed

from schemas.config import Kind
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import ProbeRun, Verdict
from schemas.states import Doubt, ServiceState, State
from streams.node.own_health import SAID_S, OwnHealth
from streams.node.watches import Watches
from streams.ownership.view import Member, View
from tests.unit.folding.builders import probed, up_fold
from tests.unit.node.fakes import Clock
from tests.unit.node.test_inventory import Desk as Config

B0, B1 = NodeId("b0"), NodeId("b1")
NAMES = [f"web{number}" for number in range(40)]
RECORD = up_fold().record
BASE = "\n".join(
    [
        "add monitor tcp type=TCP interval=5s",
        "add monitor shadowed type=TCP interval=5s",
        *(f"add service {name} address=10.0.0.{index % 7 + 1} port=80" for index, name in enumerate(NAMES)),
        *(f"bind service {name} monitor tcp" for name in NAMES),
        *(f"bind service {name} monitor shadowed shadow=yes" for name in NAMES),
    ]
)


class States(dict[EntityId, ServiceState]):
    """What the replica holds."""

    def state_of(self, service: EntityId) -> State | None:
        state = self.get(service)
        return None if state is None else state.state


@dataclass(slots=True)
class Desk:
    """Node b0 beside b1, forty services of an interval of 5 s, all UP."""

    config: Config = field(default_factory=Config)
    states: States = field(default_factory=States)
    clock: Clock = field(default_factory=Clock)
    suspects: frozenset[NodeId] = frozenset()
    only_others_reach: set[EntityId] = field(default_factory=set)
    beats: int = 0
    watches: Watches = field(init=False)
    health: OwnHealth = field(init=False)

    def __post_init__(self) -> None:
        self.config.do(BASE)
        inventory = self.config.inventory
        self.watches = Watches(B0, "run1", lambda service: None)
        self.watches.redistribute(
            View(ViewId(3), 1, (Member(B0, "run1"), Member(B1, "run1")), B0), inventory.placeables.values()
        )
        self.health = OwnHealth(
            B0,
            inventory,
            self.watches,
            self.states,
            lambda: self.suspects,
            self.beat,
            self.clock,
            lambda service: service in self.only_others_reach,
        )
        for service in inventory.services:
            self.become(service)

    def beat(self) -> None:
        self.beats += 1

    def become(self, service: EntityId, state: State = State.UP, doubt: Doubt | None = None) -> None:
        assert RECORD is not None
        owner = B0 if service in self.watches.owned_services else B1
        self.states[service] = changed(RECORD, entity_id=service, state=state, owner=owner, doubt=doubt)

    @property
    def own(self) -> list[EntityId]:
        return sorted(self.watches.owned_services)

    @property
    def others(self) -> list[EntityId]:
        return sorted(self.states.keys() - self.watches.owned_services)

    def run(self, service: EntityId, verdict: Verdict, monitor: str = "tcp") -> ProbeRun:
        return changed(probed(1, verdict, service=service), monitor_id=self.config.of(Kind.MONITOR, monitor))

    def fail(self, services: Iterable[EntityId], monitor: str = "tcp") -> None:
        self.health.reported([self.run(service, Verdict.DOWN, monitor) for service in services])

    def suspect(self) -> bool:
        self.clock.now_s += 1
        return self.health.suspect()


def cut_off() -> Desk:
    desk = Desk()
    desk.fail(desk.own)
    assert desk.suspect()
    return desk


def test_U8_a_node_whose_services_all_fail_while_others_are_up_is_suspect_and_says_so_at_once() -> None:
    desk = Desk()
    assert not desk.suspect()
    desk.fail(desk.own)
    assert desk.suspect()
    assert (desk.health.said, desk.beats) == (True, 1)


def test_U8_where_the_others_are_down_too_it_is_not() -> None:
    desk = Desk()
    for service in desk.others:
        desk.become(service, State.DOWN)
    desk.fail(desk.own)
    assert not desk.suspect()
    assert desk.health.said, "so that the others do not lean on this one"


def test_U8_what_only_others_can_ping_is_beyond_this_nodes_reach_whatever_theirs_do() -> None:
    desk = Desk()
    for service in desk.others:
        desk.become(service, State.DOWN)
    desk.fail(desk.own)
    desk.only_others_reach = set(desk.own[: len(desk.own) // 2])
    assert not desk.suspect()
    desk.only_others_reach = set(desk.own[: len(desk.own) // 2 + 1])
    assert desk.suspect()


def test_U8_what_is_held_up_by_a_doubt_or_told_by_a_suspect_is_no_evidence() -> None:
    for held in (Doubt(B0, 1, None), None):
        desk = Desk(suspects=frozenset() if held else frozenset({B1}))
        for service in desk.others:
            desk.become(service, State.UP, held)
        desk.fail(desk.own)
        assert not desk.suspect()


def test_U8_only_own_services_that_are_up_and_bindings_that_count_are_looked_at() -> None:
    desk = Desk()
    desk.fail(desk.others)
    desk.fail(desk.own, "shadowed")
    assert desk.health.failing() == frozenset()
    desk.become(desk.own[0], State.DOWN)
    desk.fail(desk.own)
    assert desk.health.failing() == frozenset(desk.own[1:])


def test_U8_a_success_a_down_for_all_to_see_and_another_owner_take_a_failure_away() -> None:
    desk = Desk()
    first, second, third, *_ = desk.own
    desk.fail(desk.own[:4])
    desk.health.reported([desk.run(first, Verdict.INCONCLUSIVE)])
    assert len(desk.health.failing()) == 4
    desk.health.reported([desk.run(first, Verdict.UP)])
    desk.become(second, State.DOWN)
    desk.health.states_applied([second, third])
    desk.health.stopped([third])
    assert desk.health.failing() == {desk.own[3]}


def test_U8_the_heartbeat_tells_of_it_for_a_while_after_its_end() -> None:
    desk = cut_off()
    last_s = desk.clock.now_s
    desk.health.reported([desk.run(service, Verdict.UP) for service in desk.own])
    assert not desk.suspect()
    desk.health.keep_house()
    assert (desk.health.said, desk.beats) == (True, 1)
    desk.clock.now_s = last_s + SAID_S
    desk.health.keep_house()
    assert (desk.health.said, desk.beats) == (False, 2)


def test_U8_a_suspicion_ends_when_the_others_go_down_too() -> None:
    desk = cut_off()
    for service in desk.others:
        desk.become(service, State.DOWN)
    assert not desk.suspect()
