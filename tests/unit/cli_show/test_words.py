"""Times, ages and addresses as people read them."""

from __future__ import annotations

import pytest

from schemas.reason_words import reason_text
from schemas.states import State
from streams.cli.show_words import address_text, age_text, response_text, weight_text
from tests.unit.cli_show.samples import state


@pytest.mark.parametrize(
    ("age_ms", "text"),
    [
        (-5, "0s"),
        (59_999, "59s"),
        (60_000, "1m 00s"),
        (3_599_000, "59m 59s"),
        (7_500_000, "2h 05m"),
        (90_000_000, "1d 1h"),
    ],
)
def test_ages(age_ms: int, text: str) -> None:
    assert age_text(age_ms) == text


@pytest.mark.parametrize(
    ("response_us", "text"), [(None, "-"), (0, "0.0 ms"), (740, "0.7 ms"), (120_900, "120 ms"), (2_100_000, "2.1 s")]
)
def test_response_times(response_us: int | None, text: str) -> None:
    assert response_text(response_us) == text


def test_addresses_and_weights() -> None:
    assert address_text("10.0.0.1", 80) == "10.0.0.1:80"
    assert address_text("2001:db8::1", 443) == "[2001:db8::1]:443"
    assert weight_text(70, 70) == "70/70"
    assert weight_text(2, 0) == "2/all"


def test_the_failing_probe_is_the_reason_of_a_service_that_is_not_up() -> None:
    assert reason_text(state(State.DOWN)) == "REFUSED: connect to 10.0.0.1:80: refused"
    assert reason_text(state(State.UP)) == "http: refused (3 of 3 probes failed)"
