"""What the services were at an instant: told only where it is proven."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.replica.transitions import Step
from schemas.states import State
from streams.web.past import past_page, step_at
from tests.unit.replica.samples import service_state
from tests.unit.web.fake_source import NOW_MS, FakeSource, service

UP, DOWN = State.UP, State.DOWN
READ = (Step(None, UP), Step(2_000, DOWN), Step(3_000, UP))
FULL = (Step(1_500, UP), Step(2_000, DOWN), Step(3_000, UP))
NOW_UP = replace(service_state("1-0", state=UP, name="web1"), changed_at_ms=3_000)


@pytest.mark.parametrize(
    ("steps", "since_ms", "at_ms", "known"),
    [
        (READ, 0, 9_000, Step(3_000, UP)),
        (READ, 0, 3_000, Step(3_000, UP)),
        (READ, 0, 2_999, Step(2_000, DOWN)),
        (READ, 0, 2_000, Step(2_000, DOWN)),
        (READ, 0, 1_999, Step(None, UP)),
        (READ, 1_000, 1_000, Step(None, UP)),
        (READ, 1_000, 999, None),  # a change may stand before what was read
        (READ, None, 1_999, None),
        (FULL, 0, 1_500, Step(1_500, UP)),
        (FULL, 0, 1_499, None),  # steps before the first were pushed out
        ((), 0, 3_000, Step(3_000, UP)),
        ((), 0, 2_999, None),
    ],
)
def test_U2_a_state_of_the_past_is_told_where_it_is_proven(
    steps: tuple[Step, ...], since_ms: int | None, at_ms: int, known: Step | None
) -> None:
    assert step_at(steps, since_ms, NOW_UP, at_ms) == known


def test_U2_a_service_without_a_state_yet_has_no_past() -> None:
    assert step_at((), 0, None, 5_000) is None


SOURCE = FakeSource(
    services=[service("1-0", "web1"), service("2-0", "web2"), service("3-0", "web3")],
    states={"1-0": NOW_UP},
    steps={"1-0": READ},
)


def test_U2_the_page_counts_what_is_not_known() -> None:
    body = past_page(SOURCE, (("at", "2500"),)).body
    assert body == {
        "at": "1970-01-01T00:00:02.500Z",
        "at_ms": 2_500,
        "count": 3,
        "not_known": 2,
        "next_after": None,
        "services": [
            {"entity_id": "1-0", "name": "web1", "state": "DOWN", "since_ms": 2_000},
            {"entity_id": "2-0", "name": "web2", "state": None, "since_ms": None},
            {"entity_id": "3-0", "name": "web3", "state": None, "since_ms": None},
        ],
    }


def test_pages_by_name() -> None:
    first = past_page(SOURCE, (("limit", "2"),)).body
    assert (first["at_ms"], first["next_after"]) == (NOW_MS, "web2")
    second = past_page(SOURCE, (("limit", "2"), ("after", "web2"))).body
    assert ([row["name"] for row in second["services"]], second["next_after"]) == (["web3"], None)


@pytest.mark.parametrize("at", ["yesterday", "-1", "1.5", str(2**53 + 1)])
def test_a_wrong_instant_is_refused(at: str) -> None:
    assert past_page(SOURCE, (("at", at),)).status == 400
