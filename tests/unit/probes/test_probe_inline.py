"""Passive monitors: what of real traffic counts as a success, and how much one telling can say."""

from __future__ import annotations

from collections import Counter

import pytest

from connectors.probes.inline import HTTP_INLINE, PASSIVE, TCP_INLINE, Statuses, Tally, Traffic
from connectors.probes.outcome import UP, down
from schemas.parameters.monitors import MONITOR_TYPES
from schemas.parameters.reading import code_ranges
from schemas.probes import Reason, Verdict

FAILED = down(Reason.RESET, "reset")


def tally(kind: str, traffic: Traffic, *ranges: tuple[int, int]) -> Tally:
    settings = {"response_codes": ranges} if ranges else PASSIVE[kind].parameters
    return PASSIVE[kind].tally(settings, traffic)


def test_M6_http_counts_each_status_against_response_codes() -> None:
    statuses = tuple(Statuses(code, code, count) for code, count in ((200, 90), (302, 5), (404, 3), (503, 2)))
    told = tally(HTTP_INLINE, Traffic(statuses=statuses))
    assert (told.successes, told.failures) == (98, 2)
    assert (told.failure.reason, told.failure.detail) == (
        Reason.BAD_STATUS,
        "real traffic was answered with HTTP 503, expected 100-499",
    )
    strict = tally(HTTP_INLINE, Traffic(statuses=statuses), (200, 200))
    assert (strict.successes, strict.failures) == (90, 10)
    assert strict.failure.detail == "real traffic was answered with HTTP 302, expected 200"


def test_M6_a_class_counts_as_what_the_best_of_its_codes_would() -> None:
    classes = (Statuses(200, 299, 7), Statuses(500, 599, 4))
    told = tally(HTTP_INLINE, Traffic(statuses=classes), (200, 200), (503, 503))
    assert (told.successes, told.failures) == (11, 0)
    told = tally(HTTP_INLINE, Traffic(statuses=classes), (200, 200))
    assert (told.successes, told.failures) == (7, 4)
    assert told.failure.detail == "real traffic was answered with HTTP 5xx, expected 200"


def test_M6_failures_without_a_response_keep_their_reason() -> None:
    told = tally(HTTP_INLINE, Traffic(1, 5, Reason.RESET, "cut\x1boff", statuses=(Statuses(500, 599, 2),)))
    assert (told.successes, told.failures) == (1, 7)
    assert (told.failure.reason, told.failure.detail) == (Reason.RESET, "cut\\x1boff")


def test_M6_any_response_is_a_connection_that_served() -> None:
    told = tally(TCP_INLINE, Traffic(3, 2, Reason.REFUSED, statuses=(Statuses(500, 599, 4),)))
    assert (told.successes, told.failures) == (7, 2)
    assert (told.failure.verdict, told.failure.reason) == (Verdict.DOWN, Reason.REFUSED)
    assert told.failure.detail == "real traffic failed"


@pytest.mark.parametrize(
    ("successes", "failures", "most", "mixed"),
    [
        (0, 0, 3, ""),
        (2, 0, 3, "++"),
        (0, 2, 3, "--"),
        (1_000_000, 0, 3, "+++"),
        (0, 1_000_000, 3, "---"),
        (2, 1, 3, "++-"),
        (1, 2, 3, "+--"),
        (997, 3, 3, "+++"),
        (500, 500, 10, "+-+-+-+-+-"),
        (40, 60, 10, "+-+--+-+--"),
        (1, 3, 4, "+---"),
    ],
)
def test_one_telling_is_evenly_mixed_and_no_longer_than_what_is_looked_back_at(
    successes: int, failures: int, most: int, mixed: str
) -> None:
    outcomes = list(Tally(successes, failures, FAILED).outcomes(most))
    assert "".join("+" if outcome is UP else "-" for outcome in outcomes) == mixed


def test_the_proportion_stays() -> None:
    for failures in range(101):
        counted = Counter(outcome is UP for outcome in Tally(100 - failures, failures, FAILED).outcomes(10))
        assert abs(counted[False] - failures / 10) <= 0.5


def test_the_default_is_the_same_in_both_tables() -> None:
    default = MONITOR_TYPES[HTTP_INLINE].table.defaults["response_codes"]
    assert code_ranges(default) == PASSIVE[HTTP_INLINE].parameters["response_codes"]
