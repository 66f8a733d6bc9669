"""M-18, one binding: what its probes make of it, as tables to read from left to right, and what it keeps and tells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.probes import Reason, Verdict
from schemas.states import BindingVerdict
from streams.folding.binding import KEPT_FAILURES, SHOWN, BindingFold
from streams.folding.events import BindingConfig
from streams.folding.facts import AlertKind
from streams.folding.history import newest_failures
from streams.folding.record import mean_response_us
from tests.unit.folding.builders import HTTP, probed

VERDICTS = {"S": Verdict.UP, "F": Verdict.DOWN, "M": Verdict.MAINTENANCE, "I": Verdict.INCONCLUSIVE}
LETTERS = {
    BindingVerdict.UNKNOWN: ".",
    BindingVerdict.UP: "U",
    BindingVerdict.DOWN: "D",
    BindingVerdict.MAINTENANCE: "M",
}
ALERTS = {
    None: "-",
    AlertKind.PROBES_FAILED: "!",
    AlertKind.RESPONSE_SLOW: "s",
    AlertKind.RESPONSE_IN_TIME: "q",
}

JUDGEMENTS = """
retries failure success  probes     judgements  why
3       0       1        SM         UM          an announcement takes effect at once
3       0       1        SMS        UMU         and is over with the next success
3       0       1        SMFM       UMMM        a failure among announcements does not end them
3       0       1        SMFFF      UMMMD       failures bring it DOWN as ever
3       0       1        SMFFFM     UMMMDM      an announcement brings it back, but not UP
3       0       1        SMFFS      UMMMU       nor are the failures forgotten too early: it never was DOWN
3       0       1        FFM        ..M         the first judgement may be one
3       0       3        FFFMMM     ..DDDM      announcements count as successes of success_retries
3       0       3        MMS        ..U         as do they before the first judgement
10      6       1        SFFFMFFF   UUUUMMMD    6 of 10, the announcement among them
10      2       1        SFMF       UUMD        it forgets no failures: 2 of 10
3       0       1        SII        UUU         our own trouble judges nothing
3       0       1        SIFIFIF    UUUUUUD     nor does it part failures
3       0       1        SMIS       UMMU        or ends an announcement
1       0       1        SMFMS      UMDMU       no retries: every probe decides
"""


def rows(table: str) -> list[list[str]]:
    return [line.split(maxsplit=5) for line in table.strip().splitlines()[1:]]


def fold(**parameters: int) -> BindingFold:
    return BindingFold(BindingConfig(HTTP, monitor_name="http-web", **parameters), None)


@pytest.mark.parametrize("row", rows(JUDGEMENTS), ids=lambda row: row[5])
def test_M18_judgement_table(row: list[str]) -> None:
    binding = fold(retries=int(row[0]), failure_retries=int(row[1]), success_retries=int(row[2]))
    judgements = ""
    for number, probe in enumerate(row[3], 1):
        binding.take(probed(number, VERDICTS[probe], run=number))
        judgements += LETTERS[binding.state]
    assert judgements == row[4]


ALERT_TABLE = """
alert_retries  probes      alerts      why
0              FFFF        ----        none asked for
1              SFSFF       -!-!-       each first failure
3              FFFFF       --!--       once a row of failures
3              FFSFFF      -----!      a success begins the row anew
3              FFMFFF      -----!      an announcement is an answer
3              FFIF        ---!        our own trouble does not part failures
5              SFFFFFSF    -----!--    more than retries: it is DOWN before
"""


@pytest.mark.parametrize(
    "row", [line.split(maxsplit=3) for line in ALERT_TABLE.strip().splitlines()[1:]], ids=lambda row: row[3]
)
def test_M18_alert_retries_table(row: list[str]) -> None:
    binding, alerts = fold(alert_retries=int(row[0])), ""
    for number, probe in enumerate(row[1], 1):
        binding.take(probed(number, VERDICTS[probe], run=number))
        alerts += ALERTS[binding.take_alert()]
    assert alerts == row[2]


def test_M18_alert_retries_reached_within_one_report_are_told_and_said() -> None:
    binding = fold(alert_retries=5)
    assert binding.take(probed(1, Verdict.DOWN, count=40)) > 0
    assert binding.take_alert() is AlertKind.PROBES_FAILED
    assert binding.alert_text(AlertKind.PROBES_FAILED) == "http-web: BAD_STATUS (40 probes failed in a row)"
    assert binding.take_alert() is None, "once"


def test_M18_response_timeout_threshold_table() -> None:
    binding, alerts = fold(slow_above_us=1_000), ""
    answers = [(900, "S"), (1_000, "S"), (1_001, "S"), (2_000, "S"), (0, "F"), (1_500, "S"), (700, "S"), (700, "S")]
    slow = ""
    for number, (response_us, probe) in enumerate(answers, 1):
        binding.take(probed(number, VERDICTS[probe], run=number, response_us=response_us))
        alerts += ALERTS[binding.take_alert()]
        slow += "s" if binding.view().slow else "."
    assert alerts == "--s---q-"
    assert slow == "..ssss..", "a failure says nothing of how fast it answers"


def test_M18_a_slow_answer_is_news() -> None:
    binding = fold(slow_above_us=1_000)
    binding.take(probed(1, count=1, response_us=10))
    assert binding.take(probed(2, count=2, response_us=5_000)) == SHOWN
    assert binding.alert_text(AlertKind.RESPONSE_SLOW) == "http-web: response time 5 ms, above 1 ms"


def test_the_last_failures_of_a_binding_are_kept() -> None:
    binding = fold()
    for number in range(1, 11):
        verdict = Verdict.DOWN if number % 2 else Verdict.UP
        binding.take(probed(number, verdict, run=number, at_ms=number * 1_000, detail=f"number {number}"))
    kept = binding.view().failures
    assert len(kept) == KEPT_FAILURES
    assert [(failure.at_ms, failure.reason, failure.detail) for failure in kept] == [
        (5_000, Reason.BAD_STATUS, "number 5"),
        (7_000, Reason.BAD_STATUS, "number 7"),
        (9_000, Reason.BAD_STATUS, "number 9"),
    ]


def test_within_one_run_of_failures_only_the_detail_is_kept_anew() -> None:
    binding = fold()
    binding.take(probed(1, Verdict.DOWN, count=1, at_ms=1_000, detail="first"))
    later = replace(probed(2, Verdict.DOWN, count=2, detail="second"), first_at_ms=1_000, last_at_ms=6_000)
    binding.take(later)
    assert [(failure.at_ms, failure.detail) for failure in binding.failures] == [(1_000, "second")]


def test_kept_failures_and_slowness_survive_a_new_fold() -> None:
    binding = fold(slow_above_us=5)
    binding.take(probed(1, Verdict.DOWN, detail="refused"))
    binding.take(probed(2, run=2, response_us=9))
    successor = BindingFold(binding.config, binding.view())
    assert successor.view() == binding.view()
    assert successor.slow
    assert successor.alert is None


def test_a_detail_that_is_too_long_is_cut_where_it_is_kept() -> None:
    binding = fold()
    binding.take(probed(1, Verdict.DOWN, detail="x" * 100_000))
    assert len(binding.view().failures[0].detail) == 200


@pytest.mark.parametrize(
    ("outcomes", "failed"), [(0, 0), (0b1, 1), (0b10, 0), (0b111, 3), (0b1011, 2), (2**127 - 1, 127)]
)
def test_failures_in_a_row(outcomes: int, failed: int) -> None:
    assert newest_failures(outcomes) == failed


def test_M18_a_binding_without_a_threshold_is_not_slow() -> None:
    binding = fold(slow_above_us=5)
    binding.take(probed(1, response_us=9))
    assert binding.view().slow
    without = replace(binding.config, slow_above_us=0)
    assert not BindingFold(without, binding.view()).view().slow
    binding.configure(without)
    assert not binding.view().slow


def test_L5_a_success_without_an_answer_has_no_part_in_the_mean_response_time() -> None:
    silent, answering = fold(), fold()
    silent.take(probed(1, response_us=0))
    assert mean_response_us([silent]) is None
    answering.take(probed(1, response_us=400))
    assert mean_response_us([silent, answering]) == 400
