"""One engine: the loop that probes what is due, hears what came back, and tells the node what is worth telling.

Rule (C-6): it begins what is due, hears the events that come, looks at deadlines, reports, begins again. Events come
before deadlines, so a reply that lies in the kernel while this process was held up counts; and the time it was held up
is not counted against the targets, nor that they hung up meanwhile. Nothing here knows a protocol or a byte of one.
"""

from __future__ import annotations

import os
from collections import deque
from select import epoll, select
from socket import socket
from time import monotonic_ns, process_time_ns, time_ns

from connectors.engine import frames, limits
from connectors.engine.datagram import DatagramTransport
from connectors.engine.due_times import DueTimes
from connectors.engine.echo import EchoTransport
from connectors.engine.entry import CONNECTING, IDLE, NEVER, Entry
from connectors.engine.frames import FrameKind
from connectors.engine.schedule import RESUME_WITHIN_MS, due_after_ms
from connectors.engine.significance import succeeds
from connectors.engine.statistics import EngineStatistics
from connectors.engine.stream import StreamTransport
from connectors.engine.table import Table
from connectors.engine.transport import EventHandler, Transport
from connectors.engine.uplink import Uplink
from connectors.probes.contract import Wire
from connectors.probes.kinds import broken
from connectors.probes.outcome import Outcome, down, inconclusive
from connectors.probes.policy import enforce
from schemas.probes import Reason, Verdict

MS = 1_000_000
SELECTABLE = 1_024
"""Descriptors that `select` takes; an engine's own is among the first, one within another program's may not be."""

DOWN = Verdict.DOWN
HUNG_UP = (Reason.CLOSED, Reason.RESET)
"""What a target does to those that keep it waiting."""


