"""M-19: a time-out that is learnt, as a table of probes and the time-out after each."""

from __future__ import annotations

import pytest

from connectors.engine.learning import LEARNED_PROBES, DynamicTimeout, dynamic_timeout
from connectors.probes.outcome import UP, down
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding

REFUSED = "F"


def after_each(learner: DynamicTimeout, *probes: int | str) -> list[int]:
    """Response times in milliseconds; F is a failure, D one that made the target DOWN."""
    found = []
    for probe in probes:
        verdict = Verdict.UP if isinstance(probe, int) else Verdict.DOWN
        response_us = probe * 1_000 if isinstance(probe, int) else 0
        found.append(learner.observe(verdict, response_us, probe == "D"))
    return found


def learner(longest_ms: int = 4_999) -> DynamicTimeout:
    return DynamicTimeout(2_000, 50, longest_ms)


def test_M19_five_probes_then_average_and_deviation() -> None:
    assert after_each(learner(), 10, 20, 30, 40, 50) == [2_000, 2_000, 2_000, 2_000, 80]
    assert LEARNED_PROBES == 5


def test_M19_failures_teach_nothing() -> None:
    assert after_each(learner(), 10, "F", 20, 30, "F", 40, 50) == [2_000] * 6 + [80]


def test_M19_the_average_follows_slowly() -> None:
    times = after_each(learner(), *[30] * 5, *[110] * 40)
    assert times[4:7] == [80, 90, 99]
    assert times[-1] == pytest.approx(160, abs=1)


def test_M19_one_failure_keeps_what_was_learnt_and_down_forgets_it() -> None:
    assert after_each(learner(), *[30] * 5, "F", "F", "D") == [2_000] * 4 + [80, 80, 80, 2_000]
    assert after_each(learner(), *[30] * 5, "D", *[130] * 5)[-2:] == [2_000, 180]


def test_M19_never_beyond_the_next_probe() -> None:
    assert after_each(learner(longest_ms=60), *[30] * 5)[-1] == 60


def test_M19_an_answer_faster_than_a_millisecond_leaves_the_deviation() -> None:
    learnt = learner()
    assert [learnt.observe(Verdict.UP, 400, False) for _ in range(5)][-1] == 51


def test_M19_silence_that_counts_as_success_teaches_nothing_and_stays_a_success() -> None:
    learnt = learner()
    assert [learnt.observe(Verdict.UP, 0, False) for _ in range(6)] == [2_000] * 6
    after_each(learnt, *[30] * 5)
    assert learnt.explained(UP) is UP


def test_M19_a_failure_says_which_time_it_was_given() -> None:
    learnt = learner()
    late = down(Reason.TIMEOUT_FIRST_BYTE, "no answer within 2000 ms")
    assert learnt.explained(late) is late
    after_each(learnt, *[30] * 5)
    explained = learnt.explained(late)
    assert explained.reason is Reason.TIMEOUT_FIRST_BYTE
    assert explained.detail == (
        "no answer within the learnt time-out of 80 ms (average of 30.0 ms + deviation of 50 ms)"
    )


def test_M19_only_with_a_deviation_and_shorter_than_the_interval() -> None:
    assert dynamic_timeout(binding()) is None
    made = dynamic_timeout(binding(interval_ms=100, timeout_ms=60, deviation_ms=5_000))
    assert made is not None
    assert after_each(made, *[1] * 5)[-1] == 99
    once = dynamic_timeout(binding(interval_ms=0, timeout_ms=60, deviation_ms=40))
    assert once is not None
    assert after_each(once, *[55] * 5)[-1] == 95
