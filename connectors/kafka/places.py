"""A place in a log (topic, partition), a record found there, and a record that could not be used.

Rule: an offset always means the next record to apply, never the last one applied, here as in NodeStatus (T4). A
record is handed over as the client's own message object, seen through the protocol below: a copy of each would cost
more than all the rest of a replay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

BEGINNING = -2
"""Start at the oldest record that is still there."""

END = -1
"""Start behind the newest record."""

_LAST = -2_000
"""What stands for the last N records is this minus N, as in librdkafka."""


class Place(NamedTuple):
    """One partition of a topic. `topic` is the name in Kafka, the cluster's prefix included."""

    topic: str
    partition: int


class LogRecord(Protocol):
    """A record as it was read. `timestamp()` is (kind, milliseconds since 1970)."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def timestamp(self) -> tuple[int, int]: ...


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that could not be used, and why. `offset` is -1 where it was found out only when somebody asked."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    error: str


def bad_record(record: LogRecord, error: Exception) -> BadRecord:
    """What is told of a record that raised."""
    text = f"{type(error).__name__}: {error}"
    return BadRecord(record.topic(), record.partition(), record.offset(), record.key(), record.value(), text)


def the_last(records: int) -> int:
    """Start so many records before the end, or at the oldest where there are not so many."""
    return _LAST - records


def is_the_last(offset: int) -> int | None:
    """How many records before the end such an offset means; None if it is another."""
    return _LAST - offset if offset <= _LAST else None


def all_partitions(topic: str, partitions: int, offset: int = BEGINNING) -> dict[Place, int]:
    """Where to start in each partition of a topic: at the same offset everywhere."""
    return {Place(topic, partition): offset for partition in range(partitions)}
