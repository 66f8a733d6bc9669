"""The folds of a node's partitions: what waits, what is made anew, what is written, and for whom (V-4, S-10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from dataclasses import replace as changed

import pytest

from schemas.codec import decode, encode
from schemas.identifiers import PARTITIONS, EntityId, NodeId, Partition, ViewId, partition_of
from schemas.probes import ProbeResults, ProbeRun, Verdict
from schemas.states import CauseKind, ServiceState, ServiceTransition, State
from streams.agents import folds as folds_module
from streams.agents.folds import Folds
from streams.folding.events import ServiceConfig, Source
from streams.folding.facts import AlertKind, Refusal
from tests.unit.folding.builders import B0, B1, CONFIG, HTTP, WEB, probed

HERE, NOT_HERE = partition_of(WEB), Partition((partition_of(WEB) + 1) % PARTITIONS)
RESULTS, COMMAND = Source("probe-results", HERE, 70), Source("config-commands", 0, 5)


def ids(partition: Partition) -> list[EntityId]:
    return [service for n in range(1_000) if partition_of(service := EntityId(f"{n}-7")) == partition]


def configured(service: EntityId) -> ServiceConfig:
    return changed(CONFIG, entity_id=service, name=f"s{service}")


@dataclass(slots=True)
class Desk:
    """Folds with a table, a configuration and a history in the test's hands."""

    table: dict[str, bytes] = field(default_factory=dict)
    configs: dict[EntityId, ServiceConfig] = field(default_factory=lambda: {WEB: CONFIG})
    history: list[ServiceTransition] = field(default_factory=list)
    owner: Callable[[EntityId, ViewId], NodeId | None] = lambda service, view: B0
    now_ms: int = 9_000
    folds: Folds = field(init=False)

    def __post_init__(self) -> None:
        self.folds = Folds(self, self.configs.get, lambda service, view: self.owner(service, view), lambda: self.now_ms)
        self.folds.use_table(self.table)
        self.folds.assigned([HERE])

    def put_history(self, service: EntityId, transition: bytes) -> None:
        self.history.append(decode(ServiceTransition, transition))

    def state(self, service: EntityId = WEB) -> ServiceState | None:
        return decode(ServiceState, self.table[service]) if service in self.table else None

    def take(self, *runs: ProbeRun, claims: tuple[EntityId, ...] = (), view: int = 3, node: NodeId = B0) -> None:
        self.folds.take(ProbeResults(node, f"{node}-run", ViewId(view), 0, claims, runs), RESULTS)


def test_a_result_becomes_a_state_in_the_table_and_a_line_of_history() -> None:
    desk = Desk()
    desk.take(probed(1))
    state = desk.state()
    assert state is not None
    assert (state.state, state.owner, state.view_id, state.sequence) == (State.UP, B0, 3, 1)
    assert (state.cause.topic, state.cause.partition, state.cause.offset) == ("probe-results", HERE, 70)
    assert [(line.before, line.after) for line in desk.history] == [(State.UNKNOWN, State.UP)]
    assert desk.folds[WEB].record == state
    assert desk.folds.folded_runs == 1


def test_V4_a_claim_makes_a_record_even_if_nothing_changed() -> None:
    desk = Desk()
    desk.take(probed(1))
    desk.take(claims=(WEB,), view=4)
    state = desk.state()
    assert state is not None
    assert (state.view_id, state.state, state.cause.kind) == (4, State.UP, CauseKind.OWNERSHIP)
    assert len(desk.history) == 1


def test_who_is_not_the_owner_is_refused_and_counted() -> None:
    desk = Desk()
    desk.take(probed(1), node=B1)
    assert desk.table == {}
    assert desk.folds.refused[Refusal.NOT_OWNER] == 1
    desk.owner = lambda service, view: None
    desk.take(probed(1))
    assert desk.folds.refused[Refusal.NO_OWNER] == 1


def test_partitions_of_others_are_not_folded() -> None:
    desk = Desk()
    desk.folds.assigned([NOT_HERE])
    desk.take(probed(1), claims=(WEB,))
    assert desk.table == {}
    assert desk.folds.get(WEB) is None
    assert WEB not in desk.folds
    desk.folds.assigned([HERE])
    assert desk.table == {}, "and nothing was kept of them"


