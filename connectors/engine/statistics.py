"""What an engine says of itself once a second; its silence is how the pool knows that it is dead or stuck (C-15).

Rule: totals only ever grow while the engine lives, so a reader takes differences and needs no reset.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """One engine, as of now."""

    engine: int
    pid: int
    bindings: int
    """Rows in its table: the whole node's (C-1)."""
    scheduled: int
    """Rows that it probes."""
    probes: int
    """Probes begun since it started."""
    in_flight: int
    waiting: int
    """Probes that are due and wait for a socket: the limit of open sockets is reached."""
    skipped: int
    """Due instants since the start that were passed over, because the probe before was still in flight."""
    lag_ms: int
    """The most that a probe began after it was due, in the last second."""
    stalled_ms: int
    """Time since the start in which the engine itself did not run; deadlines were extended by it."""
    cpu_ms: int
    """CPU time used since the start."""

    def as_row(self) -> tuple[Any, ...]:
        """The fields in order, for a frame."""
        return astuple(self)
