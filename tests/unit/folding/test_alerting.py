"""What is told of a service's state, by what is so and what was told before."""

from __future__ import annotations

import pytest

from schemas.states import State
from streams.folding.alerting import Due, due, speaks

THEN_MS, NOW_MS = 1_000, 2_000
OTHERS = [state for state in State if state is not State.DOWN]


@pytest.mark.parametrize(
    ("told_since_ms", "explained", "is_due"),
    [
        (None, False, Due.FIRING),
        (None, True, Due.EXPLAINED),
        (NOW_MS, False, Due.NOTHING),
        (NOW_MS, True, Due.NOTHING),
        (THEN_MS, False, Due.FIRING),
        (THEN_MS, True, Due.FIRING),
    ],
)
def test_M20_down_is_told_once_an_outage_unless_something_else_explains_it(
    told_since_ms: int | None, explained: bool, is_due: Due
) -> None:
    assert due(State.DOWN, NOW_MS, told_since_ms, lambda: explained) is is_due


@pytest.mark.parametrize("state", [*OTHERS, None])
def test_the_end_is_told_where_the_beginning_was(state: State | None) -> None:
    """Also where the service was disabled, or is gone."""
    assert due(state, NOW_MS, THEN_MS, lambda: True) is Due.RESOLVED
    assert due(state, NOW_MS, None, lambda: False) is Due.NOTHING


def test_monitors_of_what_is_on_its_way_out_of_service_are_silent() -> None:
    silent = {state for state in State if not speaks(state)}
    assert silent == {State.OUT_OF_SERVICE, State.GOING_OUT_OF_SERVICE}
