"""The folds of a node's partitions: what waits, what is made anew, what is written, and for whom (V-4, S-10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from dataclasses import replace as changed

import pytest

from connectors.replica.state_map import StaleRecord
from schemas.codec import decode, encode
from schemas.identifiers import ViewId
from schemas.probes import Verdict
from schemas.states import CauseKind, ServiceState, State
from streams.agents import early as early_module
from streams.agents import folds as folds_module
from streams.folding.facts import Refusal
from tests.unit.agents.folds_desk import COMMAND, HERE, NOT_HERE, Desk, configured, ids
from tests.unit.folding.builders import B0, B1, CONFIG, HTTP, WEB, probed


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
    monkeypatch.setattr(early_module, "EARLY_SERVICES", 3)
    monkeypatch.setattr(early_module, "EARLY_BATCHES", 2)
    desk = Desk()
    services = ids(HERE)[:5]
    for sequence in range(1, 5):
        for service in services:
            desk.take(probed(sequence, service=service, count=sequence))
    assert len(desk.folds._early._batches) == 3
    assert all(len(batches) <= 2 for batches in desk.folds._early._batches.values())


def test_a_large_batch_before_its_configuration_is_kept_once_each() -> None:
    desk = Desk()
    services = tuple(ids(HERE))
    desk.take(*(probed(n, service=service) for n, service in enumerate(services, 1)), claims=services)
    kept = [results for batches in desk.folds._early._batches.values() for results, _ in batches]
    assert len(kept) == len(services)
    assert all(len(results.claims) == len(results.runs) == 1 for results in kept)


def test_what_waited_goes_when_the_partition_goes_or_the_service_is_removed() -> None:
    desk = Desk()
    one, two = ids(HERE)[:2]
    desk.take(claims=(one, two))
    desk.folds.configured([one], COMMAND)
    assert set(desk.folds._early._batches) == {two}
    desk.folds.revoked()
    desk.folds.assigned([HERE])
    assert set(desk.folds._early._batches) == {two}, "the same partition again: its batches will not come twice"
    desk.folds.assigned([NOT_HERE])
    assert not desk.folds._early._batches


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


def test_S10_two_records_of_one_order_are_answered_with_the_next_order_once() -> None:
    desk = Desk()
    writes = Writes()
    desk.folds.use_table(writes)
    desk.take(probed(1))
    held = decode(ServiceState, writes[WEB])
    writes.noted.clear()
    order = (held.view_id, held.sequence)
    fork = StaleRecord(WEB, HERE, 9, order, order)
    assert desk.folds.settle_forks([fork]) == 1
    anew = decode(ServiceState, writes[WEB])
    assert (anew.view_id, anew.sequence) == (held.view_id, held.sequence + 1)
    assert changed(anew, sequence=held.sequence, updated_at_ms=held.updated_at_ms) == held
    assert desk.folds.settle_forks([fork]) == 0, "it is on its way, and not read back yet"
    elsewhere = changed(fork, entity_id=ids(NOT_HERE)[0])
    assert desk.folds.settle_forks([elsewhere]) == 0
    assert writes.noted == [WEB]


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
