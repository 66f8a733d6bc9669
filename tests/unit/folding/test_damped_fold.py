"""M-20: a service held DOWN for flapping is told of rarely, and what is told prolongs the hold all the same."""

from __future__ import annotations

from dataclasses import replace

from schemas.probes import Verdict
from schemas.states import State
from streams.folding.service import ServiceFold
from tests.unit.folding.builders import B0, CONFIG, CONFIG_SOURCE, HTTP_BOUND, new_fold, probed, sender, states

WINDOW_MS = 60_000
FLAPPY = replace(CONFIG, bindings=(replace(HTTP_BOUND, retries=1),), flap_changes=1, flap_window_ms=WINDOW_MS)
UP, DOWN = Verdict.UP, Verdict.DOWN


def held() -> ServiceFold:
    """UP, DOWN and UP again: held since 3,000."""
    fold = new_fold(FLAPPY)
    for number, verdict in enumerate((UP, DOWN, UP), 1):
        fold.reported(sender(), B0, [probed(number, verdict, number)], number * 1_000)
    assert fold.due_at_ms == 3_000 + WINDOW_MS
    return fold


def test_M20_a_held_binding_that_went_there_and_back_within_one_batch_prolongs_the_hold_with_one_record() -> None:
    fold = held()
    facts = fold.reported(sender(), B0, [probed(8, DOWN, 8), probed(9, UP, 9)], 33_000)
    (record,) = states(facts)
    assert (record.state, record.due_at_ms) == (State.DOWN, 33_000 + WINDOW_MS)


def test_M20_a_held_binding_that_stays_as_it_is_prolongs_nothing() -> None:
    fold = held()
    assert states(fold.reported(sender(), B0, [probed(4, UP, 3, 30)], 33_000)) == []
    assert fold.due_at_ms == 3_000 + WINDOW_MS
    (record,) = states(fold.due(3_000 + WINDOW_MS))
    assert (record.state, record.due_at_ms) == (State.UP, None)


def test_M20_there_and_back_of_what_is_not_held_is_no_hold_by_itself() -> None:
    fold = new_fold(FLAPPY)
    fold.reported(sender(), B0, [probed(1, UP, 1)], 1_000)
    fold.reported(sender(), B0, [probed(2, DOWN, 2), probed(3, UP, 3)], 2_000)
    assert fold.due_at_ms is None


def test_M20_a_shorter_window_shortens_a_hold_that_goes_on_and_a_longer_one_does_not_lengthen_it() -> None:
    fold = held()
    assert states(fold.configured(replace(FLAPPY, flap_window_ms=600_000), CONFIG_SOURCE, 4_000)) == []
    (record,) = states(fold.configured(replace(FLAPPY, flap_window_ms=1_000), CONFIG_SOURCE, 5_000))
    assert (record.state, record.due_at_ms) == (State.DOWN, 6_000)
    (record,) = states(fold.due(6_000))
    assert record.state is State.UP
