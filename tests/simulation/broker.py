"""A Kafka of memory: partitions with offsets, compaction, and the wire between each machine and the broker.

Rule: what was appended is appended; a checker sees every record ever appended, a reader only what compaction has left.
The order within a partition is the order of arrival. A wire can be cut in each direction, be slow, or lose what is
sent; clients try again, as Kafka's do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connectors.kafka.places import Place
from tests.simulation.world import Machine, World


class Record:
    """One record, as clients see it, and for checkers who sent it and when."""

    __slots__ = ("at_s", "excused", "offset_", "partition_", "sender", "sent_s", "topic_", "value_", "key_")  # noqa: RUF023

    def __init__(self, topic: str, partition: int, offset: int, key: bytes | None, value: bytes | None) -> None:
        self.topic_, self.partition_, self.offset_, self.key_, self.value_ = topic, partition, offset, key, value
        self.sender = ""
        self.sent_s = self.at_s = 0.0
        self.excused = False
        """Its process was stopped, or its wire slow, between the decision to send it and its arrival."""

    def topic(self) -> str:
        return self.topic_

    def partition(self) -> int:
        return self.partition_

    def offset(self) -> int:
        return self.offset_

    def key(self) -> bytes | None:
        return self.key_

    def value(self) -> bytes | None:
        return self.value_

    def timestamp(self) -> tuple[int, int]:
        return 1, int(self.at_s * 1000)


@dataclass(slots=True)
class Wire:
    """Between one machine and the broker."""

    cuts_out: int = 0
    cuts_in: int = 0
    slow_s: float = 0.0
    loss: float = 0.0

    @property
    def whole(self) -> bool:
        return not (self.cuts_out or self.cuts_in)


class Broker:
    """The log. `away`: the broker itself is gone."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.logs: dict[Place, list[Record]] = defaultdict(list)
        self.ends: dict[Place, int] = defaultdict(int)
        self.history: dict[str, list[Record]] = defaultdict(list)
        """Every record ever appended, by topic."""
        self.readers: dict[str, list[Callable[[Record], None]]] = defaultdict(list)
        self.watchers: dict[str, list[Callable[[Record], None]]] = defaultdict(list)
        """Checkers, told at once."""
        self.committed: dict[Place, int] = {}
        self.wires: dict[str, Wire] = defaultdict(Wire)
        self.away = False

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, sender: str = "", sent_s: float = 0.0
    ) -> Record:
        place = Place(topic, partition)
        record = Record(topic, partition, self.ends[place], key, value)
        record.sender, record.sent_s, record.at_s = sender, sent_s, self.world.now_s
        self.ends[place] += 1
        self.logs[place].append(record)
        self.history[topic].append(record)
        for watcher in self.watchers[topic]:
            watcher(record)
        for reader in self.readers[topic]:
            reader(record)
        return record

    def read(self, place: Place, offset: int) -> list[Record]:
        """What is there from an offset on."""
        log = self.logs[place]
        if not log or log[-1].offset_ < offset:
            return []
        if log[-1].offset_ - offset + 1 == 1:
            return [log[-1]]
        return [record for record in log if record.offset_ >= offset]

    def compact(self, topic: str) -> int:
        """Keep the last record of each key, and whatever stands in the newest third; how many went."""
        gone = 0
        for place, log in self.logs.items():
            if place.topic != topic or len(log) < 2:
                continue
            clean_until = log[-1].offset_ - self.world.random.randrange(0, 3)
            last = {record.key_: record.offset_ for record in log if record.offset_ <= clean_until}
            kept = [r for r in log if r.offset_ > clean_until or last[r.key_] == r.offset_]
            gone += len(log) - len(kept)
            self.logs[place] = kept
        return gone

    def wire(self, machine: Machine) -> Wire:
        return self.wires[machine.name]

    def reaches(self, machine: Machine) -> bool:
        """Whether a question of the machine's is heard, and the answer comes."""
        return self.wires[machine.name].whole and not self.away

    def delay_s(self, machine: Machine, low: float = 0.0005, high: float = 0.004) -> float:
        """How long one way takes."""
        wire = self.wires[machine.name]
        delay_s = self.world.between(low, high)
        if wire.slow_s:
            delay_s += self.world.between(0, wire.slow_s)
            self.world.counted["wire slow"] += 1
        return delay_s

    def lost(self, machine: Machine) -> bool:
        """Whether a packet is lost on the way."""
        wire = self.wires[machine.name]
        if wire.loss and self.world.chance(wire.loss):
            self.world.counted["packet lost"] += 1
            return True
        return False


def nobody(_: Any) -> None:
    """For a callback that is not wanted."""
