"""Step 7c: when a change that is not a change of state or judgement is worth a record.

Rule: a changed verdict or reason is told at once if the service has been quiet, else with the first report after
`NEWS_INTERVAL_MS`; a response time that moved by 5 % is told with the once-a-minute summary, or, where somebody chooses
by it (L-2), within `RESPONSE_INTERVAL_MS`. So a service whose probes alternate each second costs one record per
interval, not one per probe, and `show` is at most a minute behind. Time is compared by its distance, so that a wall
clock set back does not silence a service.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from schemas.moved import moved
from schemas.states import ServiceState

NEWS_INTERVAL_MS: Final = 5_000
"""At most one record per service in this time for news below a judgement."""

RESPONSE_INTERVAL_MS: Final = 1_000
"""At most one record per service in this time for a response time that somebody chooses by (L-3)."""

SUMMARY_INTERVAL_MS: Final = 50_000
"""A little under the minute of the engines' summaries, so that each minute's first summary can be told."""


class Timing(Enum):
    """Whether a record is made."""

    NOW = "there is something to tell, and it is time"
    SOON = "there is something to tell that does not wait for the next report, but it is too soon"
    NO = "nothing to tell, or it waits for a later report"


def timing(
    record: ServiceState,
    has_news: bool,
    least_response: bool,
    response_time_us: Callable[[], int | None],
    now_ms: int,
) -> Timing:
    """`has_news`: a verdict or reason that the record does not show; `least_response`: somebody chooses by the time."""
    quiet_ms = elapsed_ms(record.updated_at_ms, now_ms)
    if has_news and quiet_ms >= NEWS_INTERVAL_MS:
        return Timing.NOW
    if not least_response and quiet_ms < SUMMARY_INTERVAL_MS:
        return Timing.NO
    if not moved(record.response_time_us, response_time_us()):
        return Timing.NO
    return Timing.NOW if quiet_ms >= RESPONSE_INTERVAL_MS else Timing.SOON


def elapsed_ms(since_ms: int, now_ms: int) -> int:
    """Milliseconds between the two, whichever is later."""
    return abs(now_ms - since_ms)
