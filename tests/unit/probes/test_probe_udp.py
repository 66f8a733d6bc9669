"""UDP and UDP-ECV: silence, answers, ports that nobody listens on, on real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from connectors.engine.runs import RunReport
from connectors.probes.matching import WINDOW_BYTES
from connectors.probes.outcome import UP, Outcome
from connectors.probes.udp import UdpConversation
from connectors.probes.udp_ecv import UdpEcvConversation
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine


@contextmanager
def datagrams(*answers: bytes) -> Iterator[int]:
    """A socket that answers every datagram with these; with none, it only listens. Yields its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        ended = threading.Event()

        def serve() -> None:
            while True:
                _, peer = listener.recvfrom(65_535)
                if ended.is_set():
                    return
                for answer in answers:
                    listener.sendto(answer, peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield port
        finally:
            ended.set()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
                waker.sendto(b"end", ("127.0.0.1", port))
            thread.join(5)


@contextmanager
def nobody() -> Iterator[int]:
    """A UDP port that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
    yield port


def probed(kind: str, port: int, **settings: object) -> RunReport:
    with engine() as harness:
        return harness.first(binding(kind=kind, port=port, **{"timeout_ms": 300, **settings}))


def ecv(**settings: object) -> UdpEcvConversation:
    return UdpEcvConversation(binding(kind="UDP-ECV", **settings))


def test_M6_silence_is_success_at_the_deadline() -> None:
    with datagrams() as port, engine() as harness:
        report = harness.first(binding(kind="UDP", port=port, timeout_ms=1000))
        assert 900 <= harness.elapsed_ms(1) <= 1100
    assert (report.verdict, report.reason) == (Verdict.UP, Reason.OK)


def test_M6_an_answer_is_success_at_once() -> None:
    with datagrams(b"?") as port:
        report = probed("UDP", port, timeout_ms=10_000)
    assert report.verdict is Verdict.UP
    assert report.response_avg_us < 5_000_000


@pytest.mark.parametrize("kind", ["UDP", "UDP-ECV"])
def test_M6_a_port_that_nobody_listens_on_is_refused(kind: str) -> None:
    with nobody() as port:
        report = probed(kind, port)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.REFUSED)


def test_M8_what_is_sent() -> None:
    assert UdpConversation(binding(kind="UDP")).connected() == b"watchbill"
    assert UdpConversation(binding(kind="UDP", send=r"\x00\n")).connected() == b"\x00\n"
    assert ecv(send=r"ping\r\n").connected() == b"ping\r\n"
    with pytest.raises(ValueError, match="is no escape"):
        ecv(send=r"\p")


def test_M8_the_first_datagram_is_the_answer() -> None:
    with datagrams(b"pong 1", b"oops") as port:
        assert probed("UDP-ECV", port, send="ping", recv="pong", not_recv="oops").verdict is Verdict.UP
    with datagrams(b"oops\x00\x1b[2J", b"pong") as port:
        report = probed("UDP-ECV", port, send="ping", recv="pong")
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.MISMATCH)
    assert report.detail == 'expected "pong", got "oops\\x00\\x1b[2J"'


def test_M8_patterns_and_errors() -> None:
    assert ecv(recv_pattern=r"^\d+ users$").received(b"17 users") is UP
    outcome = ecv(recv="users", not_recv_pattern=r"\b0 users").received(b"0 users")
    assert isinstance(outcome, Outcome)
    assert outcome.detail == '/\\b0 users/ must not be there, got "0 users"'
    assert ecv().received(b"?") is UP
    late = ecv(recv="pong").received(b"x" * WINDOW_BYTES + b"pong")
    assert isinstance(late, Outcome)
    assert late.reason is Reason.MISMATCH


def test_no_answer_is_late() -> None:
    with datagrams() as port:
        report = probed("UDP-ECV", port, send="ping", recv="pong")
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.TIMEOUT_FIRST_BYTE)
    assert report.detail == "no answer within 300 ms"
