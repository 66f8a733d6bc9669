"""The runs of a LOAD monitor: a load that moves is told, one that trembles is not."""

from __future__ import annotations

from connectors.engine import frames
from connectors.engine.load_run import LoadRun
from connectors.engine.response_run import ResponseRun
from connectors.engine.run_kinds import run_of
from connectors.engine.runs import RunLength, RunReport
from connectors.probes.outcome import Outcome, down, measured
from schemas.probes import MeasuredLoad, Reason, Verdict
from tests.unit.engine.harness import binding

T0 = 1_790_000_000_000


def observed(run: LoadRun, outcome: Outcome, at_ms: int) -> list[MeasuredLoad | None] | None:
    """The loads of the reports that follow."""
    reports = run.observe(outcome, 100, T0 + at_ms)
    return None if reports is None else [report.load for report in reports]


def long_run() -> LoadRun:
    """Ten probes of load 100 long: its window is behind it."""
    run = LoadRun(1, 3, 0)
    for number in range(10):
        run.observe(measured(100, False), 100, T0 + number * 5)
    return run


def test_CL3_a_load_that_moved_by_5_percent_is_told_within_the_minute() -> None:
    run = long_run()
    assert observed(run, measured(104, False), 2_000) is None
    assert observed(run, measured(105, False), 3_000) == [MeasuredLoad(105, False)]
    assert observed(run, measured(100, False), 4_500) is None
    assert observed(run, measured(99, False), 6_000) == [MeasuredLoad(99, False)]


def test_CL3_a_flag_that_changed_is_told() -> None:
    run = long_run()
    assert observed(run, measured(100, True), 2_000) == [MeasuredLoad(100, True)]
    assert observed(run, measured(100, False), 4_000) == [MeasuredLoad(100, False)]


def test_CL3_at_most_one_a_second_and_the_last_is_not_lost() -> None:
    run = long_run()
    assert observed(run, measured(200, False), 2_000) == [MeasuredLoad(200, False)]
    assert observed(run, measured(300, False), 2_500) is None
    assert observed(run, measured(400, False), 2_999) is None
    assert observed(run, measured(400, False), 3_000) == [MeasuredLoad(400, False)]
    assert observed(run, measured(400, False), 4_000) is None


def test_the_end_of_a_run_keeps_its_load() -> None:
    run = long_run()
    assert observed(run, measured(101, False), 100) is None
    assert observed(run, down(Reason.TIMEOUT_FIRST_BYTE, "no answer"), 200) == [MeasuredLoad(101, False), None]
    assert observed(run, measured(7, True), 300) == [MeasuredLoad(7, True)]


def test_only_load_monitors_have_such_runs() -> None:
    assert type(run_of(binding(kind="LOAD"), 0)) is LoadRun
    assert type(run_of(binding(kind="TCP"), 0)) is RunLength
    assert type(run_of(binding(kind="TCP", tells_response=True), 0)) is ResponseRun


def test_a_load_travels_between_engine_and_node() -> None:
    loads = (None, MeasuredLoad(0, False), MeasuredLoad(0, True), MeasuredLoad(1_000_000, True))
    made = [RunReport(1, 0, 1, Verdict.UP, Reason.OK, "é", 1, 2, 3, 4, 5, 6, load) for load in loads]
    assert frames.decode_reports(frames.encode_reports(made)[frames.HEAD.size :]) == made
