"""The feed of passive monitors: beside engines and tasks behind the pool, and like them a source of run reports.

Rule: nothing here probes. A binding is fed what came of real traffic, while this node is the one that probes it; the
outcomes make runs and reports as probes do, so that the fold knows no difference (M-13). What is fed to a binding that
is another node's is not taken here: it stays with who was told of it (A-3). A binding that hears nothing for as long as
its retries take at its interval is INCONCLUSIVE, never DOWN: no traffic says nothing of the target, and nothing good of
whoever should have told. Why no schedule of due times: feeding would set one anew each second, and a look at all rows
once a second costs less.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import time_ns

from connectors.engine.binding import Binding
from connectors.engine.runs import RunLength, RunReport
from connectors.engine.schedule import spread_of
from connectors.probes.inline import PASSIVE, Traffic
from connectors.probes.outcome import Outcome, inconclusive
from schemas.probes import Reason

LOOK_S = 1.0
"""How often silent bindings are looked for."""


class PassiveRow:
    """One binding of a passive kind."""

    __slots__ = ("binding", "heard_s", "most", "probing", "run", "silence", "silence_s")

    def __init__(self, binding: Binding) -> None:
        self.binding = binding
        self.run = RunLength(binding.number, binding.window, spread_of(binding.schedule_key), binding.up_window)
        self.most = max(binding.window, binding.up_window or 0)
        """Outcomes that one telling counts for: from more the fold learns nothing."""
        failures = binding.up_window if binding.reverse and binding.up_window else binding.window
        self.silence_s = binding.interval_ms * failures / 1000
        self.silence = inconclusive(Reason.LOCAL_ERROR, f"no traffic was reported for {self.silence_s:g} s")
        self.probing = False
        """This node is the one whose word counts (M-14)."""
        self.heard_s = 0.0


class PassiveFeed:
    """Use it from the node's asyncio loop only. `on_reports(reports)` is called for each batch, oldest first."""

    def __init__(self, on_reports: Callable[[list[RunReport]], None]) -> None:
        self._on_reports = on_reports
        self._loop = asyncio.get_running_loop()
        self._rows: dict[int, PassiveRow] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __contains__(self, number: int) -> bool:
        """Whether this binding is fed here, and not probed by engines or tasks."""
        return number in self._rows

    def add(self, bindings: Iterable[Binding]) -> None:
        """Add or replace the bindings of passive kinds among these."""
        for binding in bindings:
            former = self._rows.pop(binding.number, None)
            if binding.kind not in PASSIVE:
                continue
            row = self._rows[binding.number] = PassiveRow(binding)
            if former is not None:
                row.run.run = former.run.run
                self._change(row, former.probing)

    def remove(self, numbers: Iterable[int]) -> None:
        """Drop bindings; a number that is not here is passed over."""
        for number in numbers:
            self._rows.pop(number, None)

    def set_probing(self, on: Iterable[int] = (), off: Iterable[int] = (), resumed: Iterable[int] = ()) -> None:
        """As `EnginePool.set_probing`; numbers that are not here are passed over."""
        for numbers, probing in ((off, False), (on, True), (resumed, True)):
            for number in numbers:
                row = self._rows.get(number)
                if row is not None and row.probing is not probing:
                    self._change(row, probing)

    def feed(self, number: int, traffic: Traffic) -> bool:
        """Take what came of real traffic; whether it counts here. Nothing told is no news."""
        row = self._rows.get(number)
        if row is None or not row.probing:
            return False
        binding = row.binding
        kind = PASSIVE[binding.kind]
        tally = kind.tally({**kind.parameters, **binding.parameters}, traffic)
        self._observe(row, list(tally.outcomes(row.most)), traffic.response_us)
        return True

    async def stop(self) -> None:
        """Nothing is reported after this."""
        self._rows.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _change(self, row: PassiveRow, probing: bool) -> None:
        row.probing = probing
        if probing:
            row.run.interrupt()
            row.heard_s = self._loop.time()
            self._watch()

    def _observe(self, row: PassiveRow, outcomes: list[Outcome], response_us: int) -> None:
        """Turn outcomes into reports. A later one of the same run stands for the earlier ones."""
        if not outcomes:
            return
        row.heard_s = self._loop.time()
        at_ms = time_ns() // 1_000_000
        reports: dict[int, RunReport] = {}
        for outcome in outcomes:
            reports.update((report.run, report) for report in row.run.observe(outcome, response_us, at_ms) or ())
        if reports:
            self._on_reports(list(reports.values()))

    def _watch(self) -> None:
        if self._timer is None and self._rows:
            self._timer = self._loop.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        """Look for bindings that were not told of anything for too long."""
        self._timer = None
        now_s = self._loop.time()
        for row in list(self._rows.values()):
            if row.probing and 0 < row.silence_s <= now_s - row.heard_s:
                self._observe(row, [row.silence], 0)
        self._watch()
