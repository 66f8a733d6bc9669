"""The clients of a node on the simulated wire: producer and reader, with the shape of `connectors.kafka`'s.

Rule: they keep the promises of the real ones and none besides. The producer is idempotent and keeps the order of a
partition, tries again until its delivery time-out, and may report as failed what arrived (its acknowledgement was
lost). A stopped process's record may arrive all the same, or leave when it goes on. The reader hands over each record
once, in its partition's order, partitions of one fetch in any order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.kafka.places import BEGINNING, Place, bad_record
from connectors.kafka.producer import Delivery
from schemas.topics import NODES
from tests.simulation.broker import Broker, Record, nobody
from tests.simulation.world import Machine, Polled

RETRY_S = 0.06
OTHERS_BEATS_S = 0.8
"""Heartbeats of other nodes are read so often: nothing but their phase is looked at."""
REPLAY_RECORDS = 20
"""Records that a slow replay reads at a time."""


@dataclass(slots=True)
class _Sent:
    """One record in the producer's hands."""

    key: bytes | None
    value: bytes | None
    on_delivery: Callable[[Delivery], None] | None
    sent_s: float
    freezes: int
    slow: bool
    record: Record | None = None
    settled: bool = False


class SimProducer:
    """`OwnProducer`: the same methods and counters. `broker` is set on the class by the run."""

    broker: Broker

    def __init__(self, access: Any, *, delivery_timeout_ms: int, kernel_timeout_ms: int) -> None:
        self.machine = Machine.current
        self.timeout_s = delivery_timeout_ms / 1000
        self.queues: dict[Place, deque[_Sent]] = {}
        self.pumping: set[Place] = set()
        self.sent = self.delivered = self.failed = self.refused = self.replaced = 0
        self.timed_out: dict[Place, int] = {}
        self.machine.on_end.append(self._ended)

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        on_delivery: Callable[[Delivery], None] | None = None,
    ) -> bool:
        machine, place = self.machine, Place(topic, partition)
        slow = self.broker.wires[machine.name].slow_s > 0
        entry = _Sent(key, value, on_delivery, machine.world.now_s, machine.frozen_count, slow)
        self.queues.setdefault(place, deque()).append(entry)
        self.sent += 1
        if place not in self.pumping:
            self.pumping.add(place)
            machine.world.at(self.broker.delay_s(machine), self._arrive, place)
        return True

    def waiting(self) -> int:
        return max(0, self.sent - self.delivered - self.failed)

    def _arrive(self, place: Place) -> None:
        """What was sent reaches the broker, if the process and the wire let it. Nobody's event: packets are out."""
        machine, world, queue = self.machine, self.machine.world, self.queues[place]
        self.pumping.discard(place)
        if not queue:
            return
        if machine.frozen and world.chance(0.5):
            self.pumping.add(place)
            world.at(0, self._leave_late, place, machine=machine)
            return
        self._put(place)

    def _leave_late(self, place: Place) -> None:
        """The process goes on: the client sends before it looks at its time-outs, or after."""
        self.pumping.discard(place)
        world = self.machine.world
        if world.chance(0.5):
            world.counted["sent late by a woken process"] += bool(self.queues[place])
            self._put(place, late=True)
        else:
            self._put(place)

    def _put(self, place: Place, late: bool = False) -> None:
        machine, broker, queue = self.machine, self.broker, self.queues[place]
        wire, world = broker.wires[machine.name], machine.world
        if not machine.frozen:
            self._expire(place, late)
        if wire.cuts_out or broker.away or broker.lost(machine):
            world.counted["record held up"] += bool(queue)
            self._again(place)
            return
        while queue:
            entry = queue.popleft()
            if entry.record is None:
                record = broker.append(place.topic, place.partition, entry.key, entry.value, machine.name, entry.sent_s)
                record.excused = entry.slow or wire.slow_s > 0 or entry.freezes != machine.frozen_count
                record.excused = record.excused or machine.frozen or not machine.alive
                entry.record = record
            world.at(broker.delay_s(machine), self._acknowledge, place, entry, machine=machine)
            if wire.cuts_in:
                break  # no answer comes: nothing more leaves
        if queue:
            self._again(place)

    def _again(self, place: Place) -> None:
        if self.queues[place] and place not in self.pumping and self.machine.alive:
            self.pumping.add(place)
            self.machine.world.at(RETRY_S, self._arrive, place)

    def _acknowledge(self, place: Place, entry: _Sent) -> None:
        broker, world = self.broker, self.machine.world
        if entry.settled:
            return
        if broker.reaches(self.machine) and not broker.lost(self.machine):
            assert entry.record is not None
            self._settle(place, entry, None, entry.record.offset_)
        elif world.now_s - entry.sent_s >= self.timeout_s:
            world.counted["arrived, reported as failed"] += 1
            self._settle(place, entry, "_MSG_TIMED_OUT: no answer", -1)
        else:
            world.at(RETRY_S, self._acknowledge, place, entry, machine=self.machine)

    def _expire(self, place: Place, late: bool) -> None:
        queue, now_s = self.queues[place], self.machine.world.now_s
        while queue and not late and now_s - queue[0].sent_s >= self.timeout_s:
            self._settle(place, queue.popleft(), "_MSG_TIMED_OUT: not sent", -1)

    def _settle(self, place: Place, entry: _Sent, error: str | None, offset: int) -> None:
        entry.settled = True
        if error is None:
            self.delivered += 1
            self.timed_out.pop(place, None)
        else:
            self.failed += 1
            if error.startswith("_MSG_TIMED_OUT"):
                self.timed_out[place] = self.timed_out.get(place, 0) + 1
        if entry.on_delivery is not None and self.machine.alive:
            self.machine.enter(entry.on_delivery, Delivery(place.topic, place.partition, offset, error))

    def flush(self, deadline_s: float) -> Polled:
        return Polled(lambda: not self.waiting(), deadline_s)

    def purge(self) -> None:
        """What waits comes back as failed."""
        for place, queue in self.queues.items():
            while queue:
                self.machine.world.counted["purged at the lease's end"] += 1
                self._settle(place, queue.popleft(), "_PURGE_QUEUE: purged", -1)

    def replace(self, reason: str) -> None:
        self.replaced += 1
        self.purge()

    def close(self, deadline_s: float = 5.0) -> Polled:
        return self.flush(deadline_s)

    def _ended(self) -> None:
        """What is on the wire arrives, or not; the rest is gone with the process."""
        for queue in self.queues.values():
            if queue and self.machine.world.chance(0.5):
                queue.clear()


