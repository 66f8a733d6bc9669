"""States on their way to Kafka: newest wins, nothing lost, nothing without the lease (S-4, S-5, S-6)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from schemas.identifiers import PARTITIONS, EntityId, Partition, partition_of
from streams.tables import outbox
from streams.tables.outbox import CAPACITY, FLUSH_INTERVAL_S, Outbox
from tests.unit.node.fakes import Later, RecordingSender, Sent, Switch

STATES, HISTORY = "service-states", "service-transitions"
WEB, API = EntityId("5-0"), EntityId("5-1")
EVERY = frozenset(Partition(number) for number in range(PARTITIONS))


@dataclass(slots=True)
class Desk:
    """An outbox with everything around it in the test's hands."""

    sender: RecordingSender = field(default_factory=RecordingSender)
    lease: Switch = field(default_factory=Switch)
    later: Later = field(default_factory=Later)
    ours: frozenset[Partition] = EVERY
    superseded: set[bytes | None] = field(default_factory=set)
    box: Outbox = field(init=False)

    def __post_init__(self) -> None:
        self.box = Outbox(
            self.sender,
            STATES,
            HISTORY,
            self.lease,
            self.later,
            lambda partition: partition in self.ours,
            lambda _, state: state in self.superseded,
        )

    def ticks(self) -> list[Sent]:
        self.later.tick()
        return self.sender.take()


def values(sent: list[Sent]) -> list[bytes | None]:
    return [record.value for record in sent]


def test_S4_what_is_put_leaves_with_the_tick_10_ms_later() -> None:
    desk = Desk()
    desk.box.put(WEB, b"1")
    desk.box.put(API, None)
    assert desk.sender.sent == []
    assert [delay_s for delay_s, _, _ in desk.later.calls] == [FLUSH_INTERVAL_S] == [0.010]
    sent = desk.ticks()
    assert [(record.topic, record.partition, record.key, record.value) for record in sent] == [
        (STATES, partition_of(WEB), WEB.encode(), b"1"),
        (STATES, partition_of(API), API.encode(), None),
    ]
    assert desk.later.calls == [], "nothing waits, so nothing is due"
    assert desk.box.sent == 2


def test_S5_the_newest_state_of_70_000_services_leaves_and_none_is_lost() -> None:
    desk = Desk(lease=Switch(on=False))
    services = [EntityId(f"{number}-0") for number in range(70_000)]
    for text in (b"old", b"new"):
        for service in services:
            desk.box.put(service, text)
    assert len(desk.box) == 70_000
    assert desk.ticks() == []
    desk.lease.on = True
    sent = desk.ticks()
    assert {record.key for record in sent} == {service.encode() for service in services}
    assert len(sent) == 70_000
    assert set(values(sent)) == {b"new"}
    assert len(desk.box) == 0


def test_F3_what_the_view_gives_to_another_is_not_sent_even_with_the_lease() -> None:
    desk = Desk(ours=frozenset({partition_of(WEB)}))
    assert partition_of(API) != partition_of(WEB)
    desk.box.put(API, b"a zombie's")
    desk.box.put(WEB, b"ours")
    assert values(desk.ticks()) == [b"ours"]
    assert desk.ticks() == []
    desk.ours = EVERY
    assert values(desk.ticks()) == [b"a zombie's"], "the view gives it to this node after all"


def test_S5_a_full_queue_keeps_the_rest_for_the_next_tick_in_order() -> None:
    desk = Desk(RecordingSender(room=3))
    services = [EntityId(f"{number}-0") for number in range(8)]
    for service in services:
        desk.box.put(service, service.encode())
    first = values(desk.ticks())
    desk.box.put(services[7], b"newer")
    desk.sender.room = None
    assert [*first, *values(desk.ticks())] == [*(service.encode() for service in services[:7]), b"newer"]


def test_S5_beyond_its_capacity_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "CAPACITY", 2)
    desk = Desk()
    desk.box.put(WEB, b"1")
    desk.box.put(API, b"1")
    desk.box.put(API, b"2")
    with pytest.raises(RuntimeError, match="more than one cluster"):
        desk.box.put(EntityId("6-0"), b"1")
    assert CAPACITY >= 140_000


def test_nothing_is_sent_without_the_lease_and_all_of_it_after() -> None:
    desk = Desk(lease=Switch(on=False))
    desk.box.put(WEB, b"1")
    desk.box.put_history(WEB, b"line")
    for _ in range(3):
        assert desk.ticks() == []
    assert desk.box.held_back == 3
    desk.lease.on = True
    assert values(desk.ticks()) == [b"1", b"line"]


def test_the_lease_is_asked_before_each_send() -> None:
    class Expiring(Switch):
        left = 4

        def __call__(self) -> bool:
            self.left -= 1
            return self.left > 0

    desk = Desk(lease=Expiring())
    for number in range(10):
        desk.box.put(EntityId(f"{number}-0"), b"1")
    assert 0 < len(desk.ticks()) <= 3
    assert len(desk.box) >= 7


def test_S5_what_was_not_delivered_comes_back() -> None:
    desk = Desk()
    desk.box.put(WEB, b"1")
    (record,) = desk.ticks()
    record.settle("_MSG_TIMED_OUT")
    desk.box.flush()
    assert values(desk.sender.take()) == [b"1"]


