"""Run-length encoding of verdicts: what an engine tells its node."""

from __future__ import annotations

from itertools import pairwise

import pytest

from connectors.engine.runs import SUMMARY_MS, RunLength, RunReport
from connectors.probes.outcome import UP, down
from schemas.probes import Reason, Verdict

REFUSED = down(Reason.REFUSED, "no")
TIMEOUT = down(Reason.TIMEOUT_CONNECT, "late")


def told(reports: list[RunReport] | None) -> list[tuple[int, Verdict, Reason, int]]:
    return [(report.run, report.verdict, report.reason, report.count) for report in reports or []]


def test_each_probe_is_told_until_the_window_is_full() -> None:
    run = RunLength(7, window=3, spread=0)
    assert [told(run.observe(UP, 10, at)) for at in range(5)] == [
        [(1, Verdict.UP, Reason.OK, 1)],
        [(1, Verdict.UP, Reason.OK, 2)],
        [(1, Verdict.UP, Reason.OK, 3)],
        [],
        [],
    ]


def test_a_change_closes_the_run_with_its_count() -> None:
    run = RunLength(7, window=1, spread=0)
    for at in range(5):
        run.observe(UP, 10, at)
    assert told(run.observe(REFUSED, 0, 5)) == [(1, Verdict.UP, Reason.OK, 5), (2, Verdict.DOWN, Reason.REFUSED, 1)]


def test_a_run_already_told_is_not_told_again() -> None:
    run = RunLength(7, window=3, spread=0)
    run.observe(UP, 10, 0)
    assert told(run.observe(REFUSED, 0, 1)) == [(2, Verdict.DOWN, Reason.REFUSED, 1)]


def test_another_reason_is_another_run() -> None:
    run = RunLength(7, window=3, spread=0)
    run.observe(REFUSED, 0, 0)
    assert told(run.observe(TIMEOUT, 0, 1)) == [(2, Verdict.DOWN, Reason.TIMEOUT_CONNECT, 1)]


@pytest.mark.parametrize("spread", [0, 12_345, 2**64 - 1])
def test_a_long_run_is_summed_up_once_a_minute(spread: int) -> None:
    run = RunLength(7, window=3, spread=spread)
    times = [at for at in range(0, 600_000, 1000) if run.observe(UP, 10, at)]
    summaries = times[3:]
    assert 9 <= len(summaries) <= 11
    assert all(later - sooner == SUMMARY_MS for sooner, later in pairwise(summaries))


def test_a_clock_that_jumps_back_costs_one_report() -> None:
    run = RunLength(7, window=1, spread=0)
    hour_ms = 3_600_000
    told_at = [at for at in [hour_ms, hour_ms + 1, 0, 1, 2, 3] if run.observe(UP, 10, at)]
    assert told_at == [hour_ms, 0]


def test_M7_response_times_over_the_run() -> None:
    run = RunLength(7, window=9, spread=0)
    reports = [run.observe(UP, response_us, 0) for response_us in (30, 10, 50)]
    last = (reports[-1] or [])[0]
    assert (last.response_min_us, last.response_avg_us, last.response_max_us) == (10, 50, 50)
    assert (last.count, last.first_at_ms, last.number) == (3, 0, 7)


def test_L3_the_average_is_that_since_the_report_before() -> None:
    run = RunLength(7, window=1, spread=0)
    probes = [(100, at) for at in range(0, 60_000, 1_000)] + [(900, at) for at in range(60_000, 180_000, 1_000)]
    told = [report for response_us, at in probes for report in run.observe(UP, response_us, at) or []]
    assert [report.response_avg_us for report in told] == [100, 113, 900]
    assert [(report.response_min_us, report.response_max_us) for report in told[1:]] == [(100, 900)] * 2


def test_L3_a_closing_report_and_the_run_after_a_pause_average_their_own_probes() -> None:
    run = RunLength(7, window=1, spread=0)
    for response_us, at in ((100, 0), (300, 1), (500, 2)):
        run.observe(UP, response_us, at)
    closing, opening = run.observe(REFUSED, 70, 3) or []
    assert (closing.response_avg_us, opening.response_avg_us) == (400, 70)
    run.observe(REFUSED, 90, 4)
    run.interrupt()
    assert [report.response_avg_us for report in run.observe(REFUSED, 50, 5) or []] == [50]


def test_after_a_pause_a_new_run_begins() -> None:
    run = RunLength(7, window=1, spread=0)
    for at in range(4):
        run.observe(UP, 10, at)
    run.interrupt()
    assert told(run.observe(UP, 10, 9)) == [(2, Verdict.UP, Reason.OK, 1)]


def test_a_run_of_successes_is_told_until_its_own_window_is_full_and_whole_when_the_next_begins() -> None:
    run = RunLength(7, window=3, spread=0, up_window=1)
    counts = [[report.count for report in run.observe(UP, 10, at) or []] for at in range(4)]
    assert counts == [[1], [], [], []]
    assert [report.count for report in run.observe(REFUSED, 0, 4) or []] == [4, 1]
    assert [[report.count for report in run.observe(REFUSED, 0, at) or []] for at in (5, 6, 7)] == [[2], [3], []]
