"""The log as `audit` reads it: three passes, each in one stream, because each one needs what the one before told.

Rule: views, commands and heartbeats first (who could own what when), then states and history (who declared what), then
the probes of the time in question (who probed when). Records are judged as they come and not kept: a day of results of
a large cluster is more than a memory holds. What nobody can read is counted, and judged by nobody. Long reads say on
standard error how far they are.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from connectors.kafka.ends import EndOffsets
from connectors.kafka.faults import no_answer
from connectors.kafka.log_reader import LogReader
from connectors.kafka.places import LogRecord, Place, all_partitions
from connectors.kafka.settings import KafkaAccess
from connectors.replica.state_map import entity_of, read_state
from schemas.cluster import NodeStatus, ViewChange
from schemas.codec import Unreadable, decode
from schemas.config import ConfigCommand
from schemas.probes import ProbeResults
from schemas.states import ServiceTransition
from schemas.topics import (
    CONFIG_COMMANDS,
    NODES,
    PROBE_RESULTS,
    SERVICE_STATES,
    SERVICE_TRANSITIONS,
    VIEWS,
    Topic,
    topic_name,
)
from streams.audit.findings import StateRecord
from streams.cli.output import ExitCode, fail, note

RecordT = TypeVar("RecordT")
Take = Callable[[LogRecord], None]

LOOK_S = 0.25
TELL_AFTER_S = 2.0
TRIES = 20
SILENT_S = 15.0
"""So long without any progress, and the read is given up."""


class Log:
    """A cluster's log, read pass by pass. `unreadable` counts records that no one could read, by topic."""

    def __init__(self, access: KafkaAccess, cluster: str) -> None:
        self._access, self._cluster = access, cluster
        self.unreadable: dict[str, int] = {}
        self.compacted: set[int] = set()
        """Partitions of `service-states` in which offsets are missing."""
        self._next: dict[int, int] = {}

    def control(
        self,
        on_view: Callable[[int, ViewChange], None],
        on_command: Callable[[int, int, ConfigCommand], None],
        on_status: Callable[[NodeStatus], None],
    ) -> None:
        """Views, commands (offset, time, command) and heartbeats, from the first one on."""
        commands = self._each(
            ConfigCommand, lambda record, command: on_command(record.offset(), record.timestamp()[1], command)
        )
        self._read(
            (VIEWS, self._each(ViewChange, lambda record, change: on_view(record.offset(), change)), None),
            (CONFIG_COMMANDS, commands, None),
            (NODES, self._each(NodeStatus, lambda _, status: on_status(status)), None),
        )

    def states(
        self,
        on_state: Callable[[StateRecord, LogRecord], None],
        on_line: Callable[[ServiceTransition], None],
        from_ms: int,
    ) -> None:
        """All states that can be read, and the history since an instant."""

        def take(record: LogRecord) -> None:
            self._note_gap(record)
            state = self._state(record)
            if state is not None:
                on_state(state, record)

        lines = self._each(ServiceTransition, lambda _, line: on_line(line))
        self._read((SERVICE_STATES, take, None), (SERVICE_TRANSITIONS, lines, from_ms))

    def states_of(self, partition: int) -> list[LogRecord]:
        """All states of one partition that can be read."""
        found: list[LogRecord] = []

        def take(record: LogRecord) -> None:
            if record.partition() == partition and self._state(record) is not None:
                found.append(record)

        self._read((SERVICE_STATES, take, None))
        return found

    def results(self, on_batch: Callable[[ProbeResults], None], from_ms: int) -> None:
        """Batches of probes since an instant."""
        batches = self._each(ProbeResults, lambda _, batch: on_batch(batch))
        self._read((PROBE_RESULTS, batches, from_ms))

    def _each(self, record_type: type[RecordT], take: Callable[[LogRecord, RecordT], None]) -> Take:
        def decoded(record: LogRecord) -> None:
            found = self._decoded(record_type, record)
            if found is not None:
                take(record, found)

        return decoded

    def _decoded(self, record_type: type[RecordT], record: LogRecord) -> RecordT | None:
        try:
            return decode(record_type, record.value())
        except Unreadable:
            self._count(record)
            return None

    def _state(self, record: LogRecord) -> StateRecord | None:
        """A state or a tombstone; None for what nobody can read, and for another service's state (S-13)."""
        key, value = record.key() or b"", record.value()
        try:
            state = None if value is None else read_state(key, value)
            return StateRecord(entity_of(key), record.partition(), record.offset(), record.timestamp()[1], state)
        except Unreadable:
            self._count(record)
            return None

    def _count(self, record: LogRecord) -> None:
        self.unreadable[record.topic()] = self.unreadable.get(record.topic(), 0) + 1

    def _note_gap(self, record: LogRecord) -> None:
        if record.offset() != self._next.get(record.partition(), 0):
            self.compacted.add(record.partition())
        self._next[record.partition()] = record.offset() + 1

    def _read(self, *wanted: tuple[Topic, Take, int | None]) -> None:
        """One pass over these topics, each from an instant on (None: from its begin), up to their ends of now."""
        takes: dict[str, Take] = {}
        start: dict[Place, int] = {}
        for topic, take, from_ms in wanted:
            name = topic_name(self._cluster, topic)
            takes[name], places = take, all_partitions(name, topic.partitions)
            start |= places if from_ms is None else self._since(places, from_ms)

        def handle(records: Sequence[LogRecord]) -> None:
            for record in records:
                takes[record.topic()](record)

        reader = LogReader(self._access, start, handle)
        reader.begin()
        try:
            _wait(reader, ", ".join(topic.name for topic, _, _ in wanted))
        finally:
            reader.stop()

    def _since(self, places: Iterable[Place], at_ms: int) -> dict[Place, int]:
        """Asked again for a while: a broker that has just started does not know every partition at once."""
        ends, places, tries = EndOffsets(self._access), list(places), TRIES
        while (found := ends.since(places, at_ms)) is None:
            tries -= 1
            if not tries:
                fail(no_answer(self._access.bootstrap).message, ExitCode.NO_ANSWER)
            time.sleep(LOOK_S)
        return found


def _wait(reader: LogReader, what: str) -> None:
    """Until the pass is over; tells how far it is. Ends the verb with 3 when nothing comes any more."""
    started_s = moved_s = time.monotonic()
    before: dict[Place, int] = {}
    while (fault := reader.wait_ready(LOOK_S)) is not None:
        now_s, positions = time.monotonic(), reader.positions()
        if positions != before:
            before, moved_s = positions, now_s
        if fault.final or now_s - moved_s > SILENT_S:
            fail(fault.message, ExitCode.NO_ANSWER)
        if now_s - started_s > TELL_AFTER_S and positions:
            left = sum(max(0, end - positions[place]) for place, end in reader.ends.items())
            _tell(f"reading {what}: at most {left:,} records are left")


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    else:
        note(text)
