"""HTTP-ECV: where a body ends, what must be in it, and bodies made to do harm."""

from __future__ import annotations

import gzip
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.engine.runs import RunReport
from connectors.probes.http_body import BODY_BYTES, LINE_BYTES
from connectors.probes.http_ecv import HttpEcvConversation
from connectors.probes.matching import WINDOW_BYTES
from connectors.probes.outcome import UP, Outcome
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import Handler, answering, dripping, serving
from tests.unit.probes.answers import closed, one_by_one, overdue, pieces, talk

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
PONG = b"4;name=value\r\npong\r\n0\r\nTrailer: x\r\n\r\n"


def ecv(**settings: object) -> HttpEcvConversation:
    return HttpEcvConversation(binding(kind="HTTP-ECV", **settings))


def sized(body: bytes, head: bytes = HEAD) -> bytes:
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


def probed(handler: Handler, **settings: object) -> RunReport:
    with serving(handler) as port, engine() as harness:
        return harness.first(binding(kind="HTTP-ECV", port=port, **settings))


def test_M18_the_default_request_is_GET() -> None:
    step = ecv().connected()
    assert isinstance(step, bytes)
    assert step.startswith(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"send": "HEAD /", "recv": "pong"}, "asks for no body to look at"),
        ({"send": "/"}, "is no method and path"),
        ({"recv": "a\\q"}, "recv: .q is no escape"),
        ({"recv_pattern": "("}, r"recv_pattern is no regular expression of RE2: missing \)"),
        ({"not_recv_pattern": r"(a)\1"}, "not_recv_pattern is no regular expression of RE2: invalid escape"),
        ({"recv_pattern": r"\w{1,500}z"}, "recv_pattern has 2004 steps, at most 1000: repeat less"),
        ({"recv_pattern": "((a{100}){100}){100}"}, "recv_pattern is no regular expression of RE2: "),
    ],
)
def test_a_setting_that_makes_no_sense_says_what_to_change(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ecv(**settings)


@pytest.mark.parametrize(
    "answer",
    [
        sized(b"ping pong"),
        sized(b"ping pong", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HEAD),
        CHUNKED + b"9\r\nping pong\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nping \r\n" + PONG,
        CHUNKED + b"2\nab\n" + PONG.replace(b"\r\n", b"\n"),
        sized(b"cut off here", CHUNKED[:-2]).partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + PONG,
    ],
)
def test_M8_the_whole_body_is_looked_at_however_it_comes(answer: bytes) -> None:
    assert talk(ecv(recv="pong"), [answer]) is UP
    assert talk(ecv(recv="pong"), one_by_one(answer)) is UP
    assert talk(ecv(recv="pong"), [answer[:-1]]) is None
    refused = talk(ecv(recv="pang"), one_by_one(answer))
    assert refused is not None
    assert refused.reason is Reason.MISMATCH
    assert 'expected "pang", got "' in refused.detail
    assert 'pong"' in refused.detail


def test_M8_a_body_without_a_length_ends_with_the_connection() -> None:
    assert talk(ecv(recv="pong"), [HEAD + b"\r\nping pong"], closed) is UP
    outcome = talk(ecv(recv="pong"), [HEAD + b"\r\nping pong"], overdue)
    assert outcome is not None
    assert outcome.reason is Reason.TIMEOUT_BODY
    assert outcome.detail == "the end of the body did not come within 1000 ms, after 9 bytes of the body"


@pytest.mark.parametrize("code", [204, 304])
def test_answers_without_a_body_end_at_their_headers(code: int) -> None:
    answer = b"HTTP/1.1 %d x\r\nContent-Length: 10\r\n\r\n" % code
    assert talk(ecv(response_codes=((code, code),)), [answer]) is UP
    outcome = talk(ecv(response_codes=((code, code),), recv="pong"), [answer])
    assert outcome is not None
    assert outcome.detail == 'expected "pong", got nothing'


def test_HEAD_has_no_body() -> None:
    assert talk(ecv(send="HEAD /"), [HEAD + b"Content-Length: 10\r\n\r\n"]) is UP


def test_M8_status_codes_come_first() -> None:
    outcome = talk(ecv(recv="pong"), [b"HTTP/1.1 500 Oh\r\nContent-Length: 4\r\n\r\n"])
    assert outcome == Outcome(Verdict.DOWN, Reason.BAD_STATUS, "HTTP 500 Oh, expected 200")


def test_M8_the_expected_content_is_there_and_no_error_is() -> None:
    page = sized(b"status: all well\r\nwarnings: 3\r\n")
    assert talk(ecv(recv="all well", not_recv="error", recv_pattern=r"^warnings: \d$"), [page]) is UP
    outcome = talk(ecv(recv="all well", not_recv_pattern=r"warnings: [1-9]"), [page])
    assert outcome is not None
    assert (outcome.verdict, outcome.reason) == (Verdict.DOWN, Reason.MISMATCH)
    assert outcome.detail.startswith('/warnings: [1-9]/ must not be there, got "status: all well')


def test_M18_trofs_announces_maintenance_by_content_whatever_the_code() -> None:
    page = sized(b"going down for repair", b"HTTP/1.1 503 Busy\r\n")
    outcome = talk(ecv(recv="pong", trofs_string="for repair"), one_by_one(page))
    assert outcome is not None
    assert outcome.verdict is Verdict.MAINTENANCE
    assert outcome.detail == 'announces maintenance: "for repair" in "going down for repair"'
    other = talk(ecv(recv="pong", trofs_string="for repair"), [sized(b"oops", b"HTTP/1.1 503 Busy\r\n")])
    assert other == Outcome(Verdict.DOWN, Reason.BAD_STATUS, "HTTP 503 Busy, expected 200")


def test_M18_trofs_announces_maintenance_by_its_code() -> None:
    outcome = talk(ecv(trofs_code=503), [sized(b"", b"HTTP/1.1 503 Busy\r\n")])
    assert outcome == Outcome(Verdict.MAINTENANCE, Reason.OK, "announces maintenance: HTTP 503 Busy")


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (CHUNKED + b"xyz\r\n", "no size of a chunk: b'xyz'"),
        (CHUNKED + b"-1\r\n", "no size of a chunk: b'-1'"),
        (CHUNKED + b"1" * 16 + b"\r\n", "no size of a chunk"),
        (CHUNKED + b"2\r\nabcd\r\n", "a chunk is longer than its size: b'cd' follows"),
        (CHUNKED + b"2;" + b"x" * LINE_BYTES, "the size of a chunk is longer than 4096 bytes"),
        (CHUNKED + b"0\r\nX: " + b"x" * LINE_BYTES, "the last line is longer than 4096 bytes"),
        (HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n", "Content-Length is no single number"),
        (HEAD + b"Content-Length: -4\r\n\r\n", "Content-Length is no single number: b'-4'"),
    ],
)
def test_broken_framing_is_told(answer: bytes, detail: str) -> None:
    for cut in ([answer], one_by_one(answer)):
        outcome = talk(ecv(recv="pong"), cut)
        assert outcome is not None
        assert (outcome.verdict, outcome.reason) == (Verdict.DOWN, Reason.BAD_RESPONSE)
        assert outcome.detail.startswith(detail)


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        (HEAD + b"Content-Length: 10\r\n\r\npong", "the last 6 bytes of the body"),
        (CHUNKED + b"a\r\npong", "the rest of a chunk"),
        (CHUNKED + b"4\r\npong\r\n", "the size of a chunk"),
        (CHUNKED + b"4\r\npong\r\n0\r\n", "the last line"),
    ],
)
def test_a_body_that_breaks_off_names_what_is_missing(answer: bytes, missing: str) -> None:
    hung_up, late = talk(ecv(recv="pong"), [answer], closed), talk(ecv(recv="pong"), [answer], overdue)
    assert hung_up is not None
    assert late is not None
    assert hung_up.reason is Reason.CLOSED
    assert hung_up.detail.startswith(f"closed before {missing} came, after ")
    assert late.reason is Reason.TIMEOUT_BODY
    assert late.detail.startswith(f"{missing} did not come within 1000 ms, after ")


