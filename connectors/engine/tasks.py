"""The prober of the rare kinds that are tasks in the node's process: FTP, DNS, scripts (Wire.TASK).

Rule: what an engine promises, this does too: due instants from the same grid, at most one probe of a binding in flight,
a deadline, the same runs and the same reports each 10 ms. A task that is overdue or no longer wanted is cancelled and
awaited, so nothing of it is left when the next begins; one that raises is INCONCLUSIVE and its neighbours go on.
Why not in the engines: they have no asyncio, and a library with its own sockets, or a program, has no place in their
loop. Why not a process of its own: these probes are few, and their waiting costs the node's loop nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from time import process_time_ns, time_ns

from connectors.engine.binding import Binding
from connectors.engine.due_times import DueTimes
from connectors.engine.entry import NEVER
from connectors.engine.limits import REPORT_TICK_MS
from connectors.engine.runs import RunReport
from connectors.engine.schedule import (
    FIRST_WITHIN_MS,
    RESUME_WITHIN_MS,
    due_after_ms,
    first_due_ms,
)
from connectors.engine.statistics import EngineStatistics
from connectors.engine.task_flight import TaskFlight
from connectors.engine.task_row import TaskRow
from connectors.probes.contract import Task, TaskKind
from connectors.probes.outcome import Outcome
from connectors.probes.source import missing_source
from connectors.probes.task_kinds import prepare

TASKS = 128
"""Probes in flight at once. What is due beyond that waits, oldest first; it is counted, and its lateness is the lag."""

AGAIN_MS = 100
"""How soon a probe is tried again whose last one has not ended yet although it was cancelled."""

TASK_ENGINE = -1
"""What the prober's own statistics give as their engine."""