def test_a_fold_goes_on_where_the_table_stands() -> None:
    desk = Desk()
    desk.take(probed(1))
    desk.folds.assigned([HERE])
    assert len(desk.folds) == 0
    desk.take(probed(1))
    assert desk.folds.refused[Refusal.DUPLICATE] == 1, "the numbers of reports are in the record"
    for sequence in (2, 3, 4):
        desk.take(probed(sequence, Verdict.DOWN, run=2, count=sequence - 1))
    state = desk.state()
    assert state is not None
    assert (state.state, state.sequence) == (State.DOWN, 2)


def test_after_an_assignment_what_another_node_wrote_meanwhile_holds() -> None:
    desk = Desk()
    desk.take(probed(1))
    mine = desk.state()
    assert mine is not None
    desk.folds.revoked()
    desk.take(probed(2))
    theirs = changed(mine, view_id=ViewId(8), owner=B1, incarnation="b1-run", sequence=4)
    desk.table[WEB] = encode(theirs)
    desk.folds.assigned([HERE])
    assert desk.folds[WEB].record == theirs
    desk.take(probed(3), view=7)
    assert desk.folds.refused[Refusal.OBSOLETE_VIEW] == 1


def test_results_before_their_configuration_wait_for_it() -> None:
    desk = Desk()
    del desk.configs[WEB]
    desk.take(claims=(WEB,))
    desk.take(probed(1, Verdict.DOWN, count=1))
    desk.take(probed(2, Verdict.DOWN, count=3))
    assert desk.table == {}
    assert desk.folds.refused[Refusal.UNKNOWN_SERVICE] == 3
    desk.configs[WEB] = CONFIG
    desk.folds.configured([WEB], COMMAND)
    state = desk.state()
    assert state is not None
    assert (state.state, state.sequence) == (State.DOWN, 2), "the claim first, then both reports in order"


def test_of_a_batch_only_what_is_unknown_waits() -> None:
    desk = Desk()
    other = ids(HERE)[0]
    desk.take(probed(1), probed(2, service=other), probed(3, Verdict.DOWN, run=2), claims=(other, WEB))
    assert desk.folds.refused[Refusal.UNKNOWN_SERVICE] == 2
    sequence = desk.state()
    desk.configs[other] = configured(other)
    desk.folds.configured([other], COMMAND)
    assert desk.state() == sequence, "its neighbours are not folded twice"
    state = desk.state(other)
    assert state is not None
    assert (state.state, state.sequence) == (State.UP, 2)
    assert desk.folds.refused[Refusal.DUPLICATE] == 0


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds_module, "EARLY_SERVICES", 3)
    monkeypatch.setattr(folds_module, "EARLY_BATCHES", 2)
    desk = Desk()
    services = ids(HERE)[:5]
    for sequence in range(1, 5):
        for service in services:
            desk.take(probed(sequence, service=service, count=sequence))
    assert len(desk.folds._early) == 3
    assert all(len(batches) <= 2 for batches in desk.folds._early.values())


def test_a_large_batch_before_its_configuration_is_kept_once_each() -> None:
    desk = Desk()
    services = tuple(ids(HERE))
    desk.take(*(probed(n, service=service) for n, service in enumerate(services, 1)), claims=services)
    kept = [results for batches in desk.folds._early.values() for results, _ in batches]
    assert len(kept) == len(services)
    assert all(len(results.claims) == len(results.runs) == 1 for results in kept)


def test_what_waited_goes_when_the_partition_goes_or_the_service_is_removed() -> None:
    desk = Desk()
    one, two = ids(HERE)[:2]
    desk.take(claims=(one, two))
    desk.folds.configured([one], COMMAND)
    assert set(desk.folds._early) == {two}
    desk.folds.revoked()
    desk.folds.assigned([HERE])
    assert set(desk.folds._early) == {two}, "the same partition again: its batches will not come twice"
    desk.folds.assigned([NOT_HERE])
    assert not desk.folds._early


