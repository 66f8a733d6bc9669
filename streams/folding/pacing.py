"""Step 7c: when a change that is not a change of state or judgement is worth a record.

Rule: a changed verdict or reason is told at once if the service has been quiet, else with the first report after
`NEWS_INTERVAL_MS`; a response time that moved by 5 % where somebody chooses by it (L-2) within `RESPONSE_INTERVAL_MS`.
Where nobody does, people look at it: it is told with the once-a-minute summary if it has become another, by half and by
a millisecond. Those of a fast network tremble by more than 5 % all the time, and each service would make a record each
minute. So a service whose probes alternate each second costs one record per interval, not one per probe. Time is
compared by its distance, so that a wall clock set back does not silence a service.
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

SHOWN_PERCENT: Final = 50
SHOWN_US: Final = 1_000
"""A response time by which nobody chooses is told when it moved by both, of the last told one."""

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
    told_us, found_us = record.response_time_us, response_time_us()
    if not (moved(told_us, found_us) if least_response else looks_different(told_us, found_us)):
        return Timing.NO
    return Timing.NOW if quiet_ms >= RESPONSE_INTERVAL_MS else Timing.SOON


def looks_different(told_us: int | None, found_us: int | None) -> bool:
    """Whether people should see another response time than the one told last."""
    if told_us is None or found_us is None:
        return told_us is not found_us
    return abs(found_us - told_us) >= max(SHOWN_US, told_us * SHOWN_PERCENT / 100)


def elapsed_ms(since_ms: int, now_ms: int) -> int:
    """Milliseconds between the two, whichever is later."""
    return abs(now_ms - since_ms)
