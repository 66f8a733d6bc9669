"""REDIS: what is asked, the answers and errors of Redis, roles, and what is no Redis."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.probes.lines import LINE_BYTES
from connectors.probes.outcome import UP
from connectors.probes.redis import RedisConversation
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import Handler, answering, dripping, resetting, serving, silent
from tests.unit.probes.answers import End, closed, one_by_one, overdue, pieces, talk

MASTER = b"*3\r\n$6\r\nmaster\r\n:14\r\n*0\r\n"
REPLICA = b"*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:6379\r\n$9\r\nconnected\r\n:14\r\n"
CANARY = "canary of redis"


def redis(**settings: object) -> RedisConversation:
    return RedisConversation(binding(kind="REDIS", **settings))


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_REDIS", CANARY)


SECRET = {"password_ref": "env:WATCHBILL_SECRET_REDIS"}


def test_M6_all_is_asked_in_one_write() -> None:
    ping, role = b"*1\r\n$4\r\nPING\r\n", b"*1\r\n$4\r\nROLE\r\n"
    assert redis().connected() == ping
    assert redis(redis_role="MASTER").connected() == ping + role
    assert redis(**SECRET).connected() == b"*2\r\n$4\r\nAUTH\r\n$15\r\ncanary of redis\r\n" + ping
    named = redis(user_name="süß", **SECRET).connected()
    assert isinstance(named, bytes)
    assert named.startswith(b"*3\r\n$4\r\nAUTH\r\n$5\r\ns\xc3\xbc\xc3\x9f\r\n$15\r\n")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"user_name": "watch"}, "needs password_ref"),
        ({"redis_role": "OWNER"}, "is none of MASTER, REPLICA"),
        ({"password_ref": "hunter2"}, "no reference to a secret"),
        ({"password_ref": "env:WATCHBILL_SECRET_NONE"}, "no variable WATCHBILL_SECRET_NONE"),
    ],
)
def test_a_setting_that_makes_no_sense_says_what_to_change(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        redis(**settings)


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ({}, b"+PONG\r\n"),
        (SECRET, b"+OK\r\n+PONG\r\n"),
        ({"redis_role": "MASTER"}, b"+PONG\r\n" + MASTER),
        ({"redis_role": "REPLICA", **SECRET}, b"+OK\r\n+PONG\r\n" + REPLICA),
    ],
)
def test_M8_the_expected_answers(settings: dict[str, object], answer: bytes) -> None:
    assert talk(redis(**settings), [answer]) is UP
    assert talk(redis(**settings), one_by_one(answer)) is UP


LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"


@pytest.mark.parametrize(
    ("settings", "answer", "reason", "detail"),
    [
        ({}, LOADING, Reason.BAD_STATUS, "PING answered LOADING Redis is loading the dataset in memory, not PONG"),
        ({}, b"-MASTERDOWN Link\r\n", Reason.BAD_STATUS, "PING answered MASTERDOWN Link, not PONG"),
        ({}, b"-NOAUTH No\r\n", Reason.BAD_STATUS, "PING answered NOAUTH No, not PONG: give password_ref"),
        (
            SECRET,
            b"-WRONGPASS no\r\n-NOAUTH x\r\n",
            Reason.BAD_STATUS,
            "AUTH answered WRONGPASS no, not OK: look at user_name and password_ref",
        ),
        (SECRET, b"-ERR AUTH canary of redis?\r\n", Reason.BAD_STATUS, "AUTH answered ERR AUTH [secret]?, not OK"),
        ({"redis_role": "MASTER"}, b"+PONG\r\n" + REPLICA, Reason.MISMATCH, "expected role master, got slave"),
        (
            {"redis_role": "MASTER"},
            b"+PONG\r\n-NOPERM x\r\n",
            Reason.BAD_STATUS,
            "ROLE answered NOPERM x, not an array",
        ),
        ({"redis_role": "MASTER"}, b"+PONG\r\n*1\r\n:1\r\n", Reason.BAD_STATUS, "ROLE answered :1, not a role"),
        ({}, b"HTTP/1.1 400 Bad\r\n", Reason.BAD_RESPONSE, "answer to PING: no reply of Redis: HTTP/1.1 400 Bad"),
        ({}, b"\x00\x1b[2J\n", Reason.BAD_RESPONSE, "answer to PING: no reply of Redis: \\x00\\x1b[2J"),
        ({}, b"+" + b"x" * LINE_BYTES, Reason.BAD_RESPONSE, "answer to PING: a line of more than 2048 bytes: "),
    ],
)
def test_what_came_instead_is_told(settings: dict[str, object], answer: bytes, reason: Reason, detail: str) -> None:
    for cut in ([answer], one_by_one(answer)):
        outcome = talk(redis(**settings), cut)
        assert outcome is not None
        assert (outcome.verdict, outcome.reason) == (Verdict.DOWN, reason)
        assert outcome.detail.startswith(detail)
        assert outcome.detail.isprintable()
        assert CANARY not in outcome.detail


@pytest.mark.parametrize(
    ("answer", "end", "reason", "detail"),
    [
        (b"", closed, Reason.CLOSED, "closed before the answer to AUTH"),
        (b"+OK\r\n+PO", closed, Reason.CLOSED, "closed before the answer to PING"),
        (b"", overdue, Reason.TIMEOUT_FIRST_BYTE, "no answer to AUTH within 1000 ms"),
        (b"+OK\r\n+PONG\r\n*3\r\n$6\r\nmas", overdue, Reason.TIMEOUT_BODY, "no role within 1000 ms"),
    ],
)
def test_an_answer_that_breaks_off_names_the_phase(answer: bytes, end: End, reason: Reason, detail: str) -> None:
    outcome = talk(redis(redis_role="MASTER", **SECRET), one_by_one(answer), end)
    assert outcome is not None
    assert (outcome.reason, outcome.detail) == (reason, detail)


ANSWERS = [b"+PONG\r\n" + MASTER, b"+PONG\r\n" + REPLICA, b"+PONG\r\n", LOADING, b"+PONG\r\n*1\r\n$6\r\nmaster", b"?\n"]


@given(pieces(st.sampled_from(ANSWERS)))
def test_any_cut_of_the_answer_gives_the_same_outcome(cut: tuple[bytes, list[bytes]]) -> None:
    answer, parts = cut
    assert talk(redis(redis_role="MASTER"), [answer], closed) == talk(redis(redis_role="MASTER"), parts, closed)


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (answering(b"+PONG\r\n"), Reason.OK),
        (answering(b""), Reason.CLOSED),
        (resetting, Reason.RESET),
        (answering(b"x" * 1_000_000), Reason.BAD_RESPONSE),
        (silent, Reason.TIMEOUT_FIRST_BYTE),
        (dripping(b"+" + b"x" * 1000, 0.02), Reason.TIMEOUT_BODY),
    ],
)
def test_on_real_connections(handler: Handler, reason: Reason) -> None:
    with serving(handler) as port, engine() as harness:
        assert harness.first(binding(kind="REDIS", port=port, timeout_ms=500)).reason is reason