def test_a_changed_configuration_is_told_with_the_command_as_its_cause() -> None:
    for made_before in (True, False):
        desk = Desk()
        desk.take(probed(1))
        if not made_before:
            desk.folds.assigned([HERE])
        desk.configs[WEB] = changed(CONFIG, enabled=False)
        desk.folds.configured([WEB], COMMAND)
        state = desk.state()
        assert state is not None
        assert state.state is State.OUT_OF_SERVICE
        assert (state.cause.kind, state.cause.topic, state.cause.offset) == (CauseKind.CONFIG, "config-commands", 5)
        assert desk.history[-1].after is State.OUT_OF_SERVICE


def test_a_removed_service_leaves_a_tombstone_and_no_fold() -> None:
    desk = Desk()
    desk.take(probed(1))
    del desk.configs[WEB]
    desk.folds.configured([WEB], COMMAND)
    assert desk.table == {}
    assert len(desk.folds) == 0
    desk.folds.configured([WEB], COMMAND)
    desk.take(probed(2))
    assert desk.table == {}


def test_changes_missed_without_the_partition_are_made_up_for_when_it_comes() -> None:
    desk = Desk()
    desk.take(probed(1))
    desk.folds.revoked()
    desk.configs[WEB] = changed(CONFIG, enabled=False)
    desk.folds.configured([WEB], COMMAND)
    before = desk.state()
    assert before is not None
    assert before.state is State.UP
    desk.folds.assigned([HERE])
    after = desk.state()
    assert after is not None
    assert after.state is State.OUT_OF_SERVICE


def test_a_removal_missed_meanwhile_is_left_to_the_partition_s_node() -> None:
    desk = Desk()
    desk.take(probed(1))
    desk.folds.revoked()
    del desk.configs[WEB]
    desk.folds.configured([WEB], COMMAND)
    desk.folds.assigned([NOT_HERE])
    assert WEB in desk.table, "its tombstone is another's to write"
    desk.folds.assigned([HERE])
    assert desk.table == {}, "and ours when the partition comes here"


def test_many_missed_changes_are_made_up_for_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    services = ids(HERE)[:5]
    for number, service in enumerate(services, 1):
        desk.configs[service] = configured(service)
        desk.take(probed(number, service=service))
    desk.folds.revoked()
    for service in services:
        desk.configs[service] = changed(configured(service), enabled=False)
    desk.folds.configured(services, COMMAND)
    desk.folds.assigned([NOT_HERE])
    assert desk.folds.make_up() == 0, "none of them is ours yet"
    monkeypatch.setattr(folds_module.Folds.make_up, "__defaults__", (0,))
    desk.folds.assigned([HERE])
    assert [desk.folds.make_up(2) for _ in range(4)] == [3, 1, 0, 0]
    told = [desk.state(service) for service in services]
    assert all(state is not None and state.state is State.OUT_OF_SERVICE for state in told)


def test_remove_unconfigured_touches_only_partitions_of_ours() -> None:
    desk = Desk()
    other = ids(NOT_HERE)[0]
    desk.table.update({WEB: b"", other: b""})
    assert desk.folds.remove_unconfigured([WEB, other]) == 1
    assert set(desk.table) == {other}


@dataclass(slots=True)
class Writes(dict[str, bytes]):
    """A table that notes each write, as the outbox would see it."""

    noted: list[str] = field(default_factory=list)

    def __setitem__(self, key: str, value: bytes) -> None:
        self.noted.append(key)
        dict.__setitem__(self, key, value)

    def __delitem__(self, key: str) -> None:
        self.noted.append(f"-{key}")
        self.pop(key, None)


def test_F3_a_stale_record_behind_ours_is_answered_with_ours() -> None:
    desk = Desk()
    writes = Writes()
    desk.folds.use_table(writes)
    desk.take(probed(1))
    held = writes[WEB]
    writes.noted.clear()
    other = ids(NOT_HERE)[0]
    dict.__setitem__(writes, other, b"theirs")
    assert desk.folds.repair([WEB, other]) == 1
    assert writes.noted == [WEB]
    assert writes[WEB] == held


def test_F3_a_stale_record_behind_a_removal_is_answered_with_a_tombstone() -> None:
    desk = Desk()
    writes = Writes()
    desk.folds.use_table(writes)
    assert desk.folds.repair([WEB]) == 0, "configured, and nothing told yet: nothing to repair with"
    del desk.configs[WEB]
    assert desk.folds.repair([WEB]) == 1
    assert writes.noted == [f"-{WEB}"]


