"""One probe of a task kind: run it against its deadline, see it end, and read what it found.

Rule: a flight ends with an outcome, whatever the task does: it answers, it is overdue and cancelled, it raises, it
cancels itself, or it does not let itself be cancelled. A deadline that passed while this process itself was held up is
put off once by as long, as engines do it: an answer that lies in the kernel counts. Why not `asyncio.timeout`: it
cancels in the same turn in which the answer would have been read.
"""

from __future__ import annotations

import asyncio

from connectors.engine.limits import STALL_MS
from connectors.engine.task_row import TaskRow
from connectors.probes.contract import Task, Timed
from connectors.probes.kinds import broken
from connectors.probes.outcome import Outcome, inconclusive
from schemas.probes import Reason, Verdict

CLEANUP_S = 2.0
"""A cancelled task must have ended by then. A kind that does not is broken, and its binding waits until it has."""


class TaskFlight:
    """Begins to probe when it is made; await `outcome`, then `ended`."""

    def __init__(self, row: TaskRow, task: Task) -> None:
        self._row = row
        self._binding = row.binding
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._running = self._loop.create_task(_run(task))
        self.stalled_ms = 0
        """By how much the deadline was put off."""

    async def outcome(self) -> tuple[Outcome, int]:
        """The outcome and the response time in microseconds, 0 if there was no answer. Nothing runs on if cancelled."""
        try:
            await self._in_time()
            elapsed_us = int((self._loop.time() - self._began_s) * 1e6)
            overdue = not self._running.done()
        finally:
            await self._cancel()
        if not self._running.done():
            return self._broken(f"it still runs {CLEANUP_S:g} s after it was cancelled"), 0
        if overdue:
            return self._overdue(), 0
        return self._found(elapsed_us)

    async def ended(self) -> None:
        """When nothing of it runs any more."""
        if not self._running.done():
            await asyncio.wait((self._running,))

    async def _in_time(self) -> None:
        """Until the task or its time is over."""
        deadline_s = self._began_s + self._row.timeout_ms / 1000
        await asyncio.wait((self._running,), timeout=deadline_s - self._loop.time())
        late_s = self._loop.time() - deadline_s
        if not self._running.done() and late_s * 1000 > STALL_MS:
            self.stalled_ms = int(late_s * 1000)
            await asyncio.wait((self._running,), timeout=late_s)

    async def _cancel(self) -> None:
        if not self._running.done():
            self._running.cancel()
            await asyncio.wait((self._running,), timeout=CLEANUP_S)

    def _overdue(self) -> Outcome:
        try:
            outcome = self._task.overdue()
            return outcome if self._row.learning is None else self._row.learning.explained(outcome)
        except Exception as error:
            return inconclusive(Reason.LOCAL_ERROR, broken(self._binding.kind, error))

    def _found(self, elapsed_us: int) -> tuple[Outcome, int]:
        if self._running.cancelled():
            return self._broken("it cancelled itself"), 0
        error = self._running.exception()
        if isinstance(error, Exception):
            return inconclusive(Reason.LOCAL_ERROR, broken(self._binding.kind, error)), 0
        found = self._running.result()
        if isinstance(found, Timed):
            return found.outcome, found.response_us
        return found, 0 if found.verdict is Verdict.INCONCLUSIVE else elapsed_us

    def _broken(self, why: str) -> Outcome:
        return inconclusive(Reason.LOCAL_ERROR, f"probe kind {self._binding.kind} broke: {why}")


async def _run(task: Task) -> Outcome | Timed:
    return await task.run()