class ProbeLoop:
    """The whole of an engine process."""

    def __init__(self, index: int, engines: int, control: socket, open_sockets: int) -> None:
        self.index = index
        self.handlers: dict[int, EventHandler] = {}
        self._poller = epoll()
        self._sleep_on = (self._poller.fileno(),) if self._poller.fileno() < SELECTABLE else ()
        self._streams = StreamTransport(self, self._poller)
        self._due: DueTimes[Entry] = DueTimes()
        self._deadlines: DueTimes[Entry] = DueTimes()
        self._waiting: deque[Entry] = deque()
        self._open_sockets = open_sockets
        transports: dict[Wire, Transport] = {
            Wire.STREAM: self._streams,
            Wire.TLS: self._streams,
            Wire.DATAGRAM: DatagramTransport(self, self._poller),
            Wire.ECHO: EchoTransport(self, self._poller),
        }
        self.table = Table(index, engines, transports, self._due, self._give_up)
        self.uplink = Uplink(control, self._poller, self._obey)
        self.handlers[control.fileno()] = self.uplink.on_event
        self._in_flight = self._probes = self._skipped = self._lag_ms = 0
        self._stalled_ns = self._spoke_ms = 0
        self._now_ns = monotonic_ns()
        self._tick(0)

    def run(self) -> None:
        """Probe until the node closes its end of the socket."""
        while not self.uplink.closed:
            self.turn()

    def turn(self) -> None:
        """One iteration (C-6), from the wait for results to the next sends: so probes are in flight between turns."""
        events = self._wait()
        self._hear(events)
        while len(events) == limits.EVENTS:
            events = self._poller.poll(0, limits.EVENTS)
            self._hear(events)
        self._expire()
        if self._now_ms - self._spoke_ms >= limits.STATISTICS_MS:
            self._speak()
        self.uplink.flush(self._now_ms)
        self._begin_due()

    def answered(self, entry: Entry, outcome: Outcome) -> None:
        """The target answered, or refused: the time until now is its response time."""
        elapsed_ns = (entry.parted_ns or self._now_ns) - entry.started_ns
        self._conclude(entry, outcome, elapsed_ns // 1000 if elapsed_ns > 0 else 0)

    def unanswered(self, entry: Entry, outcome: Outcome) -> None:
        """The probe ended without an answer: there is no response time."""
        self._conclude(entry, outcome, 0)

    def _wait(self) -> list[tuple[int, int]]:
        """Sleep until something happens or is due; then look at the clock, and for time in which we did not run."""
        timeout_ns = 0 if self._may_begin() else max(0, self._next_ns() - monotonic_ns())
        if timeout_ns and self._sleep_on:
            select(self._sleep_on, (), (), timeout_ns / 1e9)  # epoll's own sleep is in whole milliseconds, rounded up
        events = self._poller.poll(0 if self._sleep_on else timeout_ns / 1e9, limits.EVENTS)
        self._tick(timeout_ns)
        return events

    def _tick(self, slept_ns: int) -> None:
        """Look at the clocks. Much time beyond the sleep is time in which this process did not run."""
        before_ns = self._now_ns
        self._now_ns = monotonic_ns()
        self._now_ms = self._now_ns // MS
        excess_ns = self._now_ns - before_ns - slept_ns
        if excess_ns > limits.STALL_MS * MS:
            self._stalled_ns += excess_ns
        self._patient_ms = (self._now_ns - self._stalled_ns) // MS
        """The clock of deadlines: it stands still while this process does not run."""
        self._wall_ms = time_ns() // MS

    def _next_ns(self) -> int:
        """The next instant at which there is something to do without an event."""
        next_ms = self._spoke_ms + limits.STATISTICS_MS
        due_ms = self._due.next_ms()
        if due_ms is not None and due_ms < next_ms:
            next_ms = due_ms
        deadline_ms = self._deadlines.next_ms()
        if deadline_ms is not None:
            next_ms = min(next_ms, deadline_ms + self._stalled_ns // MS + 1)
        flush_ms = self.uplink.gathered.due_ms()
        if flush_ms is not None and flush_ms < next_ms:
            next_ms = flush_ms
        return next_ms * MS

    def _hear(self, events: list[tuple[int, int]]) -> None:
        flights = self._streams.flights
        on_event = self._streams.on_event
        for fd, event in events:
            entry = flights.get(fd)
            if entry is None:
                handler = self.handlers.get(fd)
                if handler is not None:
                    handler(fd, event)
                continue
            try:
                on_event(entry, event)
            except Exception as error:
                self.broken(entry, error)

    def _expire(self) -> None:
        while taken := self._deadlines.take(self._patient_ms):
            deadline_ms, entries = taken
            for entry in entries:
                if entry.deadline_ms != deadline_ms:
                    continue
                try:
                    self._overdue(entry)
                except Exception as error:
                    self.broken(entry, error)

    def _overdue(self, entry: Entry) -> None:
        binding = entry.binding
        if entry.stage is CONNECTING or entry.conversation is None:
            text = f"no connection to {binding.target} within {entry.timeout_ms} ms"
            outcome = down(Reason.TIMEOUT_CONNECT, text)
        elif entry.unsent:
            text = f"{binding.target} had not taken the last {len(entry.unsent)} bytes within {binding.timeout_ms} ms"
            outcome = down(Reason.TIMEOUT_SEND, text)
        else:
            outcome = entry.conversation.overdue()
        if entry.learning is not None:
            outcome = entry.learning.explained(outcome)
        if entry.transport is not None:
            entry.transport.abandon(entry)
        if entry.parted_ns:
            self.answered(entry, outcome)  # and was not done with its goodbye
        else:
            self.unanswered(entry, outcome)

    def _may_begin(self) -> bool:
        """Whether a probe is waiting and there is room for it."""
        return bool(self._waiting) and self._in_flight < self._open_sockets and not self.uplink.full

    def _begin_due(self) -> None:
        """Begin what is due, but not so much at once that answers have to wait; the rest follows in the next turn."""
        waiting = self._waiting
        while taken := self._due.take(self._now_ms):
            due_ms, entries = taken
            waiting.extend([entry for entry in entries if entry.due_ms == due_ms])
        if not self._may_begin():
            return
        for _ in range(min(limits.LAUNCH_BATCH, len(waiting), self._open_sockets - self._in_flight)):
            entry = waiting.popleft()
            if entry.due_ms <= self._now_ms:
                self._begin(entry)

    def _begin(self, entry: Entry) -> None:
        late_ms = self._now_ms - entry.due_ms
        self._schedule_next(entry, 0)
        if entry.stage is not IDLE:
            self._skipped += 1
            return
        if late_ms > self._lag_ms:
            self._lag_ms = late_ms
        self._probes += 1
        self._in_flight += 1
        entry.stage = CONNECTING
        entry.started_ns, entry.parted_ns = monotonic_ns(), 0
        conversation, transport = entry.conversation, entry.transport
        if conversation is None or transport is None:
            self.unanswered(entry, entry.fault or inconclusive(Reason.LOCAL_ERROR, "no way to probe this"))
            return
        entry.deadline_ms = deadline_ms = self._patient_ms + entry.timeout_ms + 1
        self._deadlines.put(deadline_ms, entry)
        try:
            conversation.begin()
            transport.launch(entry)
        except Exception as error:
            self.broken(entry, error)

    def _schedule_next(self, entry: Entry, pause_ms: int) -> None:
        interval_ms = entry.interval_ms
        if interval_ms == 0:
            entry.due_ms = NEVER
            return
        entry.due_ms = due_ms = due_after_ms(self._now_ms, interval_ms, entry.phase_ms, pause_ms)
        self._due.put(due_ms, entry)

    def _conclude(self, entry: Entry, outcome: Outcome, response_us: int) -> None:
        if outcome.verdict is DOWN and outcome.reason in HUNG_UP:
            outcome = self._excused(entry, outcome)
        self._in_flight -= 1
        entry.stage = IDLE
        entry.deadline_ms = NEVER
        reports = entry.run.observe(outcome, response_us, self._wall_ms)
        if reports is not None:
            self.uplink.gathered.add(entry.binding, reports, self._now_ms, entry.expected)
            entry.expected = entry.expected and succeeds(entry.binding, reports[-1])
        if outcome.verdict is entry.failing:
            entry.downs += 1
            binding = entry.binding
            if binding.down_time_ms > binding.interval_ms > 0 and entry.downs >= entry.down_after:
                self._schedule_next(entry, binding.down_time_ms)
        else:
            entry.downs = 0
        if entry.learning is not None:
            entry.timeout_ms = entry.learning.observe(outcome.verdict, response_us, entry.downs >= entry.down_after)

    def _excused(self, entry: Entry, outcome: Outcome) -> Outcome:
        """A target that hung up while this process stood still may have been kept waiting by us."""
        lived_ms = self._now_ns // MS - entry.started_ns // MS
        held_up_ms = lived_ms - (self._patient_ms - (entry.deadline_ms - entry.timeout_ms - 1))
        if entry.deadline_ms == NEVER or held_up_ms <= entry.timeout_ms:
            return outcome
        text = f"this node stood still for {held_up_ms / 1000:.1f} s, and the target hung up: {outcome.detail}"
        return inconclusive(Reason.LOCAL_ERROR, text)

    def broken(self, entry: Entry, error: Exception) -> None:
        """A kind or a transport has a bug: say so in the verdict, and go on with the neighbours."""
        if entry.stage is IDLE:
            raise error
        if entry.transport is not None:
            entry.transport.abandon(entry)
        self.unanswered(entry, inconclusive(Reason.LOCAL_ERROR, broken(entry.binding.kind, error)))

    def _give_up(self, entry: Entry) -> None:
        """The entry is no longer probed here: drop its probe in flight."""
        if entry.stage is IDLE:
            return
        if entry.transport is not None:
            entry.transport.abandon(entry)
        self._in_flight -= 1
        entry.stage = IDLE
        entry.deadline_ms = NEVER

    def _obey(self, kind: FrameKind, body: bytes) -> None:
        """Do what the node says."""
        table, now_ms = self.table, monotonic_ns() // MS
        if kind is FrameKind.ADD:
            table.add(frames.decode_bindings(body), now_ms)
        elif kind is FrameKind.REMOVE:
            table.remove(frames.decode_numbers(body))
        elif kind is FrameKind.PROBE_ON:
            table.set_probing(frames.decode_numbers(body), True, now_ms)
        elif kind is FrameKind.PROBE_RESUME:
            table.set_probing(frames.decode_numbers(body), True, now_ms, RESUME_WITHIN_MS)
        elif kind is FrameKind.EXPECT_UP:
            table.expect(frames.decode_numbers(body))
        elif kind is FrameKind.PROBE_OFF:
            table.set_probing(frames.decode_numbers(body), False, now_ms)
        elif kind is FrameKind.ALIVE:
            table.set_alive(frames.decode_numbers(body), now_ms)
            self.uplink.flush_all(now_ms)
        elif kind is FrameKind.MARK:
            self.uplink.flush_all(now_ms)
            self.uplink.send(frames.frame(kind, body))
        elif kind is FrameKind.TARGETS:
            enforce(frames.decode_targets(body))
        else:
            raise ValueError(f"frame {kind.name} from the node to an engine: it only goes the other way")

    def _speak(self) -> None:
        self._spoke_ms = self._now_ms
        statistics = EngineStatistics(
            engine=self.index,
            pid=os.getpid(),
            bindings=len(self.table.entries),
            scheduled=self.table.scheduled,
            probes=self._probes,
            in_flight=self._in_flight,
            waiting=len(self._waiting),
            skipped=self._skipped,
            lag_ms=self._lag_ms,
            stalled_ms=self._stalled_ns // MS,
            cpu_ms=process_time_ns() // MS,
        )
        self._lag_ms = 0
        self.uplink.send(frames.encode_statistics(statistics))
