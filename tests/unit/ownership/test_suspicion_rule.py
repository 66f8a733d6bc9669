"""U-8: which failures make an owner doubt itself."""

from __future__ import annotations

import pytest

from streams.ownership.suspicion import Failing, came_by, is_suspect

NOW_S = 1_000.0


def failing(count: int, ago_s: float, addresses: int = 5) -> list[Failing]:
    return [Failing(NOW_S - ago_s, f"10.0.0.{number % addresses}") for number in range(count)]


@pytest.mark.parametrize(
    ("why", "probed", "failures", "suspect"),
    [
        ("all of three", {5_000: 3}, failing(3, 1), True),
        ("two are too few, were they all", {5_000: 2}, failing(2, 1), False),
        ("one dead server with many services", {5_000: 40}, failing(40, 1, addresses=1), False),
        ("half is not most", {5_000: 12}, failing(6, 20), False),
        ("more than half is", {5_000: 12}, failing(7, 20), True),
        ("three of the six whose probe came by within a second", {5_000: 30}, failing(3, 0.1), False),
        ("four of them", {5_000: 30}, failing(4, 0.1), True),
        ("the same four a while later, with nobody new", {5_000: 30}, failing(4, 15), False),
        ("a cut, noticed a hundredth of an interval after it", {5_000: 3_000}, failing(400, 0.5), True),
        ("a rack of many", {5_000: 3_000}, failing(200, 0.5), False),
        ("slow monitors: a sixth in ten seconds", {60_000: 60}, failing(6, 9), True),
        ("slow monitors that fail one a minute", {60_000: 60}, failing(1, 9) + failing(2, 70), False),
        ("quick ones fail, the slow have not been asked yet", {1_000: 10, 600_000: 100}, failing(10, 0.9), True),
        ("nothing is UP", {}, failing(3, 1), True),
        ("nothing fails", {5_000: 30}, [], False),
    ],
)
def test_U8_suspect_is_who_fails_most_of_what_it_has_just_probed(
    why: str, probed: dict[int, float], failures: list[Failing], suspect: bool
) -> None:
    assert is_suspect(probed, failures, NOW_S) is suspect, why


def test_of_how_many_services_a_probe_came_by() -> None:
    assert came_by({5_000: 10, 500: 4}, 1.0) == 6
    assert came_by({5_000: 10, 0: 3}, float("inf")) == 13
    assert came_by({0: 3}, 0.0) == 3
