"""SMTP: greeting, EHLO, QUIT; replies of several lines; and what is no SMTP."""

from __future__ import annotations

import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.probes.lines import LINE_BYTES
from connectors.probes.outcome import UP
from connectors.probes.smtp import SmtpConversation
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import Handler, serving, silent
from tests.unit.probes.answers import End, closed, one_by_one, overdue, pieces, talk

GREETING = b"220-mail.example ESMTP\r\n220 ready\r\n"
WELCOME = b"250-mail.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n"


def smtp(**settings: object) -> SmtpConversation:
    return SmtpConversation(binding(kind="SMTP", **settings))


def test_M6_greeting_EHLO_QUIT() -> None:
    conversation = smtp(ehlo_domain="monitor.example")
    conversation.begin()
    assert conversation.connected() is None
    assert conversation.received(GREETING[:-1]) is None
    assert conversation.received(b"\n") == b"EHLO monitor.example\r\n"
    assert conversation.received(WELCOME) == b"QUIT\r\n"
    assert conversation.received(b"221 bye\r\n") is None
    assert conversation.closed() is UP
    assert conversation.overdue() is UP


@pytest.mark.parametrize("domain", ["a b", "x\r\nMAIL FROM:<a@b>", ""])
def test_a_domain_that_is_none_says_what_to_change(domain: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        smtp(ehlo_domain=domain)


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        (b"554 no mail here\r\n", Reason.BAD_STATUS, "greeting 554 no mail here, expected 220"),
        (b"421-busy\r\n421 later\r\n", Reason.BAD_STATUS, "greeting 421-busy, expected 220"),
        (GREETING + b"502 what?\r\n", Reason.BAD_STATUS, "answer to EHLO 502 what?, expected 250"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Reason.BAD_RESPONSE, "greeting: no reply of SMTP: SSH-2.0-OpenSSH_9.2"),
        (b"22\r\n", Reason.BAD_RESPONSE, "greeting: no reply of SMTP: 22"),
        (b"220\x00\x1b[2J\r\n", Reason.BAD_RESPONSE, "greeting: no reply of SMTP: 220\\x00\\x1b[2J"),
        (b"220 " + b"x" * LINE_BYTES, Reason.BAD_RESPONSE, "greeting: a line of more than 2048 bytes: "),
        (b"220-x\r\n" * 20_000, Reason.TOO_LARGE, "greeting: "),
    ],
)
def test_what_came_instead_is_told(answer: bytes, reason: Reason, detail: str) -> None:
    for cut in ([answer], one_by_one(answer)):
        outcome = talk(smtp(), cut)
        assert outcome is not None
        assert (outcome.verdict, outcome.reason) == (Verdict.DOWN, reason)
        assert outcome.detail.startswith(detail)
        assert outcome.detail.isprintable()


@pytest.mark.parametrize(
    ("answer", "end", "reason", "detail"),
    [
        (b"", closed, Reason.CLOSED, "closed before the greeting"),
        (GREETING, closed, Reason.CLOSED, "closed before the answer to EHLO"),
        (b"", overdue, Reason.TIMEOUT_FIRST_BYTE, "no greeting within 1000 ms"),
        (GREETING[:30], overdue, Reason.TIMEOUT_BODY, "no greeting within 1000 ms"),
        (GREETING + WELCOME[:9], overdue, Reason.TIMEOUT_BODY, "no answer to EHLO within 1000 ms"),
    ],
)
def test_an_answer_that_breaks_off_names_the_phase(answer: bytes, end: End, reason: Reason, detail: str) -> None:
    outcome = talk(smtp(), one_by_one(answer), end)
    assert outcome is not None
    assert (outcome.reason, outcome.detail) == (reason, detail)


ANSWERS = [GREETING + WELCOME, GREETING + WELCOME + b"221 bye\r\n", GREETING + b"5", b"220 x\r\nno\r\n", GREETING]


@given(pieces(st.sampled_from(ANSWERS)))
def test_any_cut_of_the_answer_gives_the_same_outcome(cut: tuple[bytes, list[bytes]]) -> None:
    answer, parts = cut
    assert talk(smtp(), [answer], closed) == talk(smtp(), parts, closed)


def greeting(connection: socket.socket, ended: threading.Event) -> None:
    """Greet a byte at a time, before anything is asked."""
    for byte in one_by_one(b"220-" + b"x" * 1000):
        connection.sendall(byte)
        if ended.wait(0.02):
            return


@pytest.mark.parametrize(("handler", "reason"), [(silent, Reason.TIMEOUT_FIRST_BYTE), (greeting, Reason.TIMEOUT_BODY)])
def test_silence_and_a_trickle_end_at_the_deadline(handler: Handler, reason: Reason) -> None:
    with serving(handler) as port, engine() as harness:
        report = harness.first(binding(kind="SMTP", port=port, timeout_ms=1000))
        assert 900 <= harness.elapsed_ms(1) <= 1100
    assert (report.verdict, report.reason) == (Verdict.DOWN, reason)
    assert report.detail == "no greeting within 1000 ms"
