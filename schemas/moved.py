"""When a measured number is worth telling again (T7, CL-3): the rule of 5 % that engines and the fold share.

Rule: what has moved by less than 5 % of the last told value is not told, so that a load or response time that trembles
costs no traffic; from nothing, from 0, and to nothing any change counts. Here, and not in the fold, because an engine
must not hold back what the fold would tell.
"""

from __future__ import annotations

from typing import Final

MOVED_PERCENT: Final = 5
"""Of the last sent value."""


def moved(last_sent: int | None, value: int | None) -> bool:
    """Whether a value moved enough to be sent again."""
    if last_sent is None or value is None:
        return last_sent is not value
    return value != last_sent and abs(value - last_sent) * 100 >= last_sent * MOVED_PERCENT
