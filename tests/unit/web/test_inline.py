"""`/api/inline/{service}`: what can be told, who may, and what is answered to the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.probes.inline import Statuses, Traffic
from schemas.identifiers import EntityId
from schemas.probes import Reason
from schemas.states import BindingVerdict
from streams.web.guard import check_token, write_problem
from streams.web.inline import tell, traffic_of
from streams.web.parameters import Problem
from streams.web.services import one_service
from streams.web.source import InlineJudgement
from tests.unit.web.fake_source import FakeSource, monitor, service
from tests.unit.web.test_pages import Ask, served

JSON = {"Content-Type": "application/json"}
TOKEN = "correct-horse-battery"


def source() -> FakeSource:
    bound = (monitor("6-0", "inline"),)
    return FakeSource(services=[service("1-0", "web/1:80", bound), service("1-1", "plain")])


def body(**told: Any) -> bytes:
    return json.dumps(told).encode()


@pytest.mark.parametrize(
    ("told", "traffic"),
    [
        ({"successes": 3}, Traffic(3)),
        ({"successes": 3.0, "statuses": {"200": 1e1}}, Traffic(3, statuses=(Statuses(200, 200, 10),))),
        ({"failures": 2, "reason": "RESET"}, Traffic(0, 2, Reason.RESET)),
        (
            {"successes": 1, "failures": 1, "reason": "REFUSED", "detail": "no", "response_time_us": 900},
            Traffic(1, 1, Reason.REFUSED, "no", 900),
        ),
        (
            {"statuses": {"200": 5, "404": 0, "503": 1}},
            Traffic(statuses=(Statuses(200, 200, 5), Statuses(503, 503, 1))),
        ),
    ],
)
def test_M13_what_can_be_told(told: dict[str, Any], traffic: Traffic) -> None:
    assert traffic_of(body(**told)) == traffic


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the body is no JSON: write "),
        (b"\xff\xfe", "the body is no JSON: write "),
        (b"[" * 4000, "the body is no JSON: write "),
        (b"[]", "no JSON object"),
        (b"{}", "nothing is told: write "),
        (body(sucesses=1), "no field 'sucesses': there are successes, failures, "),
        (body(successes=True), "successes is a whole number from 0 to "),
        (body(failures=-1), "failures is a whole number"),
        (body(failures=10**12), "failures is a whole number"),
        (body(successes=1, response_time_us=1.5), "response_time_us is a whole number"),
        (body(failures=1, reason="LOCAL_ERROR"), "reason is one of REFUSED, RESET, "),
        (body(failures=1, detail=7), "detail is a text"),
        (body(statuses=[200]), "statuses is an object of at most 64 status codes"),
        (body(statuses={"2xx": 1}), "statuses is an object"),
        (body(statuses={"200": "1"}), "statuses is an object"),
        (body(statuses={"200": 0}), "nothing is told"),
    ],
)
def test_what_cannot_is_refused_with_the_mend(data: bytes, said: str) -> None:
    wrong = traffic_of(data)
    assert isinstance(wrong, Problem)
    assert said in wrong.text


def test_who_was_told() -> None:
    known = source()
    answer = tell(known, "web/1:80", body(successes=1))
    assert (answer.status, answer.body) == (200, {"service": "web/1:80", "monitors": 1})
    assert known.traffic == [("web/1:80", Traffic(1))]
    assert tell(known, "plain", body(successes=1)).status == 409
    missing = tell(known, "web/1:8", body(successes=1))
    assert (missing.status, missing.body) == (404, {"error": 'no service "web/1:8": did you mean "web/1:80"?'})
    assert tell(known, "web/1:80", b"{").status == 400


@pytest.mark.parametrize(
    ("headers", "length", "token", "status"),
    [
        (JSON, 10, None, None),
        ({"Content-Type": "application/json; charset=utf-8"}, 10, None, None),
        ({**JSON, "Authorization": f"Bearer {TOKEN}"}, 10, TOKEN, None),
        (JSON, 10, TOKEN, 401),
        ({**JSON, "Authorization": f"Bearer {TOKEN}x"}, 10, TOKEN, 401),
        ({**JSON, "Authorization": "Bearer"}, 10, TOKEN, 401),
        ({**JSON, "Origin": "http://localhost"}, 10, None, 403),
        ({**JSON, "Sec-Fetch-Site": "same-origin"}, 10, None, 403),
        ({"Content-Type": "text/plain"}, 10, None, 415),
        ({}, 10, None, 415),
        (JSON, None, None, 411),
        (JSON, 4097, None, 413),
    ],
)
def test_who_may_tell(headers: dict[str, str], length: int | None, token: str | None, status: int | None) -> None:
    problem = write_problem(headers, length, token)
    assert (problem[0] if problem else None) == status
    assert problem is None or TOKEN not in problem[1]


@pytest.mark.parametrize("token", ["short", "with a space in the middle", "x" * 15, "línea-de-control-x", "a\nb" * 9])
def test_a_token_that_is_none(token: str) -> None:
    with pytest.raises(ValueError, match="WATCHBILL_WEB_TOKEN is no token") as refused:
        check_token(token)
    assert token not in str(refused.value)


def test_M13_it_is_told_over_http_and_nothing_else_is() -> None:
    known = source()

    async def talk(ask: Ask) -> None:
        address = "/api/inline/web/1:80"
        status, _, answer = await ask(address, "POST", json={"failures": 2})
        assert (status, json.loads(answer)["monitors"]) == (200, 1)
        status, headers, _ = await ask(address)
        assert (status, headers["Allow"]) == (405, "POST")
        status, headers, _ = await ask("/api/services", "POST", json={})
        assert (status, headers["Allow"]) == (405, "GET, HEAD")
        status, _, answer = await ask(address, "POST", json={"failures": 2}, headers={"Host": "evil.example"})
        assert status == 421
        status, _, answer = await ask(address, "POST", data=b"x" * 5000, headers=JSON)
        assert status == 413
        status, _, answer = await ask(address, "POST", data=b"{", headers=JSON)
        assert status == 400
        status, _, _ = await ask(address, "OPTIONS")
        assert status == 405

    served(known, talk)
    assert known.traffic == [("web/1:80", Traffic(0, 2))]


def test_M13_a_token_where_one_is_set() -> None:
    async def talk(ask: Ask) -> None:
        status, headers, _ = await ask("/api/inline/web/1:80", "POST", json={"failures": 2})
        assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
        given = {"Authorization": f"Bearer {TOKEN}"}
        status, _, _ = await ask("/api/inline/web/1:80", "POST", json={"failures": 2}, headers=given)
        assert status == 200
        status, _, _ = await ask("/api/services")
        assert status == 401, "reading wants it, too"

    served(source(), talk, TOKEN)


def test_A3_what_this_node_makes_of_it_is_on_its_page_of_the_service() -> None:
    judged = InlineJudgement(
        EntityId("6-0"), "inline", "HTTP-INLINE", BindingVerdict.DOWN, 7, 3, Reason.BAD_STATUS, "503", 1_790_000_000_000
    )
    known = source()
    known.judged = {EntityId("1-0"): [judged]}
    assert one_service(known, (), "web/1:80").body["inline"] == [
        {
            "monitor_id": "6-0",
            "monitor": "inline",
            "type": "HTTP-INLINE",
            "state": "DOWN",
            "successes": 7,
            "failures": 3,
            "reason": "BAD_STATUS",
            "detail": "503",
            "told_at": "2026-09-21T14:13:20.000Z",
            "told_at_ms": 1_790_000_000_000,
        }
    ]
    assert one_service(known, (), "plain").body["inline"] == []
