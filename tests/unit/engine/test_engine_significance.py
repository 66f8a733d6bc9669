"""What an engine tells, and how soon: each service's running value, and the list of those with significant results."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.engine.limits import CALM_MS, COMPANY_MS, REPORT_TICK_MS
from connectors.engine.runs import RunReport
from connectors.engine.significance import ReportList, significance
from schemas.identifiers import EntityId
from schemas.probes import MeasuredLoad, Reason, Verdict
from tests.unit.engine.harness import binding

UP, DOWN = Verdict.UP, Verdict.DOWN
ONE, OTHER = EntityId("1-0"), EntityId("2-0")


def report(verdict: Verdict = DOWN, count: int = 1, number: int = 1) -> RunReport:
    return RunReport(number, 0, 1, verdict, Reason.OK, "", 0, 0, count, 0, 0, 0)


@pytest.mark.parametrize(
    ("verdict", "count", "value"),
    [
        (UP, 1, 5),
        (UP, 2, 5),
        (UP, 3, 0),
        (DOWN, 1, -5),
        (DOWN, 4, -5),
        (DOWN, 5, 0),
        (Verdict.MAINTENANCE, 1, -5),
        (Verdict.INCONCLUSIVE, 1, 0),
    ],
)
def test_C7_a_result_weighs_while_something_can_follow_from_it(verdict: Verdict, count: int, value: int) -> None:
    row = replace(binding(window=4), up_window=2, weight=5)
    assert significance(row, report(verdict, count)) == value
    assert significance(replace(row, reverse=True), report(verdict, count)) == -value


def test_C7_the_value_is_per_service_whatever_binding_it_comes_from() -> None:
    gathered = ReportList()
    gathered.add(replace(binding(1), weight=3), [report()], 1000)
    gathered.add(replace(binding(3), service_id=ONE, weight=4), [report(number=3)], 1001)
    gathered.add(binding(2), [report(UP, number=2)], 1002)
    assert gathered.values == {ONE: -7, OTHER: 1}


def test_C8_significant_results_go_with_the_next_tick_and_others_wait_for_company() -> None:
    gathered = ReportList()
    assert gathered.due_ms() is None
    gathered.take(1000)
    gathered.add(binding(1), [report(UP, 60)], 1003)
    assert (gathered.values, gathered.due_ms()) == ({}, 1003 + CALM_MS)
    gathered.add(binding(2), [report(number=2)], 1004)
    assert (gathered.values, gathered.due_ms()) == ({OTHER: -1}, 1000 + REPORT_TICK_MS)
    assert [row.number for row in gathered.take(1010)] == [1, 2]


def test_C8_what_nobody_learns_from_waits_longest_unless_somebody_chooses_by_it() -> None:
    chosen, silent = replace(binding(1), tells_response=True), report(Verdict.INCONCLUSIVE)
    for row, one in ((chosen, report(UP, 60)), (binding(1), replace(report(UP, 60), load=MeasuredLoad(70, False)))):
        gathered = ReportList()
        gathered.add(row, [one], 1000)
        assert gathered.due_ms() == 1000 + COMPANY_MS
    gathered = ReportList()
    gathered.add(binding(1), [report(UP, 60)], 1000)
    gathered.add(binding(2), [silent], 1001)
    assert gathered.due_ms() == 1001 + COMPANY_MS, "whoever waits least takes the others along"


def test_C8_that_a_binding_which_is_known_to_succeed_does_so_is_no_news() -> None:
    gathered = ReportList()
    gathered.take(1000)
    gathered.add(binding(1), [report(UP)], 1000, expected=True)
    gathered.add(replace(binding(2), reverse=True), [report(DOWN, number=2)], 1001, expected=True)
    assert (gathered.values, gathered.due_ms()) == ({}, 1000 + CALM_MS)
    gathered.add(binding(1), [report(DOWN)], 1002, expected=True)
    assert (gathered.values, gathered.due_ms()) == ({ONE: -1}, 1000 + REPORT_TICK_MS), "that it fails is"


def test_C9_off_the_list_once_sent() -> None:
    gathered = ReportList()
    gathered.add(binding(1), [report()], 1000)
    assert len(gathered.take(1010)) == 1
    assert (gathered.values, gathered.due_ms(), gathered.take(1020)) == ({}, None, [])


def test_C9_off_the_list_once_insignificant_again_and_yet_in_the_log() -> None:
    gathered = ReportList()
    gathered.take(1000)
    gathered.add(binding(1), [report(DOWN)], 1002)
    assert gathered.due_ms() == 1000 + REPORT_TICK_MS
    gathered.add(binding(1), [report(UP)], 1004)
    assert (gathered.values, gathered.due_ms()) == ({}, 1002 + COMPANY_MS)
    assert [row.verdict for row in gathered.take(1102)] == [DOWN, UP]
