"""A service in one line, and the last changes of all of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from connectors.replica.transitions import Step
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import Reason, Verdict
from schemas.states import BindingVerdict, Cause, CauseKind, ServiceState, ServiceTransition, State
from streams.web.board import REASON_CHARACTERS, changed_rows, reason, row, transitions_page
from streams.web.encoding import encode_answer
from tests.unit.replica.samples import service_state
from tests.unit.web.fake_source import FakeSource, service

WEB = service("1-0", "web1")
STATE = service_state("1-0", name="web1", state=State.DOWN)
SINCE = STATE.changed_at_ms


def failing(detail: str) -> ServiceState:
    (bound,) = STATE.bindings
    down = replace(
        bound, state=BindingVerdict.DOWN, verdict=Verdict.DOWN, reason=Reason.REFUSED, detail=detail, counts=True
    )
    return replace(STATE, bindings=(down,))


def test_a_row_says_what_since_when_why_and_who() -> None:
    told = row(WEB, failing("connect to 10.0.0.1:80: refused"), (Step(None, State.UP), Step(SINCE, State.DOWN)))
    assert told == {
        "id": "1-0",
        "name": "web1",
        "state": "DOWN",
        "owner": "b0",
        "view_id": STATE.view_id,
        "since_ms": SINCE,
        "reason": "REFUSED: connect to 10.0.0.1:80: refused",
        "address": "10.0.0.1",
        "port": 80,
        "up_weight": 1,
        "threshold": 1,
        "response_time_us": 1200,
        "doubt": None,
        "needs": [],
        "steps": [[None, "UP"], [SINCE, "DOWN"]],
    }


@pytest.mark.parametrize("steps", [(), (Step(None, State.DOWN), Step(SINCE - 9_000, State.UP))])
def test_the_steps_end_with_the_state_that_the_row_names(steps: tuple[Step, ...]) -> None:
    assert row(WEB, STATE, steps)["steps"][-1] == [SINCE, "DOWN"]


def test_a_service_without_a_state_is_unknown() -> None:
    told = row(WEB, None, ())
    assert (told["state"], told["owner"], told["since_ms"], told["steps"]) == ("UNKNOWN", None, None, [])
    assert (told["reason"], told["address"], told["port"]) == ("no state yet", "10.0.0.9", 8080)


def test_a_service_that_is_up_says_what_made_the_record() -> None:
    assert reason(replace(failing("refused"), state=State.UP)) == STATE.cause.text


def test_a_long_reason_is_cut() -> None:
    assert len(reason(failing("x" * 2_000))) == REASON_CHARACTERS
    assert reason(failing("x" * 2_000)).endswith("x…")


def test_changed_rows_name_what_is_gone() -> None:
    source = FakeSource(services=[WEB], states={"1-0": STATE})
    there, gone = changed_rows(source, [EntityId("1-0"), EntityId("9-0")])
    assert ([each["name"] for each in there], gone) == (["web1"], ["9-0"])


def transition(name: str, at_ms: int) -> ServiceTransition:
    cause = Cause(CauseKind.PROBE, "0 of 1 up", "watchbill.probe-results", 3, 99)
    return ServiceTransition(
        ViewId(5), 2, EntityId("1-0"), name, NodeId("b0"), State.UP, State.DOWN, 0, 1, cause, at_ms
    )


HISTORY = FakeSource(history=[transition("web1", 3_000), transition("web2", 2_000), transition("web1", 1_000)])


def test_transitions_are_shown_with_the_record_that_made_them() -> None:
    body = transitions_page(HISTORY, (("service", "web2"),)).body
    assert body["count"] == 1
    assert body["transitions"][0] == {
        "entity_id": "1-0",
        "name": "web2",
        "before": "UP",
        "after": "DOWN",
        "owner": "b0",
        "view_id": 5,
        "sequence": 2,
        "up_weight": 0,
        "threshold": 1,
        "at": "1970-01-01T00:00:02.000Z",
        "at_ms": 2_000,
        "cause": {
            "kind": "PROBE",
            "text": "0 of 1 up",
            "topic": "watchbill.probe-results",
            "partition": 3,
            "offset": 99,
        },
    }
    assert json.loads(encode_answer(body)) == body


@pytest.mark.parametrize(
    ("pairs", "times"),
    [((), [3_000, 2_000, 1_000]), ((("limit", "2"),), [3_000, 2_000]), ((("service", "web1"),), [3_000, 1_000])],
)
def test_transitions_are_restricted(pairs: tuple[tuple[str, str], ...], times: list[int]) -> None:
    assert [each["at_ms"] for each in transitions_page(HISTORY, pairs).body["transitions"]] == times


def test_a_wrong_limit_of_transitions_is_refused() -> None:
    answer = transitions_page(HISTORY, (("limit", "0"),))
    assert (answer.status, answer.body) == (400, {"error": "limit='0': give a whole number from 1 to 1,000"})
