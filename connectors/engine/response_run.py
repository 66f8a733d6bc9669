"""The runs of a binding whose service is chosen by its response time: one that moves is told at once (L-3).

Rule: what is told is the average over the probes, each further one counted by an eighth, as TCP's round-trip time is
(RFC 6298, section 2). Within a long run one more report is made when it has moved by 5 % of the last told one; at most
one a second, and what had to wait is looked at again with the next probe, so it is late and not lost. It begins anew
with every run, for a target that was DOWN may be another one.

Why not the average since the report before, as other runs have: after a quiet minute it would follow a target that
slows down for seconds, and a steady one trembles by more than 5 % from probe to probe.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from connectors.engine.learning import FOLLOWED_SHARE
from connectors.engine.runs import RunLength, RunReport
from connectors.probes.outcome import Outcome
from schemas.moved import moved
from schemas.probes import Verdict

RESPONSE_NEWS_MS: Final = 1_000
"""At most one report in this time for a response time that moves."""

UP = Verdict.UP


class ResponseRun(RunLength):
    """The current run of one such binding."""

    __slots__ = ("_followed_run", "_scaled_us", "_told_at_ms", "_told_us")

    def __init__(self, number: int, window: int, spread: int, up_window: int | None = None) -> None:
        super().__init__(number, window, spread, up_window)
        self._scaled_us = self._followed_run = 0
        """The average times FOLLOWED_SHARE, so that no digit is lost, and the run that it is of."""
        self._told_us = self._told_at_ms = 0

    def observe(self, outcome: Outcome, response_us: int, at_ms: int) -> list[RunReport] | None:
        """As `RunLength.observe`; the last report has the followed average, one that ends a run its own."""
        reports = super().observe(outcome, response_us, at_ms)
        if outcome.verdict is not UP:
            return reports
        average_us = self._follow(response_us)
        if reports is None:
            if abs(at_ms - self._told_at_ms) < RESPONSE_NEWS_MS or not moved(self._told_us, average_us):
                return None
            self.detail = outcome.detail
            reports = [self._report()]
        self._told_us, self._told_at_ms = average_us, at_ms
        return [*reports[:-1], replace(reports[-1], response_avg_us=average_us)]

    def _follow(self, response_us: int) -> int:
        """Silence that counts as a success (0) teaches nothing."""
        if self._followed_run != self.run:
            self._followed_run, self._scaled_us = self.run, 0
        if response_us and self._scaled_us:
            self._scaled_us += response_us - self._scaled_us // FOLLOWED_SHARE
        elif response_us:
            self._scaled_us = response_us * FOLLOWED_SHARE
        return self._scaled_us // FOLLOWED_SHARE
