"""M-9 to M-11 and T13: what judged bindings make of a service."""

from __future__ import annotations

import pytest

from schemas.states import BindingVerdict, State
from streams.folding.weights import Weighed, decide

LETTERS = {".": BindingVerdict.UNKNOWN, "U": BindingVerdict.UP, "D": BindingVerdict.DOWN}


def bound(text: str) -> list[Weighed]:
    """`U30 D20 .5` is an UP binding of weight 30, a DOWN one of 20, one never judged of 5."""
    return [(LETTERS[word[0]], int(word[1:])) for word in text.split()]


def test_M10_five_of_weight_30_three_up_are_90() -> None:
    assert decide(State.UNKNOWN, bound("U30 U30 U30 D30 D30"), 90) == (State.UP, 90)
    assert decide(State.UNKNOWN, bound("U30 U30 U30 D30 D30"), 91) == (State.DOWN, 90)


def test_M10_20_and_40_are_60() -> None:
    assert decide(State.UNKNOWN, bound("U20 U40"), 60) == (State.UP, 60)


def test_M11_crossing_the_threshold_either_way() -> None:
    state, weight = decide(State.UNKNOWN, bound("U20 U40"), 40)
    assert (state, weight) == (State.UP, 60)
    state, weight = decide(state, bound("D20 U40"), 40)
    assert (state, weight) == (State.UP, 40), "still at the threshold: no crossing"
    state, weight = decide(state, bound("U20 D40"), 40)
    assert (state, weight) == (State.DOWN, 20)
    assert decide(state, bound("D20 U40"), 40) == (State.UP, 40)


TABLE = """
previous  bindings       threshold  state    weight  why
UNKNOWN   -              0          UNKNOWN  0       nothing counts
UP        -              0          UNKNOWN  0       nothing counts any more
UP        -              40         UNKNOWN  0       nothing counts any more, with a threshold
UNKNOWN   .1,.1          0          UNKNOWN  0       nothing judged
UNKNOWN   .1,.1          1          UNKNOWN  0       nothing judged, with a threshold
UNKNOWN   U1,U2          0          UP       3       T13: every bound monitor is UP
UNKNOWN   U1,D2          0          DOWN     1       T13: one is not
UNKNOWN   U1,.2          0          UNKNOWN  1       never decided, the second could still say no
UNKNOWN   D1,.2          0          DOWN     0       never decided, and the second cannot save it
UP        U1,.2          0          UP       1       just bound: left out
DOWN      U1,.2          0          UP       1       just bound: left out
UP        D1,.2          0          DOWN     0       just bound: does not save it
UNKNOWN   U20,.40        60         UNKNOWN  20      could still reach it
UNKNOWN   U20,.30        60         DOWN     20      could not
UNKNOWN   U20,.40        20         UP       20      has reached it
UP        U20,.40        60         DOWN     20      decided before: not UP yet does not count
OUT_OF_SERVICE  U1,.2    0          UNKNOWN  1       back in service is as never decided
"""


@pytest.mark.parametrize(
    "row", [line.split(maxsplit=5) for line in TABLE.strip().splitlines()[1:]], ids=lambda row: row[5]
)
def test_T13_decision_table(row: list[str]) -> None:
    bindings = [] if row[1] == "-" else bound(row[1].replace(",", " "))
    assert decide(State(row[0]), bindings, int(row[2])) == (State(row[3]), int(row[4]))
