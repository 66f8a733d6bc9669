"""S-3, T7, F12, F13: when news below a judgement is told."""

from __future__ import annotations

import pytest

from schemas.moved import moved
from schemas.probes import Verdict
from streams.folding.pacing import elapsed_ms, looks_different
from tests.unit.folding.builders import B0, probed, sender, states, up_fold


@pytest.mark.parametrize(
    ("last_sent", "value", "answer"),
    [
        (None, None, False),
        (None, 0, True),
        (300, None, True),
        (0, 0, False),
        (0, 1, True),
        (100, 104, False),
        (100, 105, True),
        (100, 96, False),
        (100, 95, True),
    ],
)
def test_T7_five_percent_of_the_last_sent_value(last_sent: int | None, value: int | None, answer: bool) -> None:
    assert moved(last_sent, value) is answer


def test_F13_a_wall_clock_set_back_does_not_silence_a_service() -> None:
    assert elapsed_ms(3_600_000, 0) == 3_600_000
    fold = up_fold()
    assert states(fold.reported(sender(), B0, [probed(2, Verdict.DOWN, 2)], 1_000 - 3_600_000))


def test_F12_a_changed_verdict_is_told_when_the_service_has_been_quiet() -> None:
    (state,) = states(up_fold().reported(sender(), B0, [probed(2, Verdict.DOWN, 2)], 6_000))
    assert state.bindings[0].verdict is Verdict.DOWN


def test_F12_else_with_the_first_report_after_the_interval() -> None:
    fold = up_fold()
    assert fold.reported(sender(), B0, [probed(2, Verdict.DOWN, 2)], 2_000) == []
    assert fold.reported(sender(), B0, [probed(3, count=1, run=3)], 5_999) == []
    (state,) = states(fold.reported(sender(), B0, [probed(4, count=2, run=3)], 6_000))
    assert (state.bindings[0].verdict, state.bindings[0].run) == (Verdict.UP, 3)
    assert fold.reported(sender(), B0, [probed(5, count=3, run=3)], 20_000) == [], "told once"


@pytest.mark.parametrize(
    ("told_us", "found_us", "answer"),
    [
        (None, None, False),
        (None, 300, True),
        (300, None, True),
        (300, 1_299, False),
        (300, 1_300, True),
        (1_300, 300, True),
        (10_000, 14_999, False),
        (10_000, 15_000, True),
        (10_000, 5_001, False),
        (10_000, 5_000, True),
    ],
)
def test_L3_by_half_and_by_a_millisecond_where_people_look_at_it(
    told_us: int | None, found_us: int | None, answer: bool
) -> None:
    assert looks_different(told_us, found_us) is answer


def test_L3_a_response_time_that_nobody_chooses_by_is_told_with_the_summary_if_it_is_another() -> None:
    fold = up_fold()
    assert fold.reported(sender(), B0, [probed(2, count=2, response_us=6_000)], 40_000) == []
    assert fold.reported(sender(), B0, [probed(3, count=3, response_us=600)], 61_000) == []
    (state,) = states(fold.reported(sender(), B0, [probed(4, count=4, response_us=1_900)], 62_000))
    assert state.response_time_us == 1_900
    assert state.cause.text == "http-web: OK (1 of 1 probes succeeded)", "still the cause of the state"
