"""Results on their way: one batch a tick for each partition and view, in the order made, only under the lease."""

from __future__ import annotations

from dataclasses import dataclass, field
from dataclasses import replace as changed

import pytest

from schemas.codec import decode
from schemas.identifiers import EntityId, NodeId, ViewId, partition_of
from schemas.limits import DETAIL_CHARACTERS
from schemas.probes import ProbeResults, ProbeRun, Verdict
from schemas.topics import PROBE_RESULTS
from streams.faust_app.identity import NodeIdentity
from streams.node import results
from streams.node.results import (
    AT_ONCE_S,
    CALM_S,
    CLAIMS_PER_BATCH,
    LAZY_S,
    LONGEST_TICK_S,
    RUNS_PER_BATCH,
    TAKEOVER_WAITS,
    TICK_S,
    ResultPublisher,
)
from tests.unit.folding.builders import HTTP, TCP, WEB, probed
from tests.unit.node.fakes import Later, RecordingSender, Sent, Switch

API = EntityId("5-1")


class Clock:
    """A clock that stands still."""

    def monotonic(self) -> float:
        return 0.0


@dataclass(slots=True)
class Desk:
    """A publisher of node b0 with everything around it in the test's hands."""

    flags: dict[EntityId, ViewId] = field(default_factory=lambda: {WEB: ViewId(7), API: ViewId(7)})
    sender: RecordingSender = field(default_factory=RecordingSender)
    lease: Switch = field(default_factory=Switch)
    later: Later = field(default_factory=Later)
    takeover: Switch = field(default_factory=lambda: Switch(False))
    publisher: ResultPublisher = field(init=False)

    def __post_init__(self) -> None:
        self.publisher = ResultPublisher(
            NodeIdentity(NodeId("b0"), "b0-run"),
            self.sender,
            "probe-results",
            self.flags.get,
            self.lease,
            self.later,
            lambda: 1_000,
            taking_over=self.takeover,
        )

    def tick(self) -> list[ProbeResults]:
        return [batch_of(record) for record in self.sent()]

    def sent(self) -> list[Sent]:
        self.later.tick()
        return self.sender.take()


def batch_of(record: Sent) -> ProbeResults:
    return decode(ProbeResults, record.value, PROBE_RESULTS.record_bytes)


def sequences(batches: list[ProbeResults]) -> list[int]:
    return [run.sequence for batch in batches for run in batch.runs]


def test_reports_of_a_tick_go_out_together_with_who_speaks_under_which_view() -> None:
    desk = Desk()
    desk.publisher.report([probed(1)])
    desk.publisher.report([probed(2, monitor=TCP)])
    assert [delay_s for delay_s, _, _ in desk.later.calls] == [TICK_S]
    (record,) = desk.sent()
    batch = batch_of(record)
    assert (record.topic, record.partition, record.key) == ("probe-results", partition_of(WEB), b"b0")
    assert (batch.node_id, batch.incarnation, batch.view_id, batch.sent_at_ms) == ("b0", "b0-run", 7, 1_000)
    assert [run.monitor_id for run in batch.runs] == [HTTP, TCP]
    assert desk.later.calls == []


def test_batches_are_apart_by_partition_and_by_view() -> None:
    same_partition = next(
        EntityId(f"{number}-0")
        for number in range(6, 10_000)
        if partition_of(EntityId(f"{number}-0")) == partition_of(WEB)
    )
    desk = Desk()
    desk.flags[same_partition] = ViewId(3)
    desk.publisher.report([probed(1), probed(2, service=API), probed(3, service=same_partition)])
    batches = desk.tick()
    assert {(batch.view_id, batch.runs[0].service_id) for batch in batches} == {(7, WEB), (7, API), (3, same_partition)}
    assert all(len({partition_of(run.service_id) for run in batch.runs}) == 1 for batch in batches)


def test_T5_an_old_owner_speaks_under_the_view_in_which_it_owned() -> None:
    desk = Desk()
    desk.flags[WEB] = ViewId(3)
    desk.publisher.report([probed(1)])
    (batch,) = desk.tick()
    assert batch.view_id == 3


def test_M14_what_is_no_longer_this_node_s_is_forgotten() -> None:
    desk = Desk()
    desk.publisher.report([probed(1)])
    desk.publisher.claim([WEB])
    del desk.flags[WEB]
    assert desk.tick() == []
    desk.flags[WEB] = ViewId(9)
    desk.publisher.report([probed(2, monitor=TCP)])
    assert [(batch.claims, [run.sequence for run in batch.runs]) for batch in desk.tick()] == [((), [2])]


