"""The promise with times: owners that declare themselves too late, records that do not count and stay too long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.config import ConfigCommand, Kind, Operation, Setting, Verb
from schemas.identifiers import NodeId, entity_id
from schemas.states import ServiceState
from streams.audit.findings import Bounds, Fault
from streams.audit.past_config import SETTLE_MS, PastConfig, past_config
from streams.audit.promise import Audit, audit
from streams.audit.reigns import owner_in, reigns
from streams.ownership.view import View
from tests.unit.audit.builders import NODES, WEB, change, service_of, state, timed

BOUNDS = Bounds(failover_ms=2_000, repair_ms=500)
LONG = 60_000
VIEWS = [
    (0, change(-1, *NODES, at_ms=1_000)),
    (1, change(0, "b0", "b2", at_ms=20_000)),
    (3, change(1, *NODES, at_ms=40_000)),
]
STALE = replace(state(0, 9), owner=NodeId("b2"))


def judged(*records: tuple[int, ServiceState | None], until_ms: int = LONG) -> Audit:
    return audit(VIEWS, timed(*records), None, BOUNDS, until_ms)


def faults(found: Audit) -> list[Fault]:
    return [breach.fault for breach in found.breaches]


IN_TIME = ((1_500, state(0, 1)), (21_000, state(1, 2)), (41_000, state(3, 3)))


def test_owners_that_declare_themselves_in_time_keep_the_promise() -> None:
    assert faults(judged(*IN_TIME)) == []


@pytest.mark.parametrize("at_ms", [22_001, 39_000])
def test_an_owner_that_takes_longer_than_the_failover_time_is_found(at_ms: int) -> None:
    found = judged(IN_TIME[0], (at_ms, state(1, 2)), IN_TIME[2])
    assert faults(found) == [Fault.LATE_OWNER]
    assert "of view 1 was due, b1 was the last to declare" in found.breaches[0].text


def test_an_owners_time_runs_from_the_end_of_the_last_fault() -> None:
    late = timed(IN_TIME[0], (26_000, state(1, 2)), IN_TIME[2])
    assert faults(audit(VIEWS, late, None, BOUNDS, LONG, calm_since_ms=24_500)) == []
    assert faults(audit(VIEWS, late, None, BOUNDS, LONG, calm_since_ms=23_500)) == [Fault.LATE_OWNER]


def test_an_owner_that_never_declares_itself_is_found_once_it_was_due() -> None:
    assert faults(judged(*IN_TIME[:2])) == [Fault.LATE_OWNER]
    assert faults(judged(*IN_TIME[:2], until_ms=41_999)) == [], "the log ended before it was due"


def test_a_view_that_was_replaced_before_its_owners_were_due_asks_nothing() -> None:
    quick = [VIEWS[0], (1, change(0, "b0", "b2", at_ms=20_000)), (3, change(1, *NODES, at_ms=21_000))]
    assert not audit(quick, timed(IN_TIME[0]), None, BOUNDS, LONG).breaches, "b1 was the owner, and is again"


def test_another_run_of_the_same_node_has_to_declare_itself() -> None:
    again = change(0, *NODES, at_ms=20_000)
    members = tuple(replace(one, incarnation="b1-2") if one.node_id == "b1" else one for one in again.members)
    views = [VIEWS[0], (1, replace(again, members=members))]
    assert faults(audit(views, timed(IN_TIME[0]), None, BOUNDS, LONG)) == [Fault.LATE_OWNER]


def test_a_record_that_does_not_count_may_be_the_last_for_as_long_as_a_repair_takes() -> None:
    repaired = (*IN_TIME[:1], (2_000, STALE), (2_500, state(0, 1)), *IN_TIME[1:])
    found = judged(*repaired)
    assert (faults(found), [(one.for_ms, one.repaired) for one in found.stale]) == ([], [(500, True)])
    late = (*IN_TIME[:1], (2_000, STALE), (2_501, state(0, 1)), *IN_TIME[1:])
    assert faults(judged(*late)) == [Fault.STALE_TOO_LONG]


def test_a_record_that_does_not_count_is_borne_at_the_end_for_as_long() -> None:
    assert faults(judged(*IN_TIME, (59_600, STALE))) == []
    found = judged(*IN_TIME, (59_400, STALE))
    assert (faults(found), [(one.for_ms, one.repaired) for one in found.stale]) == ([Fault.STALE_LAST], [(600, False)])


def test_a_record_made_long_ago_counts_from_when_it_came_in() -> None:
    """A zombie's record carries its own time, and lies behind those of its successor."""
    found = judged(*IN_TIME, (1_600, STALE), (41_300, state(3, 3)))
    assert [one.for_ms for one in found.stale] == [300]


def command(number: int, *operations: Operation) -> tuple[int, int, ConfigCommand]:
    """The command at an offset, at so many seconds."""
    return number, number * 1_000, ConfigCommand(f"c{number}", 0, "test", operations)


def add(kind: Kind, name: str, **settings: Setting) -> Operation:
    return Operation(Verb.ADD, kind, name, settings)


