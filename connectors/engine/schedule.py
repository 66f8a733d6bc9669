"""When a binding is due (M-2): a fixed grid of instants per binding, spread over the interval by a stable hash.

Rule: the next instant comes from the grid, never from when the last probe ended, so nothing drifts; an instant that was
missed is skipped, never made up for. Instants are milliseconds of the machine's monotonic clock, given as an argument.
The spread comes from the entity ids, so 10,000 bindings never fire at once, on any node, in any release.
"""

from __future__ import annotations

from schemas.identifiers import stable_hash

FIRST_WITHIN_MS = 1000
"""A binding that begins is probed within this time, or within its interval if that is shorter."""

RESUME_WITHIN_MS = 10_000
"""The same for one that another node has just probed: a takeover of thousands must not probe them all in one second."""

QUANTUM_SHARE = 200
QUANTUM_MS = 10
"""Phases are multiples of a 200th of the interval, at most 10 ms: what is due together is begun in one turn."""


def spread_of(schedule_key: str) -> int:
    """The number from which a binding's place in its interval is taken."""
    return stable_hash(schedule_key)


def phase_ms(interval_ms: int, spread: int) -> int:
    """The binding's place in its interval, 0 ≤ phase < interval; 0 for a binding that is probed once."""
    if interval_ms == 0:
        return 0
    quantum_ms = max(1, min(interval_ms // QUANTUM_SHARE, QUANTUM_MS))
    phase = spread % interval_ms
    return phase - phase % quantum_ms


def first_due_ms(now_ms: int, interval_ms: int, spread: int, within_ms: int = FIRST_WITHIN_MS) -> int:
    """When to probe first: soon, but not all at once."""
    within_ms = min(interval_ms, within_ms) if interval_ms else within_ms
    return now_ms + spread % within_ms


def due_after_ms(started_ms: int, interval_ms: int, phase: int, pause_ms: int = 0) -> int:
    """The instant after a probe that started at `started_ms`; `pause_ms` is the down time, if one is in force.

    At least half an interval lies between the two, so a first probe off the grid is not followed at once by another.
    """
    earliest_ms = started_ms + (pause_ms or (interval_ms + 1) // 2)
    return earliest_ms + (phase - earliest_ms) % interval_ms