def test_V4_claims_go_before_results() -> None:
    desk = Desk()
    desk.publisher.report([probed(1)])
    desk.publisher.claim([WEB, API])
    desk.publisher.claim([WEB])
    batches = desk.tick()
    assert sorted(service for batch in batches for service in batch.claims) == sorted([WEB, API])
    assert [bool(batch.runs) for batch in batches] == [False, False, True]


def test_a_later_report_of_a_run_stands_for_the_earlier_ones() -> None:
    desk = Desk(lease=Switch(on=False))
    for sequence in range(1, 6):
        desk.publisher.report([probed(sequence, count=sequence)])
        assert desk.tick() == []
    desk.publisher.report([probed(6, Verdict.DOWN, run=2)])
    desk.lease.on = True
    (batch,) = desk.tick()
    assert [(run.sequence, run.count) for run in batch.runs] == [(5, 5), (6, 1)]


def test_undelivered_reports_come_back() -> None:
    desk = Desk()
    desk.publisher.report([probed(1)])
    desk.publisher.claim([API])
    for record in desk.sent():
        record.settle("_MSG_TIMED_OUT")
    desk.publisher.keep_house()
    batches = desk.tick()
    assert [batch.claims for batch in batches] == [(API,), ()]
    assert sequences(batches) == [1]


def test_an_undelivered_run_goes_before_the_run_that_followed_it() -> None:
    desk = Desk()
    desk.publisher.report([probed(1, Verdict.DOWN, run=1, count=3)])
    (record,) = desk.sent()
    desk.publisher.report([probed(9, run=2)])
    record.settle("_MSG_TIMED_OUT")
    assert sequences(desk.tick()) == [1, 9], "the fold refuses an older sequence behind a newer one"


def test_of_two_undelivered_reports_of_a_run_the_newer_stands() -> None:
    for order in (0, 1), (1, 0):
        desk = Desk()
        records: list[Sent] = []
        for sequence in (1, 2):
            desk.publisher.report([probed(sequence, count=sequence)])
            records += desk.sent()
        for index in order:
            records[index].settle("_PURGE_QUEUE")
        desk.publisher.keep_house()
        assert sequences(desk.tick()) == [2]


def test_a_full_queue_keeps_everything_for_the_next_tick() -> None:
    desk = Desk(sender=RecordingSender(room=0))
    desk.publisher.report([probed(1)])
    desk.publisher.claim([API])
    assert desk.tick() == []
    assert [delay_s for delay_s, _, _ in desk.later.calls] == [TICK_S]
    desk.sender.room = None
    assert len(desk.tick()) == 2
    assert desk.publisher.batches == 2


def test_what_waits_too_long_is_dropped_from_the_oldest_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "PENDING_RUNS", 3)
    desk = Desk(lease=Switch(on=False))
    desk.publisher.report([probed(sequence, run=sequence) for sequence in range(1, 6)])
    assert desk.publisher.dropped == 2
    desk.lease.on = True
    assert sequences(desk.tick()) == [3, 4, 5]


def test_a_batch_of_the_longest_results_stays_below_the_record_limit() -> None:
    long_id = EntityId(f"{2**40}-{49_999}")
    long = changed(
        probed(2**60, Verdict.DOWN, run=2**60, count=2**60, at_ms=2**45, response_us=2**40),
        service_id=long_id,
        detail="\N{GRINNING FACE}" * DETAIL_CHARACTERS,
    )
    desk = Desk()
    desk.flags[long_id] = ViewId(2**60)
    desk.publisher.report(one_of(long, number) for number in range(3 * RUNS_PER_BATCH))
    records = desk.sent()
    assert len(records) == 3
    assert all(len(record.value or b"") < PROBE_RESULTS.record_bytes for record in records)
    assert sum(len(batch_of(record).runs) for record in records) == 3 * RUNS_PER_BATCH


def one_of(run: ProbeRun, number: int) -> ProbeRun:
    return changed(run, sequence=run.sequence + number, run=run.run + number)


def test_a_batch_of_the_longest_claims_stays_below_the_record_limit() -> None:
    partition = partition_of(WEB)
    ids = (EntityId(f"{2**40}-{number}") for number in range(10**6))
    services = [
        service
        for service, _ in zip(
            (i for i in ids if partition_of(i) == partition), range(CLAIMS_PER_BATCH + 1), strict=False
        )
    ]
    desk = Desk(flags=dict.fromkeys(services, ViewId(2**60)))
    desk.publisher.claim(services)
    records = desk.sent()
    assert [len(batch_of(record).claims) for record in records] == [CLAIMS_PER_BATCH, 1]
    assert all(len(record.value or b"") < PROBE_RESULTS.record_bytes for record in records)


