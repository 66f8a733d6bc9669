"""The runs of a LOAD monitor: as any other, and besides, a load that has moved is told before the minute is over (CL).

Rule: a report carries the load of its latest probe. Within a long run, one more is made when the load has moved by 5 %
of the last told one, or the flag has changed; at most one a second, and what had to wait is looked at again with the
next probe, so it is late and not lost.
"""

from __future__ import annotations

from dataclasses import replace

from connectors.engine.runs import RunLength, RunReport
from connectors.probes.outcome import Measured, Outcome
from schemas.moved import moved
from schemas.probes import MeasuredLoad

LOAD_NEWS_MS = 1_000
"""At most one report in this time for a load that moves."""

KIND = "LOAD"


class LoadRun(RunLength):
    """The current run of one LOAD binding."""

    __slots__ = ("load", "told", "told_at_ms")

    def __init__(self, number: int, window: int, spread: int, up_window: int | None = None) -> None:
        super().__init__(number, window, spread, up_window)
        self.load: MeasuredLoad | None = None
        self.told: MeasuredLoad | None = None
        self.told_at_ms = 0

    def observe(self, outcome: Outcome, response_us: int, at_ms: int) -> list[RunReport] | None:
        """As `RunLength.observe`; where a run ends and the next begins, each report has the load of its own run."""
        before = self.load
        self.load = outcome.load if isinstance(outcome, Measured) else None
        reports = super().observe(outcome, response_us, at_ms)
        if reports is None:
            if not self._is_news(at_ms):
                return None
            reports = [self._report()]
        self.told, self.told_at_ms = self.load, at_ms
        loads = (before, self.load)[-len(reports) :]
        return [replace(report, load=load) for report, load in zip(reports, loads, strict=True)]

    def _is_news(self, at_ms: int) -> bool:
        told, load = self.told, self.load
        if load == told or abs(at_ms - self.told_at_ms) < LOAD_NEWS_MS:
            return False
        if told is None or load is None:
            return True
        return load.threshold_reached is not told.threshold_reached or moved(told.load, load.load)
