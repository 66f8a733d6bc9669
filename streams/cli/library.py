"""The log as the verbs that answer from it read it: pieces of topics, as records with their places.

Rule: nothing is read that the question does not need: of the topics keyed by service only the service's partition, of
the others from a bounded time back. Long reads say on standard error how far they are. A Kafka that is away, or a topic
that is missing, ends the verb with exit code 3 and the mend, never with an empty answer.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.topics import TOPICS, Topic, topic_name
from streams.answers.placed import Kept, Where, in_time
from streams.cli.instants import NoInstant, instant
from streams.cli.output import ExitCode, fail

if TYPE_CHECKING:
    from connectors.kafka.log_slice import LogSlices, Piece
    from connectors.kafka.places import Place

CLIENT = "watchbill-answers"
PROGRESS_FROM = 20_000
"""Records; fewer are read before anybody looks."""
PROGRESS_EVERY_S = 0.5
Pieces = Mapping["Place", "Piece"]


@dataclass(slots=True)
class _Progress:
    """Says how far a read is, if it takes long and somebody looks."""

    told_s: float = field(default_factory=time.monotonic)

    def __call__(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        if total >= PROGRESS_FROM and now_s - self.told_s > PROGRESS_EVERY_S:
            self.told_s = now_s
            end = "\r" if sys.stderr.isatty() else "\n"
            print(f"read {done:,} of at most {total:,} records", end=end, file=sys.stderr, flush=True)


class Library:
    """Made by `opened`. `now_ms` is the instant at which the questions are asked."""

    def __init__(self, slices: LogSlices, cluster: str) -> None:
        self._slices = slices
        self.cluster = cluster
        self.now_ms = time.time_ns() // 1_000_000

    def topic(self, topic: Topic) -> str:
        """The topic's name in Kafka."""
        return topic_name(self.cluster, topic)

    def whole(self, topic: Topic, partitions: Iterable[int] | None = None) -> Pieces:
        """All that now stands in a topic, or in some partitions of it."""
        from connectors.kafka.places import Place

        wanted = range(topic.partitions) if partitions is None else partitions
        return self._slices.whole([Place(self.topic(topic), partition) for partition in wanted])

    def since(self, pieces: Pieces, at_ms: int) -> Pieces:
        """Of the pieces what was told at `at_ms` or later."""
        return self._slices.since(pieces, at_ms)

    def until(self, pieces: Pieces, at_ms: int) -> Pieces:
        """Of the pieces what was told by `at_ms`."""
        return self._slices.until(pieces, at_ms)

    def newest(self, pieces: Pieces, records: int) -> Pieces:
        """Of each piece at most so many records, the last ones."""
        from connectors.kafka.log_slice import Piece

        return {place: Piece(max(piece.start, piece.end - records), piece.end) for place, piece in pieces.items()}

    def read(self, *pieces: Pieces) -> dict[str, list[Kept]]:
        """The records of the pieces, by topic without the cluster's prefix; each partition's in its order."""
        wanted = {place: piece for some in pieces for place, piece in some.items()}
        found: dict[str, list[Kept]] = {topic.name: [] for topic in TOPICS}
        for kept in in_time(
            Kept(
                Where(record.topic(), record.partition(), record.offset(), record.timestamp()[1]),
                record.key(),
                record.value(),
            )
            for record in self._slices.read(wanted)
        ):
            found[kept.where.topic[len(self.cluster) + 1 :]].append(kept)
        return found


@contextmanager
def opened(bootstrap: str | None, cluster: str, data_dir: Path | None, topics: Iterable[Topic]) -> Iterator[Library]:
    """The log of a cluster, of which these topics may be read. Ends the verb with 3 where it gives no answer."""
    from connectors.kafka.log_slice import LogSlices, Unread
    from connectors.replica.base import default_access
    from streams.cli.show_read import kafka_address, quiet_logs, refuse_silence

    quiet_logs()
    address = kafka_address(bootstrap, data_dir)
    refuse_silence(address)
    names = [topic_name(cluster, topic) for topic in topics]
    try:
        with LogSlices(default_access(address, CLIENT), names, _Progress()) as slices:
            yield Library(slices, cluster)
    except Unread as fault:
        fail(str(fault), ExitCode.NO_ANSWER)


def instant_of(text: str | None, now_ms: int) -> int | None:
    """The instant that an option names, None for none. Ends the verb with 2 where it names none that there is."""
    if text is None:
        return None
    try:
        at_ms = instant(text, now_ms)
    except NoInstant as fault:
        fail(str(fault), ExitCode.USAGE)
    if at_ms > now_ms:
        fail(f"{text} is still to come: the log knows only what was told", ExitCode.USAGE)
    return at_ms