def elsewhere() -> EntityId:
    return next(each for n in range(100) if partition_of(each := EntityId(f"{n}-9")) != partition_of(WEB))


def test_what_is_not_urgent_waits_for_something_urgent_of_its_partition() -> None:
    desk = Desk()
    desk.flags[elsewhere()] = ViewId(7)
    desk.publisher.report([probed(1, monitor=TCP), changed(probed(2), service_id=elsewhere())], lambda run: LAZY_S)
    assert [delay_s for delay_s, _, _ in desk.later.calls] == [LAZY_S]
    lazily = desk.later.calls.pop()
    desk.publisher.report([probed(3)])
    assert [[run.sequence for run in batch.runs] for batch in desk.tick()] == [[1, 3]]
    assert desk.tick() == [], "the other partition's goes on waiting"
    desk.later.calls.append(lazily)
    assert sequences(desk.tick()) == [2]


def test_a_tick_that_sent_many_batches_puts_the_next_one_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "time", Clock())  # no time passes
    desk = Desk()
    services = [EntityId(f"{n}-9") for n in range(2_000)]
    desk.flags.update(dict.fromkeys(services, ViewId(7)))
    desk.publisher.report([changed(probed(1), service_id=service) for service in services])
    assert len(desk.tick()) == PROBE_RESULTS.partitions
    desk.publisher.report([probed(2)])
    ((delay_s, _, _),) = desk.later.calls
    assert TICK_S < delay_s <= LONGEST_TICK_S
    assert sequences(desk.tick()) == [2]
    desk.publisher.report([probed(3)])
    assert [delay_s for delay_s, _, _ in desk.later.calls] == [TICK_S], "one batch puts nothing off"


def test_the_last_report_of_a_run_stands_whether_it_is_urgent_or_not() -> None:
    desk = Desk()
    desk.publisher.report(
        [probed(1), probed(2, count=2), probed(3, count=3)], lambda run: AT_ONCE_S if run.count == 2 else LAZY_S
    )
    assert sequences(desk.tick()) == [3]


def test_F3_what_waited_while_another_owned_the_service_is_not_told_when_it_comes_back() -> None:
    desk = Desk(lease=Switch(on=False))
    desk.publisher.report([probed(5), probed(6, monitor=TCP, service=API)])
    desk.publisher.forget([WEB])
    desk.publisher.report([probed(7)])
    desk.lease.on = True
    assert sorted(sequences(desk.tick())) == [6, 7]


def test_F3_what_comes_back_undelivered_is_as_old() -> None:
    desk = Desk()
    desk.publisher.report([probed(5), probed(6, service=API)])
    sent = desk.sent()
    desk.publisher.forget([WEB])
    for record in sent:
        record.settle("_PURGE_QUEUE")
    desk.publisher.keep_house()
    assert sequences(desk.tick()) == [6]


def test_what_is_not_urgent_waits_for_the_end_of_a_takeover_but_not_for_ever() -> None:
    desk = Desk()
    desk.takeover.on = True
    desk.publisher.report([probed(1)], lambda run: LAZY_S)
    assert [sequences(desk.tick()) for _ in range(TAKEOVER_WAITS + 1)] == [*([[]] * TAKEOVER_WAITS), [1]]
    desk.publisher.report([probed(2)], lambda run: LAZY_S)
    assert desk.tick() == []
    desk.takeover.on = False
    assert sequences(desk.tick()) == [2]


def test_a_summary_waits_longer_than_what_must_be_followed() -> None:
    desk = Desk()
    waits = {1: CALM_S, 2: LAZY_S, 3: CALM_S}
    runs = [probed(1), changed(probed(2), service_id=elsewhere()), probed(3, monitor=TCP)]
    desk.flags[elsewhere()] = ViewId(7)
    desk.publisher.report(runs, lambda run: waits[run.sequence])
    assert [delay_s for delay_s, _, _ in desk.later.calls] == [CALM_S, LAZY_S], "one timer for all that wait alike"
    calm = desk.later.calls.pop(0)
    assert sequences(desk.tick()) == [2]
    desk.later.calls.append(calm)
    assert sequences(desk.tick()) == [1, 3]


def test_a_claim_takes_no_reports_with_it_that_are_not_urgent() -> None:
    desk = Desk()
    desk.publisher.report([probed(1)], lambda run: LAZY_S)
    lazily = desk.later.calls.pop()
    desk.publisher.claim([WEB])
    assert [(batch.claims, batch.runs) for batch in desk.tick()] == [((WEB,), ())]
    desk.later.calls.append(lazily)
    assert sequences(desk.tick()) == [1]
