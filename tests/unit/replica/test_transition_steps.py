"""The last steps of each service: packed, limited, each transition once, in the order of views and sequences."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from connectors.replica.transitions import KEPT_SERVICES, KEPT_STEPS, Step, Steps
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.states import Cause, CauseKind, ServiceTransition, State

WEB = EntityId("1-0")
UP, DOWN = State.UP, State.DOWN
FIRST = ServiceTransition(
    ViewId(5), 1, WEB, "web1", NodeId("b0"), State.UNKNOWN, UP, 10, 10, Cause(CauseKind.PROBE, "1 of 1 up"), 1_000
)


def flip(sequence: int, view: int = 5, at_ms: int | None = None) -> ServiceTransition:
    """UP and DOWN by turns."""
    before, after = (UP, DOWN) if sequence % 2 == 0 else (DOWN, UP)
    at = 1_000 * sequence if at_ms is None else at_ms
    return replace(FIRST, view_id=ViewId(view), sequence=sequence, before=before, after=after, at_ms=at)


def test_the_first_step_says_what_was_before() -> None:
    steps = Steps()
    assert steps.of(WEB) == ()
    assert steps.note(FIRST)
    assert steps.of(WEB) == (Step(None, State.UNKNOWN), Step(1_000, UP))


def test_every_state_and_time_comes_back_as_it_went_in() -> None:
    for state in State:
        for at_ms in (1, 1_790_000_000_000, (1 << 60) - 1):
            steps = Steps()
            steps.note(replace(FIRST, before=state, after=state, at_ms=at_ms))
            assert steps.of(WEB) == (Step(None, state), Step(at_ms, state))


def test_a_clock_beyond_all_reason_is_brought_to_the_nearest() -> None:
    steps = Steps()
    steps.note(replace(FIRST, at_ms=-5))
    assert steps.of(WEB)[-1] == Step(None, UP)
    steps.note(replace(FIRST, sequence=2, at_ms=1 << 62))
    assert steps.of(WEB)[-1] == Step((1 << 60) - 1, UP)


def test_S10_what_was_had_or_overtaken_is_no_step() -> None:
    steps = Steps()
    steps.note(FIRST)
    assert steps.note(flip(4, view=7))
    for late in (FIRST, flip(4, view=7), flip(3, view=7), flip(9, view=6)):
        assert not steps.note(late)
    assert [step.at_ms for step in steps.of(WEB)] == [None, 1_000, 4_000]


def test_the_oldest_steps_go_first_and_the_state_before_them_stays_known() -> None:
    steps = Steps()
    for sequence in range(1, 101):
        steps.note(flip(sequence))
    kept = steps.of(WEB)
    assert len(kept) == KEPT_STEPS + 1
    assert [step.at_ms for step in kept] == [1_000 * sequence for sequence in range(100 - KEPT_STEPS, 101)]
    assert all(one.state is not other.state for one, other in pairwise(kept))


def test_services_have_a_limit_too() -> None:
    steps = Steps()
    for number in range(KEPT_SERVICES + 2):
        steps.note(replace(FIRST, entity_id=EntityId(f"{number}-0")))
    assert steps.of(EntityId("0-0")) == steps.of(EntityId("1-0")) == ()
    assert steps.of(EntityId("2-0")) != ()