def test_a_compressed_body_stays_so_and_the_mismatch_says_so() -> None:
    bomb = gzip.compress(b"pong" * 1_000_000)
    outcome = talk(ecv(recv="pong"), [sized(bomb, HEAD + b"Content-Encoding: gzip\r\n")])
    assert outcome is not None
    assert outcome.reason is Reason.MISMATCH
    assert outcome.detail.startswith('expected "pong" in the gzip body, got "')
    assert outcome.detail.isprintable()
    plain = talk(ecv(recv="pong"), [sized(b"ping", HEAD + b"Content-Encoding: identity\r\n")])
    assert plain == Outcome(Verdict.DOWN, Reason.MISMATCH, 'expected "pong", got "ping"')


def test_an_endless_body_is_judged_by_its_window() -> None:
    many = [b"x" * 1000] * 100
    for head in (HEAD + b"\r\n", HEAD + b"Content-Length: 9999999999\r\n\r\n", CHUNKED + b"fffffff\r\n"):
        outcome = talk(ecv(recv="pong"), [head, *many])
        assert outcome is not None
        assert outcome.reason is Reason.MISMATCH
        assert f"and so on, {WINDOW_BYTES} bytes" in outcome.detail
        assert talk(ecv(recv="pong"), [head, b"pong", *many]) is UP


