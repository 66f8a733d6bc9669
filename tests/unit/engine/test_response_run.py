"""The runs of a binding whose service is chosen by its response time: one that moves is told, a steady one is not."""

from __future__ import annotations

from random import Random

from connectors.engine.response_run import ResponseRun
from connectors.engine.runs import SUMMARY_MS
from connectors.probes.outcome import UP, down
from schemas.probes import Reason, Verdict

T0 = 1_790_000_000_000
REFUSED = down(Reason.REFUSED, "no")


def long_run(response_us: int = 1_000) -> ResponseRun:
    """Ten probes long: its window is behind it."""
    run = ResponseRun(1, 3, 0)
    for number in range(10):
        run.observe(UP, response_us, T0 + number * 5)
    return run


def told(run: ResponseRun, response_us: int, at_ms: int) -> list[int] | None:
    reports = run.observe(UP, response_us, T0 + at_ms)
    return None if reports is None else [report.response_avg_us for report in reports]


def test_L3_a_response_time_that_moved_by_5_percent_is_told_within_the_minute() -> None:
    run = long_run()
    assert told(run, 1_200, 2_000) is None, "2.5 % of the followed average"
    assert told(run, 1_300, 3_000) == [1_059]
    assert told(run, 1_059, 4_500) is None


def test_L3_at_most_one_a_second_and_the_last_is_not_lost() -> None:
    run = long_run()
    assert told(run, 9_000, 2_000) == [2_000]
    assert told(run, 10_000, 2_999) is None
    assert told(run, 3_000, 3_000) == [3_000]


def test_L3_a_slow_down_after_a_quiet_minute_is_seen_at_the_next_probe() -> None:
    run = long_run()
    for at_ms in range(100, SUMMARY_MS // 2, 100):
        told(run, 1_000, at_ms)
    assert told(run, 5_000, 31_000) == [1_500]


def test_L3_a_steady_response_time_costs_the_summaries_only() -> None:
    run, random = long_run(), Random(7)
    times = [at for at in range(0, 10 * SUMMARY_MS, 100) if told(run, 1_000 + random.randint(-40, 40), at)]
    assert len(times) <= 11


def test_L3_one_that_never_rests_costs_one_report_a_second() -> None:
    run, random = long_run(), Random(7)
    times = [at for at in range(0, 60_000, 100) if told(run, random.choice([100, 100_000]), at)]
    assert 30 <= len(times) <= 61


def test_L5_the_average_begins_anew_after_an_outage_and_a_failure_teaches_nothing() -> None:
    run = long_run(1_000)
    assert [report.verdict for report in run.observe(REFUSED, 0, T0 + 2_000) or ()] == [Verdict.UP, Verdict.DOWN]
    assert told(run, 9_000, 2_100) == [9_000]
    assert told(run, 0, 2_200) == [9_000], "silence that counts as a success"


def test_L5_small_times_are_followed_to_the_last_digit() -> None:
    run = long_run(10)
    for at_ms in range(2_000, 90_000, 1_000):
        run.observe(UP, 16, T0 + at_ms)
    assert told(run, 16, 2 * SUMMARY_MS) == [16]
