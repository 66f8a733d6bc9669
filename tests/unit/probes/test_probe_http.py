"""HTTP: the conversation byte by byte, and against real servers that behave and misbehave."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.engine.runs import RunReport
from connectors.probes.http import HEADER_BYTES, HttpConversation
from connectors.probes.outcome import UP, Outcome
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import Handler, answering, black_hole, closed_port, dripping, resetting, serving, silent
from tests.unit.probes.answers import closed, one_by_one, pieces
from tests.unit.probes.answers import talk as drive

OK = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"


def probed(handler: Handler, **settings: object) -> RunReport:
    with serving(handler) as port, engine() as harness:
        return harness.first(binding(kind="HTTP", port=port, **settings))


def talk(*pieces: bytes, **settings: object) -> Outcome | None:
    """The conversation's outcome after these pieces, or None if it waits for more."""
    conversation = HttpConversation(binding(kind="HTTP", **settings))
    conversation.begin()
    step: object = conversation.connected()
    assert isinstance(step, bytes)
    for piece in pieces:
        step = conversation.received(piece)
        if isinstance(step, Outcome):
            return step
        assert step is None
    return None


def request(**settings: object) -> bytes:
    step = HttpConversation(binding(kind="HTTP", **settings)).connected()
    assert isinstance(step, bytes)
    return step


def test_M18_the_default_request_is_HEAD() -> None:
    assert request() == (
        b"HEAD / HTTP/1.1\r\nHost: 127.0.0.1:80\r\nUser-Agent: watchbill\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )


def test_M18_request_and_headers() -> None:
    sent = request(http_request="GET /health?a=b", custom_headers=("Host: shop.example", "X-Probe: 1"))
    assert sent.startswith(b"GET /health?a=b HTTP/1.1\r\nHost: shop.example\r\n")
    assert b"X-Probe: 1\r\n" in sent
    assert sent.count(b"Host:") == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"http_request": "/health"}, "is no method and path"),
        ({"http_request": "GET /a\r\nEvil: 1"}, "is no method and path"),
        ({"custom_headers": ("no colon",)}, "is not 'Name: value'"),
        ({"custom_headers": ("A: b\r\nEvil: 1",)}, "holds control characters"),
        ({"response_codes": ()}, "is not a list of ranges"),
        ({"response_codes": ((300, 200),)}, "the lower first"),
    ],
)
def test_a_setting_that_makes_no_sense_says_what_to_change(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        request(**settings)


def test_M8_status_ranges() -> None:
    codes = ((200, 204), (301, 301))
    assert talk(b"HTTP/1.1 204 No Content\r\n\r\n", response_codes=codes) is UP
    assert talk(b"HTTP/1.0 301 Moved\r\n\r\n", response_codes=codes) is UP
    refused = talk(b"HTTP/1.1 302 Found\r\n\r\n", response_codes=codes)
    assert refused == Outcome(Verdict.DOWN, Reason.BAD_STATUS, "HTTP 302 Found, expected 200-204, 301")


def test_any_cut_of_the_answer_is_the_same() -> None:
    for place in range(1, len(OK)):
        assert talk(OK[:place]) is None
        assert talk(OK[:place], OK[place:]) is UP
    assert talk(*[OK[place : place + 1] for place in range(len(OK))]) is UP


def test_interim_answers_are_passed_over() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert talk(interim) is None
    assert talk(interim + interim + OK) is UP
    assert talk(interim, OK) is UP
    assert talk(interim * 64, OK) is UP
    endless = talk(interim * 65)
    assert isinstance(endless, Outcome)
    assert endless.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/2 200\r\n\r\n"]
)
def test_what_is_no_http_answer(answer: bytes) -> None:
    outcome = talk(answer)
    assert outcome is not None
    assert (outcome.verdict, outcome.reason) == (Verdict.DOWN, Reason.BAD_RESPONSE)
    assert outcome.detail.isprintable()


def test_up() -> None:
    report = probed(answering(OK))
    assert (report.verdict, report.reason) == (Verdict.UP, Reason.OK)
    assert report.response_avg_us > 0