def test_little_content_in_much_framing_is_too_large() -> None:
    chunks = b"1;%b\r\nx\r\n" % (b"y" * 1000) * 100
    outcome = talk(ecv(recv="pong"), [CHUNKED, chunks])
    assert outcome is not None
    assert outcome.reason is Reason.TOO_LARGE
    assert outcome.detail == f"{BODY_BYTES} bytes of the body hold 65 of content and no end"


def test_many_tiny_chunks_are_too_large() -> None:
    outcome = talk(ecv(recv="pong"), [CHUNKED, b"1\r\nx\r\n" * 2000])
    assert outcome is not None
    assert outcome.reason is Reason.TOO_LARGE
    assert outcome.detail == "512 chunks hold 512 bytes of the body and no end"


def test_a_byte_at_a_time_costs_no_more_than_the_bytes() -> None:
    """Quadratic buffering of 64 KB of bytes would take seconds."""
    chunks = one_by_one(CHUNKED + b"1;%b\r\nx\r\n" % (b"y" * 2000) * 32)
    conversation = ecv(recv_pattern="pong", trofs_string="bye")
    began = time.process_time()
    assert talk(conversation, chunks) is not None or len(chunks) < BODY_BYTES
    assert time.process_time() - began < 1.0


ANSWERS = st.one_of(
    st.lists(st.sampled_from([b"pong", b"error", b"\r\n", b"x" * 300, b"\x00\xff", b"bye"]), max_size=8)
    .map(b"".join)
    .flatmap(lambda body: st.sampled_from([sized(body), HEAD + b"\r\n" + body, sized(body)[:-1]])),
    st.lists(
        st.sampled_from([b"4\r\npong\r\n", b"3;x=y\r\nbye\r\n", b"0\r\n\r\n", b"5\r\nerror\r\n", b"2\r\nabc", b"z"]),
        max_size=8,
    ).map(lambda parts: CHUNKED + b"".join(parts)),
    st.sampled_from([b"HTTP/1.1 503 Busy\r\n\r\nbye", b"HTTP/1.1 103 x\r\n\r\n" * 3 + sized(b"pong")]),
    st.binary(max_size=60),
)


@given(pieces(ANSWERS))
def test_any_cut_of_the_answer_gives_the_same_outcome(cut: tuple[bytes, list[bytes]]) -> None:
    answer, parts = cut
    conversation = ecv(recv="pong", not_recv="error", trofs_string="bye")
    whole, cut_up = talk(conversation, [answer] if answer else [], closed), talk(conversation, parts, closed)
    assert whole is not None
    assert cut_up is not None
    assert (whole.verdict, whole.reason) == (cut_up.verdict, cut_up.reason)


def test_M8_on_real_connections() -> None:
    assert probed(answering(sized(b"ping pong")), recv="pong").verdict is Verdict.UP
    report = probed(answering(sized(b"\x1b[2J\x00 boom")), recv="pong")
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.MISMATCH)
    assert report.detail == 'expected "pong", got "\\x1b[2J\\x00 boom"'
    assert probed(answering(HEAD + b"X: " + b"a" * 1_000_000)).reason is Reason.TOO_LARGE
    assert probed(answering(HEAD + b"\r\n" + b"x" * 1_000_000), recv="pong").reason is Reason.MISMATCH


def test_a_body_a_byte_at_a_time_ends_at_the_deadline() -> None:
    with serving(dripping(sized(b"x" * 1000), 0.02)) as port, engine() as harness:
        report = harness.first(binding(kind="HTTP-ECV", port=port, timeout_ms=2500, recv="pong"))
        assert 2250 <= harness.elapsed_ms(1) <= 2750
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.TIMEOUT_BODY)
    assert "bytes of the body did not come within 2500 ms" in report.detail
