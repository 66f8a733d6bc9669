"""The outbox over any history of puts, failures, expired leases, full queues and lost partitions (S-5).

What must hold: once Kafka takes everything again, the last state delivered of each service of ours is the newest one
put; and of a service whose partition is another's, nothing is sent any more.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from schemas.identifiers import EntityId, Partition, partition_of
from streams.tables.outbox import Outbox
from tests.unit.node.fakes import Later, RecordingSender, Sent, Switch

SERVICES = [EntityId(f"{number}-0") for number in range(4)]
ALL = frozenset(partition_of(service) for service in SERVICES)


class Traffic(RuleBasedStateMachine):
    """Records on their way may fail late, but of one service only in order, as in one partition."""

    def __init__(self) -> None:
        super().__init__()
        self.sender, self.lease, self.later = RecordingSender(), Switch(), Later()
        self.box = Outbox(self.sender, "states", "history", self.lease, self.later)
        self.ours: frozenset[Partition] = ALL
        self.wanted: dict[bytes, bytes] = {}
        self.delivered: dict[bytes, bytes] = {}
        self.on_the_way: list[Sent] = []
        self.count = 0

    @rule(service=st.sampled_from(SERVICES))
    def put(self, service: EntityId) -> None:
        if partition_of(service) in self.ours:
            self.count += 1
            self.wanted[service.encode()] = b"%d" % self.count
            self.box.put(service, b"%d" % self.count)

    @rule(on=st.booleans(), room=st.none() | st.integers(0, 2))
    def tick(self, on: bool, room: int | None) -> None:
        self.lease.on, self.sender.room = on, room
        self.box.flush()
        sent = self.sender.take()
        assert on or not sent
        assert all(Partition(record.partition) in self.ours for record in sent)
        self.on_the_way += sent

    @rule(service=st.sampled_from(SERVICES), fails=st.booleans())
    def a_fate(self, service: EntityId, fails: bool) -> None:
        record = next((record for record in self.on_the_way if record.key == service.encode()), None)
        if record is not None:
            self.on_the_way.remove(record)
            self.settle(record, fails)

    def settle(self, record: Sent, fails: bool) -> None:
        record.settle("_MSG_TIMED_OUT" if fails else None)
        if not fails:
            assert record.key is not None
            assert record.value is not None
            self.delivered[record.key] = record.value

    @rule(ours=st.sets(st.sampled_from(sorted(ALL))))
    def assigned(self, ours: set[Partition]) -> None:
        self.ours = frozenset(ours)
        self.box.drop_except(self.ours)
        for service in SERVICES:
            if partition_of(service) not in ours:
                self.wanted.pop(service.encode(), None)

    def teardown(self) -> None:
        for record in self.on_the_way:
            self.settle(record, fails=False)
        self.on_the_way.clear()
        self.tick(on=True, room=None)
        for record in self.on_the_way:
            self.settle(record, fails=False)
        assert {key: self.delivered[key] for key in self.wanted} == self.wanted
        assert len(self.box) == 0


Traffic.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestTraffic = Traffic.TestCase
