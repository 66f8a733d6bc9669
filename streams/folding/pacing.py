"""Step 7c: when a change that is not a change of state or judgement is worth a record.

Rule: a changed verdict or reason is told at once if the service has been quiet, else with the first report after
`NEWS_INTERVAL_MS`; a response time that moved by 5 % is told with the once-a-minute summary. So a service whose probes
alternate each second costs one record per interval, not one per probe, and `show` is at most a minute behind. Time is
compared by its distance, so that a wall clock set back does not silence a service.
"""

from __future__ import annotations

from typing import Final

from schemas.moved import moved

__all__ = ["NEWS_INTERVAL_MS", "SUMMARY_INTERVAL_MS", "elapsed_ms", "moved"]

NEWS_INTERVAL_MS: Final = 5_000
"""At most one record per service in this time for news below a judgement."""

SUMMARY_INTERVAL_MS: Final = 50_000
"""A little under the minute of the engines' summaries, so that each minute's first summary can be told."""


def elapsed_ms(since_ms: int, now_ms: int) -> int:
    """Milliseconds between the two, whichever is later."""
    return abs(now_ms - since_ms)