def test_bad_status() -> None:
    report = probed(answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert report.detail == "HTTP 503 Service Unavailable, expected 200"


def test_refused_and_no_answer_to_the_connect() -> None:
    with closed_port() as port, engine() as harness:
        assert harness.first(binding(kind="HTTP", port=port)).reason is Reason.REFUSED
    with black_hole() as port, engine() as harness:
        assert harness.first(binding(kind="HTTP", port=port, timeout_ms=200)).reason is Reason.TIMEOUT_CONNECT


def test_reset() -> None:
    assert probed(resetting).reason is Reason.RESET


def test_closed_without_an_answer_and_in_the_middle() -> None:
    assert probed(answering(b"")).detail == "closed without an answer"
    report = probed(answering(b"HTTP/1.1 200 OK\r\nServer"))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.CLOSED)
    assert "in the middle" in report.detail


def test_garbage_is_escaped_and_cut() -> None:
    report = probed(answering(b"\x1b[31m\x00" * 100))
    assert report.reason is Reason.BAD_RESPONSE
    assert report.detail.isprintable()
    assert len(report.detail.encode()) <= 200


def test_a_header_of_1_MB_is_too_large() -> None:
    report = probed(answering(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n"))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.TOO_LARGE)


def test_silence_ends_at_the_deadline() -> None:
    with serving(silent) as port, engine() as harness:
        report = harness.first(binding(kind="HTTP", port=port, timeout_ms=1000))
        assert 900 <= harness.elapsed_ms(1) <= 1100
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.TIMEOUT_FIRST_BYTE)
    assert report.detail == "no answer within 1000 ms"


def test_a_slow_trickle_ends_at_the_deadline() -> None:
    with serving(dripping(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000, 0.05)) as port, engine() as harness:
        report = harness.first(binding(kind="HTTP", port=port, timeout_ms=1000))
        assert 900 <= harness.elapsed_ms(1) <= 1100
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.TIMEOUT_BODY)


def test_M18_trofs_code_announces_maintenance() -> None:
    for codes in (((200, 200),), ((200, 599),)):
        outcome = talk(b"HTTP/1.1 503 Repair\r\n\r\n", trofs_code=503, response_codes=codes)
        assert outcome == Outcome(Verdict.MAINTENANCE, Reason.OK, "announces maintenance: HTTP 503 Repair")
    assert talk(OK, trofs_code=503) is UP
    other = talk(b"HTTP/1.1 500 Oh\r\n\r\n", trofs_code=503)
    assert other is not None
    assert other.reason is Reason.BAD_STATUS


@pytest.mark.parametrize("spare", [-1, 0, 1])
def test_the_longest_header_section_does_not_depend_on_the_cuts(spare: int) -> None:
    start, end = b"HTTP/1.1 200 OK\r\nX: ", b"\r\n\r\n"
    answer = start + b"a" * (HEADER_BYTES - len(start + end) + spare) + end
    outcomes = {
        talk(*[answer[low : low + size] for low in range(0, len(answer), size)]) for size in (len(answer), 4096)
    }
    expected = {Reason.OK} if spare <= 0 else {Reason.TOO_LARGE}
    assert {outcome.reason for outcome in outcomes if outcome} == expected
    assert None not in outcomes


def test_a_header_a_byte_at_a_time_costs_no_more_than_the_bytes() -> None:
    """Looking for the end from the start for every byte took 1.3 s."""
    answer = b"HTTP/1.1 200 OK\r\nX: " + b"a" * HEADER_BYTES
    began = time.process_time()
    outcome = talk(*one_by_one(answer))
    assert time.process_time() - began < 1.0
    assert outcome is not None
    assert outcome.reason is Reason.TOO_LARGE


ANSWERS = st.one_of(
    st.lists(st.sampled_from([b"HTTP/1.1 ", b"103", b"200", b" ", b"\r\n", b"OK", b"\r\n\r\n", b"503", b"\x00"])).map(
        b"".join
    ),
    st.sampled_from([OK, b"HTTP/1.0 503\r\n\r\n", b"HTTP/1.1 103 x\r\n\r\n" * 3 + OK, b"HTTP/1.1 2000 OK\r\n\r\n"]),
    st.binary(max_size=30),
)


@given(pieces(ANSWERS))
def test_any_cut_of_any_answer_gives_the_same_outcome(cut: tuple[bytes, list[bytes]]) -> None:
    answer, parts = cut
    whole, cut_up = (
        drive(HttpConversation(binding(kind="HTTP", trofs_code=503)), sent, closed)
        for sent in ([answer] if answer else [], parts)
    )
    assert whole is not None
    assert cut_up is not None
    assert (whole.verdict, whole.reason) == (cut_up.verdict, cut_up.reason)