class TaskProber:
    """Use it from the node's asyncio loop only. `on_reports(reports)` is called for each batch, oldest first."""

    def __init__(
        self, kinds: Mapping[str, TaskKind], on_reports: Callable[[list[RunReport]], None], limit: int = TASKS
    ) -> None:
        self._kinds = kinds
        self._on_reports = on_reports
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._rows: dict[int, TaskRow] = {}
        self._due: DueTimes[TaskRow] = DueTimes()
        self._waiting: deque[TaskRow] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._reports: list[RunReport] = []
        self._timer: asyncio.TimerHandle | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._scheduled = self._probes = self._skipped = self._lag_ms = self._stalled_ms = 0

    def __contains__(self, number: int) -> bool:
        """Whether this binding is probed here, and not by the engines."""
        return number in self._rows

    @property
    def statistics(self) -> EngineStatistics:
        """As of now; `engine` is TASK_ENGINE, `lag_ms` that of the latest probe begun or of the oldest that waits.

        This alone may be asked for on any thread: it only takes a copy and reads counters.
        """
        waiting = list(self._waiting)
        waits_ms = self._now_ms() - waiting[0].due_ms if waiting else 0
        return EngineStatistics(
            engine=TASK_ENGINE,
            pid=os.getpid(),
            bindings=len(self._rows),
            scheduled=self._scheduled,
            probes=self._probes,
            in_flight=len(self._flights),
            waiting=len(waiting),
            skipped=self._skipped,
            lag_ms=max(self._lag_ms, waits_ms),
            stalled_ms=self._stalled_ms,
            cpu_ms=process_time_ns() // 1_000_000,
        )

    def add(self, bindings: Iterable[Binding]) -> None:
        """Add or replace the bindings of task kinds among these. A new one is not probed until `set_probing`."""
        for binding in bindings:
            former = self._rows.pop(binding.number, None)
            if former is not None:
                probing = former.probing
                self._change(former, False)
            if binding.kind not in self._kinds:
                continue
            row = self._rows[binding.number] = TaskRow(binding, prepare(self._kinds, binding))
            if former is not None:
                row.run.run = former.run.run
                self._change(row, probing)

    def remove(self, numbers: Iterable[int]) -> None:
        """Drop bindings; a number that is not here is passed over."""
        for number in numbers:
            row = self._rows.pop(number, None)
            if row is not None:
                self._change(row, False)

    def set_probing(self, on: Iterable[int] = (), off: Iterable[int] = (), resumed: Iterable[int] = ()) -> None:
        """As `EnginePool.set_probing`; numbers that are not here are passed over."""
        for numbers, probing, within_ms in (
            (off, False, 0),
            (on, True, FIRST_WITHIN_MS),
            (resumed, True, RESUME_WITHIN_MS),
        ):
            for number in numbers:
                row = self._rows.get(number)
                if row is not None:
                    self._change(row, probing, within_ms)

    async def stop(self) -> None:
        """Cancel every probe and wait until all have ended. Nothing is reported after this."""
        self.remove(list(self._rows))
        for timer in (self._timer, self._flush_timer):
            if timer is not None:
                timer.cancel()
        self._reports.clear()
        if self._flights:
            await asyncio.wait(self._flights)

    def _now_ms(self) -> int:
        return int(self._loop.time() * 1000)

    def _change(self, row: TaskRow, probing: bool, within_ms: int = FIRST_WITHIN_MS) -> None:
        """Begin or cease to probe; what already is as asked goes on undisturbed."""
        if row.probing is probing:
            return
        row.probing = probing
        self._scheduled += 1 if probing else -1
        if not probing:
            row.due_ms = NEVER
            if row.flight is not None and not row.flight.cancelling():
                row.flight.cancel()
            return
        row.run.interrupt()
        row.downs = 0
        row.due_ms = first_due_ms(self._now_ms(), row.binding.interval_ms, row.spread, within_ms)
        self._put(row)

    def _put(self, row: TaskRow) -> None:
        self._due.put(row.due_ms, row)
        self._arm()

    def _arm(self) -> None:
        """Wake up when the next is due. What waits for room is begun when a flight ends."""
        due_ms = self._due.next_ms()
        if due_ms is None:
            return
        due_s = due_ms / 1000
        if self._timer is None or due_s < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(due_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now_ms = self._now_ms()
        while taken := self._due.take(now_ms):
            due_ms, rows = taken
            self._waiting.extend(row for row in rows if row.due_ms == due_ms)
        self._begin_waiting()
        self._arm()

    def _begin_waiting(self) -> None:
        now_ms = self._now_ms()
        while self._waiting and len(self._flights) < self._limit:
            row = self._waiting.popleft()
            if row.due_ms <= now_ms:
                self._begin(row, now_ms)

    def _begin(self, row: TaskRow, now_ms: int) -> None:
        late_ms = now_ms - row.due_ms
        if row.flight is not None and row.flight.cancelling():  # it was switched off and on again
            row.due_ms = now_ms + AGAIN_MS
            self._put(row)
            return
        self._schedule_next(row, now_ms)
        if row.flight is not None:
            self._skipped += 1
            return
        self._lag_ms = late_ms
        self._probes += 1
        if isinstance(row.task, Outcome):
            self._conclude(row, row.task, 0)
            return
        missing = missing_source(row.binding.source_ip) if row.binding.source_ip else None
        if missing is not None:
            self._conclude(row, missing, 0)
            return
        row.flight = flight = self._loop.create_task(self._fly(row, row.task), name=f"probe {row.binding.monitor_name}")
        self._flights.add(flight)
        flight.add_done_callback(lambda done: self._landed(row, done))

    def _landed(self, row: TaskRow, flight: asyncio.Task[None]) -> None:
        row.flight = None
        self._flights.discard(flight)
        self._begin_waiting()

    def _schedule_next(self, row: TaskRow, now_ms: int, pause_ms: int = 0) -> None:
        if row.binding.interval_ms == 0:
            row.due_ms = NEVER
            return
        row.due_ms = due_after_ms(now_ms, row.binding.interval_ms, row.phase_ms, pause_ms)
        self._put(row)

    async def _fly(self, row: TaskRow, task: Task) -> None:
        """One probe, from its start to its outcome; cancelled when the binding is no longer probed here."""
        flight = TaskFlight(row, task)
        outcome, response_us = await flight.outcome()
        self._stalled_ms += flight.stalled_ms
        self._conclude(row, outcome, response_us)
        await flight.ended()

    def _conclude(self, row: TaskRow, outcome: Outcome, response_us: int) -> None:
        reports = row.run.observe(outcome, response_us, time_ns() // 1_000_000)
        if reports is not None:
            self._reports += reports
            if self._flush_timer is None:
                self._flush_timer = self._loop.call_later(REPORT_TICK_MS / 1000, self._flush)
        pause_ms = row.observe(outcome, response_us)
        if pause_ms and row.probing:
            self._schedule_next(row, self._now_ms(), pause_ms)

    def _flush(self) -> None:
        self._flush_timer = None
        reports, self._reports = self._reports, []
        self._on_reports(reports)
