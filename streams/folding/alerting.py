"""Step 7 towards people: whether a service's state is to be told, from what is so and what was told before.

Rule: only DOWN and its end are told. What is DOWN because of something it depends on that is DOWN too is not (M-20);
but once it was told it stays told until it is over. What was taken out of service is over. It is decided anew whenever
something may have changed, and right before it leaves, so a DOWN that ended before anybody could be told is told no
more. Why not an alert for each transition: a node that dies with a transition in hand would lose it, and one that
takes over would not know which were told.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from schemas.states import State


class Due(Enum):
    """What is to be told now."""

    NOTHING = "NOTHING"
    FIRING = "FIRING"
    RESOLVED = "RESOLVED"
    EXPLAINED = "EXPLAINED"
    """DOWN, and silent for as long as something that it depends on is DOWN."""


def due(state: State | None, since_ms: int, told_since_ms: int | None, is_explained: Callable[[], bool]) -> Due:
    """`state` None: there is no such service any more. `told_since_ms`: since when it is DOWN by what was told last."""
    if state is not State.DOWN:
        return Due.NOTHING if told_since_ms is None else Due.RESOLVED
    if told_since_ms == since_ms:
        return Due.NOTHING
    if told_since_ms is None and is_explained():
        return Due.EXPLAINED
    return Due.FIRING


def speaks(state: State | None) -> bool:
    """Whether a service's monitors may tell what they were asked to: one that is on its way out of service may not."""
    return state not in (State.OUT_OF_SERVICE, State.GOING_OUT_OF_SERVICE)
