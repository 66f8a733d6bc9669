"""Run-length encoding of a binding's verdicts: what is worth telling the node, and when.

Rule: a run is consecutive probes with one verdict and one reason. It is reported at each probe until its count reaches
the binding's window, for the fold cannot learn from more; then once a minute. When it ends, its final count is reported
before the run that follows, if it is not yet known. So the reports alone give the exact sequence of verdicts back, and
a healthy fleet and a dead one cost the same traffic. Pure: the wall clock is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.probes.outcome import Outcome
from schemas.probes import MeasuredLoad, Reason, Verdict

SUMMARY_MS = 60_000
"""How often an unchanged run is reported."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run so far. A later report of the same run replaces this one."""

    number: int
    """The binding."""
    sequence: int
    """Grows with every report of the pool, across engines; 0 until the pool has stamped it."""
    run: int
    """Ordinal of the run within the binding, from 1."""
    verdict: Verdict
    reason: Reason
    detail: str
    """Of the latest probe of the run."""
    first_at_ms: int
    """When the verdict of the run's first probe was known: wall clock, milliseconds since 1970."""
    last_at_ms: int
    """When that of its latest probe was."""
    count: int
    """Probes in the run so far."""
    response_min_us: int
    """Over the run; 0 if the target never answered."""
    response_avg_us: int
    """Since the report before, so that who reads it sees what is so now, and not what was yesterday."""
    response_max_us: int
    """Over the run."""
    load: MeasuredLoad | None = None
    """What a LOAD monitor's latest probe measured."""
    mss: int = 0
    """The segment size of the connection that began the latest run of successes, in bytes; 0: none was seen."""


class RunLength:
    """The current run of one binding. Mutable: it is touched 50,000 times a second."""

    __slots__ = (
        "count",
        "detail",
        "first_at_ms",
        "last_at_ms",
        "max_us",
        "min_us",
        "mss",
        "number",
        "reason",
        "reported",
        "run",
        "spread",
        "sum_us",
        "summary",
        "up_window",
        "verdict",
        "window",
    )

    def __init__(self, number: int, window: int, spread: int, up_window: int | None = None) -> None:
        self.number = number
        self.window = window
        self.up_window = window if up_window is None else up_window
        self.spread = spread % SUMMARY_MS
        self.run = 0
        self.verdict: Verdict | None = None
        self.reason: Reason | None = None
        self.detail = ""
        self.mss = 0
        self.count = self.reported = self.summary = 0
        self.first_at_ms = self.last_at_ms = 0
        self.min_us = self.sum_us = self.max_us = 0

    def observe(self, outcome: Outcome, response_us: int, at_ms: int) -> list[RunReport] | None:
        """Take one probe's outcome; answer with what must be reported now, oldest first, or None.

        `at_ms` is when the outcome was known, on the wall clock.
        """
        if outcome.reason is not self.reason or outcome.verdict is not self.verdict:
            closing = self._report() if self.count > self.reported else None
            self._begin(outcome, response_us, at_ms)
            return [self._report()] if closing is None else [closing, self._report()]
        self.count = count = self.count + 1
        self.last_at_ms = at_ms
        self.sum_us += response_us
        if response_us < self.min_us:
            self.min_us = response_us
        elif response_us > self.max_us:
            self.max_us = response_us
        window = self.up_window if self.verdict is Verdict.UP else self.window
        if count > window and (at_ms - self.spread) // SUMMARY_MS == self.summary:
            return None
        self.detail = outcome.detail
        return [self._report()]

    def interrupt(self) -> None:
        """Probing pauses: this run is over as last reported, and the next probe begins a new one, whatever it finds."""
        self.reported = self.count
        self.verdict = self.reason = None

    def _begin(self, outcome: Outcome, response_us: int, at_ms: int) -> None:
        self.run += 1
        self.verdict = outcome.verdict
        self.reason = outcome.reason
        self.detail = outcome.detail
        self.first_at_ms = self.last_at_ms = at_ms
        self.count = 1
        self.reported = 0
        self.min_us = self.sum_us = self.max_us = response_us

    def _report(self) -> RunReport:
        """The run as it stands, noted as reported in this summary period."""
        if self.verdict is None or self.reason is None:
            raise RuntimeError(f"run of binding {self.number} was reported before its first probe: observe one first")
        average_us, self.sum_us = self.sum_us // (self.count - self.reported), 0
        self.reported = self.count
        self.summary = (self.last_at_ms - self.spread) // SUMMARY_MS
        return RunReport(
            number=self.number,
            sequence=0,
            run=self.run,
            verdict=self.verdict,
            reason=self.reason,
            detail=self.detail,
            first_at_ms=self.first_at_ms,
            last_at_ms=self.last_at_ms,
            count=self.count,
            response_min_us=self.min_us,
            response_avg_us=average_us,
            response_max_us=self.max_us,
            mss=self.mss,
        )