def test_S5_a_tombstone_that_was_not_delivered_comes_back() -> None:
    desk = Desk()
    desk.box.put(WEB, None)
    (record,) = desk.ticks()
    record.settle("_MSG_TIMED_OUT")
    desk.box.flush()
    assert values(desk.sender.take()) == [None]


def test_S5_undelivered_gives_way_to_a_newer_one_that_waits() -> None:
    desk = Desk()
    desk.box.put(WEB, b"1")
    (record,) = desk.ticks()
    desk.box.put(WEB, b"2")
    record.settle("_MSG_TIMED_OUT")
    assert values(desk.ticks()) == [b"2"]


def test_S5_undelivered_gives_way_to_a_newer_one_that_was_sent() -> None:
    desk = Desk()
    desk.box.put(WEB, b"1")
    (old,) = desk.ticks()
    desk.box.put(WEB, b"2")
    (new,) = desk.ticks()
    new.settle()
    old.settle("_MSG_TIMED_OUT")
    desk.box.flush()
    assert desk.sender.take() == [], "an old state never goes behind a newer one"


def test_S5_of_two_undelivered_states_the_newer_comes_back() -> None:
    for order in (0, 1), (1, 0):
        desk = Desk()
        records = []
        for text in (b"1", b"2"):
            desk.box.put(WEB, text)
            records += desk.ticks()
        for index in order:
            records[index].settle("_PURGE_INFLIGHT")
        desk.box.flush()
        assert values(desk.sender.take()) == [b"2"]


def test_what_waits_for_a_partition_that_went_away_goes_with_it() -> None:
    desk = Desk(lease=Switch(on=False))
    desk.box.put(WEB, b"1")
    desk.box.put(API, b"1")
    assert desk.box.drop_except({partition_of(API)}) == 1
    desk.lease.on = True
    assert [record.key for record in desk.ticks()] == [API.encode()]
    assert desk.box.drop_except(EVERY) == 0


def test_what_was_on_its_way_when_the_partition_went_does_not_come_back() -> None:
    desk = Desk()
    desk.box.put(WEB, b"1")
    (record,) = desk.ticks()
    desk.box.drop_except(EVERY - {partition_of(WEB)})
    record.settle("_PURGE_INFLIGHT")
    desk.box.flush()
    assert desk.sender.take() == []
    desk.box.drop_except(EVERY)
    desk.box.put(WEB, b"2")
    assert values(desk.ticks()) == [b"2"], "and the partition may come again"


def test_S6_history_stays_behind_every_state() -> None:
    desk = Desk(RecordingSender(room=1))
    desk.box.put_history(WEB, b"line 1")
    desk.box.put(WEB, b"1")
    desk.box.put(API, b"1")
    assert values(desk.ticks()) == [b"1"]
    desk.sender.room = 2
    assert values(desk.ticks()) == [b"1", b"line 1"]


def test_S6_history_keeps_its_order_over_a_full_queue_and_a_failure() -> None:
    desk = Desk(RecordingSender(room=2))
    for number in range(4):
        desk.box.put_history(WEB, b"line %d" % number)
    first = desk.ticks()
    for record in first:
        record.settle("_MSG_TIMED_OUT")
    desk.sender.room = None
    assert values(desk.ticks()) == [b"line 0", b"line 1", b"line 2", b"line 3"]
    assert {record.topic for record in first} == {HISTORY}


def test_history_of_a_state_that_left_is_told_even_when_the_partition_went() -> None:
    desk = Desk(RecordingSender(room=1))
    desk.box.put(WEB, b"1")
    desk.box.put_history(WEB, b"told")
    desk.ticks()
    desk.box.put(API, b"1")
    desk.box.put_history(API, b"never so")
    desk.box.drop_except(EVERY - {partition_of(API), partition_of(WEB)})
    desk.sender.room = None
    assert values(desk.ticks()) == [b"told"]


def test_F3_history_of_a_state_that_may_have_arrived_is_told_though_its_partition_went() -> None:
    desk = Desk(RecordingSender(room=1))
    desk.box.put(WEB, b"1")
    desk.box.put_history(WEB, b"line 1")
    (state,) = desk.ticks()
    state.settle("_MSG_TIMED_OUT")
    desk.box.put(API, b"2")
    desk.box.put_history(API, b"line 2")
    assert desk.box.drop_except(()) == 2
    desk.sender.room = None
    desk.box.flush()
    assert values(desk.sender.take()) == [b"line 1"], "the other was never sent"


def test_S10_what_another_told_first_while_it_had_the_partition_is_not_told_again() -> None:
    desk = Desk(ours=frozenset())
    desk.box.put(WEB, b"a zombie's")
    desk.box.put_history(WEB, b"a zombie's line")
    desk.box.put(API, b"news")
    assert desk.ticks() == []
    desk.superseded = {b"a zombie's"}
    assert desk.box.drop_except(EVERY) == 1
    desk.ours = EVERY
    assert values(desk.ticks()) == [b"news"]


def test_S10_what_comes_back_undelivered_is_not_sent_behind_what_another_told_since() -> None:
    desk = Desk()
    desk.box.put(WEB, b"late")
    desk.box.put(API, b"news")
    late, news = desk.ticks()
    desk.superseded = {b"late"}
    for record in (late, news):
        record.settle("_MSG_TIMED_OUT")
    desk.box.flush()
    assert values(desk.sender.take()) == [b"news"]
