"""TCP-ECV: what counts when, in a stream that nobody ends; and targets that never come to the point."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.engine.runs import RunReport
from connectors.probes.matching import LINES, WINDOW_BYTES
from connectors.probes.outcome import UP, Outcome
from connectors.probes.tcp_ecv import TcpEcvConversation
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import Handler, answering, dripping, resetting, serving, silent
from tests.unit.probes.answers import End, closed, one_by_one, overdue, pieces, talk


def ecv(**settings: object) -> TcpEcvConversation:
    return TcpEcvConversation(binding(kind="TCP-ECV", **settings))


def probed(handler: Handler, **settings: object) -> RunReport:
    with serving(handler) as port, engine() as harness:
        return harness.first(binding(kind="TCP-ECV", port=port, **settings))


def told(outcome: Outcome | None) -> tuple[Reason, str]:
    assert outcome is not None
    assert outcome.verdict is Verdict.DOWN
    return outcome.reason, outcome.detail


def greeting(connection: socket.socket, ended: threading.Event) -> None:
    """Greet, then wait for what is never said."""
    connection.sendall(b"ready\r\n")
    ended.wait()


def test_M8_send_holds_what_is_written_with_escapes() -> None:
    assert ecv(send=r"PING\r\n\x00\\").connected() == b"PING\r\n\x00\\"
    assert ecv().connected() is None


def test_a_wrong_escape_says_what_to_change() -> None:
    with pytest.raises(ValueError, match=r"recv: .q is no escape"):
        ecv(recv=r"a\q")


def test_M8_a_lone_text_counts_as_soon_as_it_is_there() -> None:
    for cut in ([b"220 ready"], one_by_one(b"220 ready")):
        assert talk(ecv(recv="read"), cut) is UP
    assert talk(ecv(recv="read"), [b"220 rea"]) is None
    assert talk(ecv(recv=r"\xff\x00"), [b"a\xff", b"\x00b"]) is UP


def test_M8_a_pattern_counts_at_the_end_of_a_line() -> None:
    assert talk(ecv(recv_pattern="^load: [0-9]$"), [b"hello\r\nload: 5"]) is None
    assert talk(ecv(recv_pattern="^load: [0-9]$"), [b"hello\r\nload: 5\r\n"]) is UP
    assert talk(ecv(recv_pattern="^load: [0-9]$"), [b"hello\r\nload: 55\r\n"]) is None
    assert talk(ecv(recv_pattern=r"a\s+b"), [b"a\r\nb\r\n"]) is None
    assert talk(ecv(recv=r"a\r\nb", not_recv="ERR"), one_by_one(b"a\r\nb\r\n")) is UP


def test_M8_what_is_expected_may_be_in_several_lines() -> None:
    both = {"recv": "one", "recv_pattern": "^tw[o]$"}
    for answer in (b"one\ntwo\n", b"two\r\none\r\n", b"two\n...\none two\n"):
        assert talk(ecv(**both), [answer]) is UP
        assert talk(ecv(**both), one_by_one(answer)) is UP
    assert told(talk(ecv(**both), [b"one\nthree\n"], closed)) == (
        Reason.MISMATCH,
        'expected /^tw[o]$/ before the target closed, got "one\\nthree\\n"',
    )


def test_M8_an_error_in_the_same_line_is_seen_and_one_after_the_verdict_is_not_waited_for() -> None:
    both = {"recv": "PONG", "not_recv": "ERR"}
    assert told(talk(ecv(**both), [b"PONG ERR\n"])) == (
        Reason.MISMATCH,
        '"ERR" must not be there, got "PONG ERR\\n"',
    )
    assert told(talk(ecv(**both), [b"ERR\nPONG\n"]))[0] is Reason.MISMATCH
    assert talk(ecv(**both), [b"PONG\nERR\n"]) is UP


def test_M18_trofs_string_announces_maintenance() -> None:
    outcome = talk(ecv(recv="OK", trofs_string="DRAIN"), one_by_one(b"OK DRAIN\r\n"))
    assert outcome == Outcome(Verdict.MAINTENANCE, Reason.OK, 'announces maintenance: "DRAIN" in "OK DRAIN\\r\\n"')


@pytest.mark.parametrize(
    ("answer", "end", "reason", "detail"),
    [
        (b"", closed, Reason.CLOSED, "closed without an answer"),
        (b"busy", closed, Reason.MISMATCH, 'expected "ready" before the target closed, got "busy"'),
        (b"", overdue, Reason.TIMEOUT_FIRST_BYTE, "no answer within 1000 ms"),
        (b"rea", overdue, Reason.TIMEOUT_BODY, 'expected "ready" within 1000 ms, got "rea"'),
        (b"busy\r\n", overdue, Reason.MISMATCH, 'expected "ready" within 1000 ms, got "busy\\r\\n"'),
    ],
)
def test_what_came_instead_is_told(answer: bytes, end: End, reason: Reason, detail: str) -> None:
    assert told(talk(ecv(recv="ready"), one_by_one(answer), end)) == (reason, detail)


def test_what_is_there_at_the_end_counts_without_a_line_end() -> None:
    for end in (closed, overdue):
        assert talk(ecv(recv_pattern="rea.y$", not_recv="ERR"), [b"ready"], end) is UP


def test_without_expected_content_any_answer_will_do() -> None:
    assert talk(ecv(), [b"?"]) is UP
    assert talk(ecv(not_recv="ERR"), [b"fine\n"]) is UP
    assert told(talk(ecv(not_recv="ERR"), [b"ERR\n"]))[0] is Reason.MISMATCH


def test_only_the_window_is_looked_at() -> None:
    late = [b"x" * WINDOW_BYTES, b"ready"]
    assert told(talk(ecv(recv="ready"), late))[0] is Reason.MISMATCH
    assert talk(ecv(recv="ready"), [b"x" * (WINDOW_BYTES - 5), b"ready"]) is UP


def test_after_many_lines_the_rest_is_looked_at_in_the_end() -> None:
    settings = {"recv": "PONG", "not_recv": "ERR"}
    for answer in (b"\n" * (LINES - 1) + b"PONG\n", b"\n" * (LINES - 1) + b"PONG\nERR\n"):
        assert talk(ecv(**settings), [answer]) is UP
    late = b"\n" * LINES + b"PONG\n"
    assert talk(ecv(**settings), [late]) is None
    assert talk(ecv(**settings), [late], closed) is UP
    assert told(talk(ecv(**settings), one_by_one(late + b"ERR\n"), closed))[0] is Reason.MISMATCH


@pytest.mark.parametrize("answer", [b"x" * WINDOW_BYTES, b"\n" * WINDOW_BYTES, b"x" * 80 + b"\n"])
def test_a_byte_at_a_time_costs_no_more_than_the_bytes(answer: bytes) -> None:
    answer = (answer * WINDOW_BYTES)[:WINDOW_BYTES]
    conversation = ecv(recv_pattern="(x+x+)+y", not_recv_pattern="(a|aa)+$", recv="pong")
    began = time.process_time()
    assert talk(conversation, one_by_one(answer)) is not None
    assert time.process_time() - began < 1.0


TALKS = st.lists(st.sampled_from([b"PONG", b"ERR", b"DRAIN", b"\r\n", b"\n", b"P", b"\x00\xff", b" "]), max_size=14)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "recv": st.just("PONG"),
        "not_recv": st.just("ERR"),
        "trofs_string": st.just("DRAIN"),
        "recv_pattern": st.sampled_from(["^P+ONG$", r"G\s+P"]),
        "not_recv_pattern": st.sampled_from(["E(R)+", "^P$"]),
    },
)


@given(pieces(TALKS.map(b"".join)), SETTINGS, st.sampled_from([closed, overdue]))
def test_any_cut_of_the_answer_gives_the_same_outcome(
    cut: tuple[bytes, list[bytes]], settings: dict[str, str], end: End
) -> None:
    answer, parts = cut
    whole = talk(ecv(**settings), [answer] if answer else [], end)
    assert talk(ecv(**settings), parts, end) == whole
    assert talk(ecv(**settings), one_by_one(answer), end) == whole


def test_M8_on_real_connections() -> None:
    assert probed(greeting, recv="ready").verdict is Verdict.UP
    assert probed(answering(b"+PONG\r\n"), send=r"PING\r\n", recv=r"+PONG\r\n").verdict is Verdict.UP
    report = probed(answering(b"\x1b[2J\x00\xff boom"), send="x", recv="ready")
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.MISMATCH)
    assert report.detail == 'expected "ready" before the target closed, got "\\x1b[2J\\x00\\xff boom"'
    assert probed(resetting, send="x", recv="ready").reason is Reason.RESET
    assert probed(answering(b"x" * 1_000_000), send="x", recv="ready").reason is Reason.MISMATCH


@pytest.mark.parametrize(
    ("handler", "reason"), [(silent, Reason.TIMEOUT_FIRST_BYTE), (dripping(b"x" * 1000, 0.02), Reason.TIMEOUT_BODY)]
)
def test_silence_and_a_trickle_end_at_the_deadline(handler: Handler, reason: Reason) -> None:
    with serving(handler) as port, engine() as harness:
        report = harness.first(binding(kind="TCP-ECV", port=port, timeout_ms=1000, send="x", recv="ready"))
        assert 900 <= harness.elapsed_ms(1) <= 1100
    assert (report.verdict, report.reason) == (Verdict.DOWN, reason)