class SimReader:
    """`LogReader`: records of some places, on a thread of the machine. `broker` and `pace` are set by the run."""

    broker: Broker

    def __init__(
        self,
        access: Any,
        start: Mapping[Place, int],
        on_records: Callable[[Sequence[Any]], None],
        *,
        on_bad: Callable[[Any], None] = nobody,
        on_caught_up: Callable[[], None] | None = None,
        on_turn: Callable[[], None] | None = None,
        on_fault: Callable[[Any], None] | None = None,
    ) -> None:
        self.machine = Machine.current
        self.on_records, self.on_bad = on_records, on_bad
        self.on_caught_up, self.on_turn = on_caught_up, on_turn
        assert all(offset == BEGINNING for offset in start.values())
        self._topics = list(dict.fromkeys(place.topic for place in start))
        self._positions: dict[Place, int] = {}
        self._dirty: dict[Place, None] = {}
        self._behind: dict[Place, int] = {}
        self._fetching = self._begun = False
        self.ready, self.fault, self.stopped = False, None, False
        self.topic_ids: dict[str, str] = {}
        self.checked: Callable[[SimReader, Sequence[Record]], None] | None = None

    @property
    def connected(self) -> bool:
        return self.broker.reaches(self.machine)

    def age_s(self) -> float:
        return 0.0

    def begin(self) -> None:
        self.machine.world.at(self.broker.delay_s(self.machine), self._find, machine=self.machine)

    def stop(self) -> None:
        self.stopped = True

    def position(self, topic: str, partition: int) -> int | None:
        return self._positions.get(Place(topic, partition), 0) if self._begun else None

    def _find(self) -> None:
        if self.stopped:
            return
        if not self.broker.reaches(self.machine):
            self.machine.world.at(0.25, self._find, machine=self.machine)
            return
        self._begun = True
        for topic in self._topics:
            self.broker.readers[topic].append(self._written)
        for place, end in self.broker.ends.items():
            if place.topic in self._topics and end:
                self._behind[place] = end
                self._dirty[place] = None
        self.machine.on_end.append(self._forget)
        self._note_caught_up()
        self._ask()

    def _forget(self) -> None:
        for topic in self._topics:
            self.broker.readers[topic].remove(self._written)

    def _written(self, record: Record) -> None:
        """A record was appended somewhere."""
        self._dirty[Place(record.topic_, record.partition_)] = None
        if self._fetching:
            return
        if record.topic_.endswith(NODES.name) and record.sender != self.machine.name:
            if len(self._dirty) == 1:
                self.machine.world.at(OTHERS_BEATS_S, self._ask, machine=self.machine)
            return
        self._ask()

    def _ask(self) -> None:
        if self._fetching or not self._dirty or self.stopped:
            return
        self._fetching = True
        slow = self.machine.replay_s if not self.ready and self._behind else 0.0
        self.machine.world.at(self.broker.delay_s(self.machine) + slow, self._fetch, machine=self.machine)

    def _fetch(self) -> None:
        self._fetching = False
        broker, world = self.broker, self.machine.world
        if self.stopped:
            return
        if not broker.reaches(self.machine) or broker.lost(self.machine):
            self._fetching = True
            world.at(RETRY_S, self._fetch, machine=self.machine)
            return
        places = list(self._dirty)
        if len(places) > 1:
            world.random.shuffle(places)
            if world.chance(0.2):
                places.pop()
        batch: list[Record] = []
        for place in places:
            del self._dirty[place]
            records = broker.read(place, self._positions.get(place, 0))
            if place.topic.endswith(NODES.name):
                records = sorted({r.key_: r for r in records}.values(), key=lambda r: r.offset_)
            batch += records
        if batch:
            self._hand_over(batch)
            for record in batch:
                self._positions[Place(record.topic_, record.partition_)] = record.offset_ + 1
        if self._behind:
            self._note_caught_up()
        if self.on_turn is not None:
            self.on_turn()
        self._ask()

    def _hand_over(self, batch: Sequence[Record]) -> None:
        try:
            self.on_records(batch)
        except Exception as fault:
            for record in batch:
                self.on_bad(bad_record(record, fault))
            self.machine.fail(f"a reader's handler raised {type(fault).__name__}: {fault}", fault)
        if self.checked is not None:
            self.checked(self, batch)

    def _note_caught_up(self) -> None:
        if self.ready:
            return
        self._behind = {place: end for place, end in self._behind.items() if self._reached(place) < end}
        if not self._behind:
            if self.on_caught_up is not None:
                self.on_caught_up()
            self.ready = True

    def _reached(self, place: Place) -> int:
        """Compaction leaves no record at the end's offset only if the end moved on: position counts."""
        return self._positions.get(place, 0)


class SimEnds:
    """`EndOffsets`: how far partitions go now."""

    broker: Broker

    def __init__(self, access: Any) -> None:
        self.machine = Machine.current

    def ask(self, places: Iterable[Place], oldest: bool = False) -> dict[Place, int] | None:
        if not self.broker.reaches(self.machine):
            return None
        return {place: self.broker.ends[place] for place in places}
