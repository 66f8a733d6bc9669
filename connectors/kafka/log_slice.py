"""Reads pieces of partitions, from an offset or a time to another, once, for a question about the log as it stands.

Rule: what is read is bounded before the first record comes: every piece has an end that stands in the log already, so
an answer never waits for what is still to be written. A time becomes an offset by Kafka's own index. Why not LogReader:
it follows a log for ever, in a thread, from one offset to the end of now; a question about last Tuesday needs a piece
of one partition and nothing behind it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, TopicPartition

from connectors.kafka.client_log import ClientLog
from connectors.kafka.ends import EndOffsets
from connectors.kafka.faults import LogFault, no_answer, records_gone, still_behind
from connectors.kafka.log_watch import LogWatch
from connectors.kafka.places import LogRecord, Place
from connectors.kafka.settings import KafkaAccess

BATCH_RECORDS = 10_000
POLL_S = 0.1
SILENT_S = 10.0
"""So long without a record that must be there, and the read is given up."""

OnProgress = Callable[[int, int], None]
"""(records read, records there are at most), after each batch."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Of a partition the records `start` <= offset < `end`. A compacted one has fewer of them."""

    start: int
    end: int

    def __len__(self) -> int:
        return max(0, self.end - self.start)


class Unread(Exception):
    """A piece could not be read whole. `fault` says why, and how to mend it."""

    def __init__(self, fault: LogFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def _unheard(_: int, __: int) -> None:
    return None


class LogSlices:
    """Keeps the connection for questions. One thread at a time; ends with `close`, or when its `with` block is left."""

    def __init__(self, access: KafkaAccess, topics: Iterable[str], on_progress: OnProgress = _unheard) -> None:
        self._access, self._on_progress = access, on_progress
        self._voice = ClientLog(access.client_id)
        self._watch = LogWatch(access, topics, self._voice)
        self._ends = EndOffsets(access)

    def close(self) -> None:
        """Waits for the question that is open, if one is."""
        self._watch.close()
        self._ends.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def whole(self, places: Iterable[Place]) -> dict[Place, Piece]:
        """All that stands in these places now. Raises Unread where a topic is missing, or Kafka does not answer."""
        bounds = self._watch.bounds(places)
        if isinstance(bounds, LogFault):
            raise Unread(bounds)
        return {place: Piece(bounds.oldest[place], bounds.ends[place]) for place in bounds.ends}

    def since(self, pieces: Mapping[Place, Piece], at_ms: int) -> dict[Place, Piece]:
        """Of each piece what has the time `at_ms` or a later one, from the first such record on."""
        firsts = self._offsets_at(pieces, at_ms)
        return {
            place: Piece(max(piece.start, min(firsts[place], piece.end)), piece.end) for place, piece in pieces.items()
        }

    def until(self, pieces: Mapping[Place, Piece], at_ms: int) -> dict[Place, Piece]:
        """Of each piece what stands before the first record that is later than `at_ms`."""
        firsts = self._offsets_at(pieces, at_ms + 1)
        return {
            place: Piece(piece.start, max(piece.start, min(firsts[place], piece.end)))
            for place, piece in pieces.items()
        }

    def read(self, pieces: Mapping[Place, Piece]) -> list[LogRecord]:
        """Every record of the pieces, each place's in its order. Raises Unread if not all of them came."""
        open_pieces = {place: piece for place, piece in pieces.items() if len(piece)}
        records: list[LogRecord] = []
        if open_pieces:
            total = sum(len(piece) for piece in open_pieces.values())
            for batch in self._batches(open_pieces):
                records += batch
                self._on_progress(len(records), total)
        return records

    def _offsets_at(self, pieces: Mapping[Place, Piece], at_ms: int) -> dict[Place, int]:
        """The first offset with a time of at least `at_ms`; the piece's end where there is none."""
        found = self._ends.since(pieces, at_ms)
        if found is None:
            raise Unread(no_answer(self._access.bootstrap))
        return {place: pieces[place].end if offset < 0 else offset for place, offset in found.items()}

    def _batches(self, pieces: Mapping[Place, Piece]) -> Iterator[list[LogRecord]]:
        # A client assigned at once asks for its topics with its first words; one assigned anew, a second later.
        consumer = Consumer({**self._access.reader(), "logger": self._voice})
        try:
            consumer.assign([TopicPartition(*place, piece.start) for place, piece in pieces.items()])
            yield from self._polled(consumer, pieces)
        finally:
            consumer.close()

    def _polled(self, consumer: Any, pieces: Mapping[Place, Piece]) -> Iterator[list[LogRecord]]:
        waiting = {place: piece.end for place, piece in pieces.items()}
        heard_s = time.monotonic()
        while waiting:
            first = consumer.poll(POLL_S)
            if first is None:
                if time.monotonic() - heard_s > SILENT_S:
                    raise Unread(still_behind(sum(len(pieces[place]) for place in waiting), SILENT_S))
                continue
            heard_s = time.monotonic()
            batch = [first, *consumer.consume(BATCH_RECORDS, 0)]
            yield [message for message in batch if message.error() is None and _is_in(message, pieces)]
            for message in batch:
                self._note(message, waiting)

    def _note(self, message: Any, waiting: dict[Place, int]) -> None:
        """A place is read when its last record came, or the end of the log behind it (the last may be compacted)."""
        place, error = Place(message.topic(), message.partition()), message.error()
        if error is None or error.code() == KafkaError._PARTITION_EOF:
            reached = message.offset() + (1 if error is None else 0)
            if reached >= waiting.get(place, reached + 1):
                del waiting[place]
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise Unread(records_gone(*place, error.str()))
        else:
            self._voice.error(error.name(), error.str())


def _is_in(message: Any, pieces: Mapping[Place, Piece]) -> bool:
    piece = pieces.get(Place(message.topic(), message.partition()))
    return piece is not None and piece.start <= message.offset() < piece.end