def test_a_fault_in_a_batch_leaves_no_fold_ahead_of_the_table() -> None:
    class Broken(dict[str, bytes]):
        def __setitem__(self, key: str, value: bytes) -> None:
            raise ValueError("the table is broken")

    desk = Desk()
    desk.folds.use_table(Broken())
    with pytest.raises(ValueError, match="broken"):
        desk.take(probed(1))
    desk.folds.use_table(desk.table)
    desk.take(probed(1))
    state = desk.state()
    assert state is not None
    assert (state.sequence, state.bindings[0].monitor_id) == (1, HTTP)


def test_a_new_table_makes_every_fold_anew() -> None:
    desk = Desk()
    desk.take(probed(1))
    desk.folds.use_table({})
    assert len(desk.folds) == 0
    assert desk.folds[WEB].record is None


LEAVING = changed(CONFIG, enabled=False, leave_ms=60_000)


def leaving_desk() -> Desk:
    """A service that was UP and is disabled with a delay of 60 s at 9 s."""
    desk = Desk()
    desk.take(probed(1))
    desk.configs[WEB] = LEAVING
    desk.folds.configured([WEB], COMMAND)
    return desk


def told(desk: Desk) -> State:
    state = desk.state()
    assert state is not None
    return state.state


def test_M20_a_delay_is_over_when_housekeeping_says_what_time_it_is() -> None:
    desk = leaving_desk()
    assert told(desk) is State.GOING_OUT_OF_SERVICE
    desk.now_ms = 68_999
    assert desk.folds.pass_time() == 0
    desk.now_ms = 69_000
    assert desk.folds.pass_time() == 1
    assert told(desk) is State.OUT_OF_SERVICE
    assert desk.folds.pass_time() == 0
    assert [line.after for line in desk.history] == [State.UP, State.GOING_OUT_OF_SERVICE, State.OUT_OF_SERVICE]


def test_M20_a_delay_goes_on_at_the_partitions_next_node_though_nothing_is_reported() -> None:
    before = leaving_desk()
    desk = Desk(table=before.table, configs=before.configs, now_ms=70_000)
    assert desk.folds.pass_time() == 0, "no fold of it has been made"
    assert desk.folds.pass_time(leaving=[WEB]) == 1
    assert told(desk) is State.OUT_OF_SERVICE


def test_M20_what_is_due_elsewhere_is_not_ours() -> None:
    desk = leaving_desk()
    desk.folds.assigned([NOT_HERE])
    desk.now_ms = 100_000
    assert desk.folds.pass_time(leaving=[WEB]) == 0
    assert told(desk) is State.GOING_OUT_OF_SERVICE


def test_M20_enabled_before_the_delay_is_over_nothing_falls_due() -> None:
    desk = leaving_desk()
    desk.configs[WEB] = CONFIG
    desk.folds.configured([WEB], COMMAND)
    desk.now_ms = 100_000
    assert desk.folds.pass_time() == 0
    assert told(desk) is State.UNKNOWN


def test_M20_each_change_while_held_puts_the_end_off() -> None:
    desk = Desk()
    damped = changed(CONFIG.bindings[0], retries=1)
    desk.configs[WEB] = changed(CONFIG, bindings=(damped,), flap_changes=1, flap_window_ms=10_000)
    for number, verdict in enumerate([Verdict.UP, Verdict.DOWN, Verdict.UP, Verdict.DOWN, Verdict.UP], 1):
        desk.now_ms += 1_000
        desk.take(probed(number, verdict, run=number))
    assert told(desk) is State.DOWN
    desk.now_ms += 9_999
    assert desk.folds.pass_time() == 0
    desk.now_ms += 1
    assert desk.folds.pass_time() == 1
    assert told(desk) is State.UP


def test_M18_alerts_are_counted() -> None:
    desk = Desk()
    desk.configs[WEB] = changed(CONFIG, bindings=(changed(CONFIG.bindings[0], alert_retries=2),))
    desk.take(probed(1, Verdict.DOWN, count=5))
    assert desk.folds.alerts[AlertKind.PROBES_FAILED] == 1