def grouped(verb: Verb) -> Operation:
    return Operation(verb, Kind.SERVICE, "web", {}, Kind.NODE_GROUP, "edge")


HOME = {"address": "127.0.0.1", "port": 80}


def moving() -> PastConfig:
    """A service that only b2, the node of group edge, hosts from 10 s to 30 s."""
    return past_config(
        [
            command(5, add(Kind.SERVICE, "web", **HOME), add(Kind.NODE_GROUP, "edge")),
            command(10, grouped(Verb.BIND)),
            command(30, grouped(Verb.UNBIND)),
            command(50, Operation(Verb.RM, Kind.SERVICE, "web", {})),
        ]
    )


def test_the_past_of_a_service_is_told_by_the_commands() -> None:
    past, service = moving(), entity_id(5, 0)
    assert [(life.from_ms, life.until_ms, *life.kind.node_groups) for life in past.lives[service]] == [
        (5_000, 10_000),
        (10_000, 30_000, "edge"),
        (30_000, 50_000),
    ]
    assert past.at(service, 4_999) is None
    assert past.at(service, 50_000) is None
    assert (life := past.at(service, 29_999)) is not None
    assert life.kind.node_groups == {"edge"}


def test_A1_a_change_of_node_groups_moves_the_owner_within_a_view_and_back_is_no_breach() -> None:
    past, service = moving(), entity_id(5, 0)
    views = [(0, change(-1, *NODES, at_ms=0, groups=("edge",)))]
    view: View = reigns(views)[0].view
    owner = owner_in(service, view)
    assert owner not in (None, "b2"), "the example needs a service that moves"

    def by(node: str, sequence: int) -> ServiceState:
        return replace(
            state(0, sequence, node), entity_id=service, incarnation=f"{node}-1", owner=NodeId(node), name="web"
        )

    def judged_with(*records: tuple[int, ServiceState]) -> list[Fault]:
        placed = [replace(one, entity_id=service) for one in timed(*records)]
        return faults(audit(views, placed, past, BOUNDS, LONG))

    good = ((5_500, by(str(owner), 1)), (10_500, by("b2", 2)), (30_500, by(str(owner), 3)))
    assert judged_with(*good) == []
    assert Fault.TWO_OWNERS in judged_with(*good, (31_000, by("b2", 4)))
    assert judged_with(good[0], good[2]) == [Fault.LATE_OWNER], "b2 never declared itself"


def test_a_service_that_never_had_a_record_is_missed_only_if_it_is_known_to_exist() -> None:
    service = service_of("b1")
    past = past_config([command(int(service.partition("-")[0]), add(Kind.SERVICE, "web", **HOME))])
    assert service == WEB
    assert faults(audit(VIEWS[:1], [], past, BOUNDS, LONG)) == [Fault.LATE_OWNER]
    assert faults(audit(VIEWS[:1], [], None, BOUNDS, LONG)) == []


def test_what_compaction_took_away_is_not_missed() -> None:
    past = past_config([command(0, add(Kind.SERVICE, "web", **HOME))])
    (service,) = past.lives
    owner = str(owner_in(service, reigns(VIEWS)[0].view))
    kept = [replace(timed((41_000, state(3, 3, owner)))[0], entity_id=service)]
    kept = [replace(one, state=one.state and replace(one.state, entity_id=service)) for one in kept]
    assert faults(audit(VIEWS, kept, past, BOUNDS, LONG)) == [Fault.LATE_OWNER, Fault.LATE_OWNER]
    assert faults(audit(VIEWS, kept, past, BOUNDS, LONG, range(64))) == []


def test_a_service_that_was_removed_before_its_owner_was_due_is_not_missed() -> None:
    removed = Operation(Verb.RM, Kind.SERVICE, "web", {})
    early = past_config([command(1, add(Kind.SERVICE, "web", **HOME)), command(2, removed)])
    late = past_config([command(1, add(Kind.SERVICE, "web", **HOME)), command(4, removed)])
    assert faults(audit(VIEWS[:1], [], early, BOUNDS, LONG)) == []
    assert faults(audit(VIEWS[:1], [], late, BOUNDS, LONG)) == [Fault.LATE_OWNER]


def test_A1_who_hosted_a_service_long_before_a_view_owns_it_no_more() -> None:
    past, service = moving(), entity_id(5, 0)
    reign = reigns([(0, change(-1, *NODES, at_ms=45_000, groups=("edge",)))])[0]
    just_after = replace(reign, from_ms=30_000 + SETTLE_MS - 1)
    assert "b2" not in past.owners(service, reign)
    assert past.owners(service, just_after)[0] == "b2", "a node may still go by the command before"


def test_a_service_that_was_added_just_before_a_new_view_is_the_new_owners_to_declare() -> None:
    past = past_config([command(19, add(Kind.SERVICE, "web", **HOME))])
    (service,) = past.lives
    record = timed((21_500, state(1, 1, str(owner_in(service, reigns(VIEWS)[1].view)))))[0]
    declared = [replace(record, entity_id=service)]
    assert faults(audit(VIEWS[:2], declared, past, BOUNDS, LONG)) == []
