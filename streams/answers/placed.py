"""Records with the place they stand at: what every answer rests on, and names.

Rule: a record is known by (topic, partition, offset), and was told at its time in Kafka, which its producer's clock
gave; a time that went back is read as the one before it, so that order and time never contradict each other. What
cannot be read is left out here as every reader leaves it out. Why not the client's message objects: an answer must be
the same from a file (`incident`) as from Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from schemas.codec import Unreadable, decode

RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True)
class Where:
    """The place of a record, and when it was told (epoch milliseconds). `topic` is the name in Kafka."""

    topic: str
    partition: int
    offset: int
    at_ms: int = 0

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"


NOWHERE = Where("", -1, -1)
"""For what rests on no record."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as its bytes."""

    where: Where
    key: bytes | None
    value: bytes | None

    @property
    def text_key(self) -> str:
        """The key as text."""
        return (self.key or b"").decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Placed(Generic[RecordT]):
    """A record and where it stands."""

    where: Where
    record: RecordT


def in_time(records: Iterable[Kept]) -> Iterator[Kept]:
    """The records, none of them told before the one it stands behind in its partition."""
    latest: dict[tuple[str, int], int] = {}
    for kept in records:
        where = kept.where
        at_ms = latest[where.topic, where.partition] = max(
            where.at_ms, latest.get((where.topic, where.partition), where.at_ms)
        )
        yield kept if at_ms == where.at_ms else replace(kept, where=replace(where, at_ms=at_ms))


def readable(records: Iterable[Kept], record_type: type[RecordT]) -> Iterator[Placed[RecordT]]:
    """Those that hold a record of this type."""
    for kept in records:
        try:
            yield Placed(kept.where, decode(record_type, kept.value))
        except Unreadable:
            continue
