"""Reads partitions of a log from given offsets, in a thread of its own, and knows how far it has come.

Rule: every record is handed over once and in its partition's order; `position` is the next offset to apply, moved
only after the handler came back. A handler that raises loses no neighbour: its batch is handed over again record by
record, and what raises alone goes to `on_bad`, so a handler must know a record it has had (by offset, or by its
order). Why not `consume(n, timeout)` alone: it waits for n records or the whole time, so that a single record would
come late; the reader waits for the first record with `poll` and takes what else is there.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from connectors.kafka.client_log import ClientLog
from connectors.kafka.ends import offsets_of
from connectors.kafka.faults import FaultKind, LogFault, no_answer, records_gone, still_behind
from connectors.kafka.log_watch import LogBounds, LogWatch
from connectors.kafka.places import BadRecord, LogRecord, Place, bad_record
from connectors.kafka.settings import KafkaAccess
from connectors.kafka.standstill import Standstill
from connectors.kafka.start import first_fault, first_offsets

BATCH_RECORDS = 1_000
"""Records taken at a time. More keep more message objects alive, which the garbage collector then walks in vain."""
POLL_S = 0.1
RETRY_S = 0.25
ASK_S = 1.0
HOPELESS_LOOKS = {FaultKind.TOPIC_MISSING: 4, FaultKind.NOT_LET_IN: 2}
"""Such a fault is believed when it was seen so many times in a row: a new topic, or a user just made, is not known
everywhere at once. A look at a broker that lets nobody in takes three seconds."""
LOOK_S = 4.0
"""So often it is looked whether a partition stands still; two looks tell."""
LATE_LOOK_S = 12.0
"""The same while records keep coming: they wait meanwhile, and where Kafka is busy that was half a second of a
takeover."""
LOOK_ANSWER_S = 1.0
UNANSWERED_LOOKS = 3
"""So many looks without an answer, while Kafka answers other questions, and the client is given up as well."""
SILENT_S = 5.0
"""Longer without a word from Kafka, and the reader is not connected."""

OnRecords = Callable[[Sequence[LogRecord]], None]
OnBad = Callable[[BadRecord], None]


def _nothing(*_: object) -> None:
    return None


class LogReader:
    """One consumer, assigned to the places of `start` (offset, BEGINNING or END). All callbacks run on its thread.

    `on_caught_up` runs once, when every place has reached the end it had at the start; `on_turn` after each batch, and
    ten times a second when there is none. `topic_ids` are ids known from
    before: a topic that has another one is a fault, as is one that changes while it is read.
    """

    def __init__(
        self,
        access: KafkaAccess,
        start: Mapping[Place, int],
        on_records: OnRecords,
        *,
        on_bad: OnBad = _nothing,
        on_caught_up: Callable[[], None] = _nothing,
        on_turn: Callable[[], None] = _nothing,
        on_fault: Callable[[LogFault], None] = _nothing,
        topic_ids: Mapping[str, str] | None = None,
    ) -> None:
        self._access, self._start = access, dict(start)
        self._on_records, self._on_bad = on_records, on_bad
        self._on_caught_up, self._on_turn, self._on_fault = on_caught_up, on_turn, on_fault
        self.topic_ids: dict[str, str] = dict(topic_ids or {})
        self._positions: dict[Place, int] = {}
        self.ends: Mapping[Place, int] = {}
        self._behind: dict[Place, int] = {}
        self._log, self._voice = structlog.get_logger("watchbill.log_reader"), ClientLog(access.client_id)
        self._fault: LogFault | None = None
        self._hopeless_looks = 0
        self._gap: tuple[Place, str] | None = None
        self._standstill, self._looked_s, self._unanswered = Standstill(), -math.inf, 0
        self._contact_s, self._answering = -math.inf, False
        self._caught_up, self._stopping, self._changed = threading.Event(), threading.Event(), threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"log-reader-{access.client_id}", daemon=True)

    def begin(self) -> None:
        """Starts the thread. Whether Kafka is there shows in `fault` and `wait_ready`."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; no callback runs after it has returned. May be called twice, and before `begin`.

        Takes POLL_S, or up to three seconds while the first answer of a silent broker is awaited.
        """
        self._stopping.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    @property
    def ready(self) -> bool:
        """Whether every place has reached the end it had at the start."""
        return self._caught_up.is_set()

    @property
    def fault(self) -> LogFault | None:
        """What now keeps the log from being read, if anything."""
        return self._fault

    @property
    def connected(self) -> bool:
        """Whether Kafka answers. False at most SILENT_S after it has gone without a word, mostly at once."""
        return self._answering and self.age_s() < SILENT_S

    def age_s(self) -> float:
        """Seconds since Kafka last gave a sign of life; infinite before the first."""
        return time.monotonic() - self._contact_s

    def position(self, topic: str, partition: int) -> int | None:
        """The next offset to apply; None before the place is assigned."""
        return self._positions.get(Place(topic, partition))

    def positions(self) -> dict[Place, int]:
        """The next offset to apply of every place."""
        return self._positions.copy()

    def wait_ready(self, deadline_s: float) -> LogFault | None:
        """Waits until `ready`. None if it is, else why not.

        A final fault, a topic that stays missing or a broker that lets nobody in ends the wait; the rest is waited for.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.ready or self._hopeless(), deadline_s)
            if self.ready:
                return None
            return self._fault or self._why_late(deadline_s)

    def _hopeless(self) -> bool:
        fault = self._fault
        enough = sys.maxsize if fault is None else HOPELESS_LOOKS.get(fault.kind, sys.maxsize)
        return self._hopeless_looks >= enough or (fault is not None and fault.final)

    def _why_late(self, deadline_s: float) -> LogFault:
        if not self.connected:
            return no_answer(self._access.bootstrap)
        behind = self._behind.copy()
        return still_behind(sum(end - self._positions[place] for place, end in behind.items()), deadline_s)

    def _run(self) -> None:
        watch = LogWatch(self._access, {place.topic for place in self._start}, self._voice)
        try:
            self._read(watch)
        finally:
            watch.close()

    def _read(self, watch: LogWatch) -> None:
        if not self._find(watch):
            return
        try:
            while not self._is_over():
                self._read_on(watch)
        finally:
            self._answering = False

    def _read_on(self, watch: LogWatch) -> None:
        """Reads with one client, until stopped, or until that client stands still."""
        # Made only now: a client assigned at once asks for its topic with its first words, an idle one a second later.
        consumer = Consumer({**self._access.reader(), "error_cb": self._error, "logger": self._voice})
        self._standstill.forget()
        self._looked_s, self._unanswered = time.monotonic(), 0
        try:
            consumer.assign([TopicPartition(*place, offset) for place, offset in self._positions.items()])
            self._note_caught_up()
            self._follow(consumer, watch)
        finally:
            consumer.close()

    def _is_over(self) -> bool:
        return self._stopping.is_set() or (self._fault is not None and self._fault.final)

    def _find(self, watch: LogWatch) -> bool:
        """Asks until the log can be read; False if that will never be, or if the reader was stopped."""
        while not self._stopping.is_set():
            bounds = watch.bounds(self._start)
            fault = bounds if isinstance(bounds, LogFault) else self._accept(bounds)
            self._set_fault(fault)
            if fault is None or fault.final:
                return fault is None
            self._stopping.wait(RETRY_S)
        return False

    def _accept(self, bounds: LogBounds) -> LogFault | None:
        offsets = first_offsets(self._start, bounds)
        fault = first_fault(offsets, bounds, self.topic_ids)
        if fault is not None:
            return fault
        self.topic_ids.update(bounds.topic_ids)
        self.ends = bounds.ends
        self._positions.update(offsets)
        self._behind = {place: bounds.ends[place] for place, offset in offsets.items() if offset < bounds.ends[place]}
        self._contact(time.monotonic())
        return None

    def _follow(self, consumer: Any, watch: LogWatch) -> None:
        """Hands over records until stopped, until a final fault, or until a partition stands still."""
        asked_s, first = time.monotonic(), None
        while not self._is_over() and not self._stands_still(consumer, LOOK_S if first is None else LATE_LOOK_S):
            first = consumer.poll(POLL_S)
            if first is not None:
                self._take([first, *consumer.consume(BATCH_RECORDS, 0)])
            self._on_turn()
            if self._gap is not None:
                self._set_fault(self._why_gone(watch, *self._gap))
            now_s = time.monotonic()
            if now_s - asked_s >= (ASK_S if self._answering else RETRY_S):
                asked_s = now_s
                watch.ask()
            self._hear(watch.answer(self.topic_ids))

    def _stands_still(self, consumer: Any, every_s: float) -> bool:
        """Whether this client reads on no more. Asked while Kafka answers, every so often."""
        now_s = time.monotonic()
        if now_s - self._looked_s < every_s:
            return False
        self._looked_s = now_s
        if not self._answering:
            self._standstill.forget()
            return False
        positions = self._positions.copy()
        try:
            ends = offsets_of(consumer, dict.fromkeys(positions, OFFSET_END), LOOK_ANSWER_S)
        except KafkaException:
            self._unanswered += 1
            return self._unanswered >= UNANSWERED_LOOKS and self._give_up("it answers no question")
        self._unanswered = 0
        still = self._standstill.look(positions, ends)
        return bool(still) and self._give_up(f"{still[0].topic}/{still[0].partition} is not read on")

    def _give_up(self, why: str) -> bool:
        self._log.warning("reader_renewed", client=self._access.client_id, why=why)
        return True

    def _why_gone(self, watch: LogWatch, place: Place, text: str) -> LogFault:
        """An offset that is not there: another topic under the old name, or records deleted before they were read.

        A topic just made anew may not answer yet: then the fault is a passing one, and the next turn asks again.
        """
        bounds = watch.bounds(self._start)
        if isinstance(bounds, LogFault):
            return bounds
        return first_fault(self._positions, bounds, self.topic_ids) or records_gone(*place, text)

    def _hear(self, answer: float | LogFault | None) -> None:
        if isinstance(answer, LogFault):
            self._answering = False
            if answer.kind is not FaultKind.NO_ANSWER:
                self._set_fault(answer)
        elif answer is not None:
            self._contact(answer)
            self._set_fault(None)

    def _take(self, batch: list[Any]) -> None:
        """Records first, then what else the client says: an end of partition stands behind its records."""
        events = [message for message in batch if message.error() is not None]
        records = [message for message in batch if message.error() is None] if events else batch
        if records:
            self._hand_over(records)
            last = {(record.topic(), record.partition()): record for record in records}
            for (topic, partition), record in last.items():
                self._reached(Place(topic, partition), record.offset() + 1)
        for event in events:
            self._event(event)
        if self._behind or not self.ready:
            self._note_caught_up()

    def _hand_over(self, records: Sequence[LogRecord]) -> None:
        try:
            self._on_records(records)
        except Exception as error:  # the handler's own; what of the batch it had taken, it knows
            if len(records) == 1:
                self._reject(bad_record(records[0], error))
                return
            for record in records:
                self._hand_over([record])

    def _reject(self, bad: BadRecord) -> None:
        try:
            self._on_bad(bad)
        except Exception:
            self._log.exception("on_bad_failed", topic=bad.topic, partition=bad.partition, offset=bad.offset)

    def _event(self, event: Any) -> None:
        code = event.error().code()
        place = Place(event.topic(), event.partition())
        if code == KafkaError._PARTITION_EOF:
            self._reached(place, event.offset())
            self._behind.pop(place, None)
        elif code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            self._gap = (place, event.error().str())
        else:
            self._voice.error(event.error().name(), event.error().str())

    def _reached(self, place: Place, offset: int) -> None:
        self._positions[place] = max(offset, self._positions[place])
        self._contact(time.monotonic())

    def _note_caught_up(self) -> None:
        if self.ready:
            return
        self._behind = {place: end for place, end in self._behind.items() if self._positions[place] < end}
        if not self._behind:
            self._on_caught_up()
            with self._changed:
                self._caught_up.set()
                self._changed.notify_all()

    def _contact(self, at_s: float) -> None:
        self._contact_s, self._answering = max(at_s, self._contact_s), True

    def _error(self, error: Any) -> None:
        """librdkafka's error callback, called from within `poll`."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._answering = False
        self._voice.error(error.name(), error.str())

    def _set_fault(self, fault: LogFault | None) -> None:
        with self._changed:
            hopeless = fault is not None and fault.kind in HOPELESS_LOOKS
            self._hopeless_looks = self._hopeless_looks + 1 if hopeless else 0
            before, self._fault = self._fault, fault
            self._changed.notify_all()
        if fault is not None and fault != before:
            self._log.warning("log_fault", kind=fault.kind.value, text=fault.message)
            self._on_fault(fault)
