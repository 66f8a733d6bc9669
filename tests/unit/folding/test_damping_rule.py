"""M-20: which changes count, and when too many of them hold a service DOWN."""

from __future__ import annotations

import pytest

from schemas.states import State
from streams.folding.damping import hold_text, is_flap, note_flap


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        (State.UP, State.DOWN, True),
        (State.DOWN, State.UP, True),
        (State.GOING_OUT_OF_SERVICE, State.DOWN, True),
        (State.UP, State.GOING_OUT_OF_SERVICE, False),
        (State.UP, State.UP, False),
        (State.UNKNOWN, State.DOWN, False),
        (State.UNKNOWN, State.UP, False),
        (State.OUT_OF_SERVICE, State.DOWN, False),
    ],
)
def test_M20_what_counts_as_a_change(before: State, after: State, counts: bool) -> None:
    assert is_flap(before, after) is counts


def held_until(changes: int, window_ms: int, *instants: int) -> list[int | None]:
    flaps: tuple[int, ...] = ()
    until: list[int | None] = []
    for now_ms in instants:
        held = bool(until) and (last := until[-1]) is not None and now_ms < last
        flaps, until_ms = note_flap(flaps, held, changes, window_ms, now_ms)
        until.append(until_ms)
        assert len(flaps) <= changes + 1
    return until


def test_M20_one_more_than_is_borne_holds() -> None:
    assert held_until(2, 100, 0, 10, 20) == [None, None, 120]


def test_M20_changes_of_long_ago_do_not_count() -> None:
    assert held_until(2, 100, 0, 60, 120, 180) == [None, None, None, None]
    assert held_until(2, 100, 0, 60, 99) == [None, None, 199]


def test_M20_each_change_while_held_holds_for_another_window() -> None:
    assert held_until(1, 100, 0, 10, 105, 200) == [None, 110, 205, 300]


def test_M20_what_the_cause_says() -> None:
    assert hold_text((1, 2, 3), 60_000).startswith("; held DOWN until 1min pass without a change")
