"""UDP on real sockets, driven by a small kind of the test's own: what ICMP tells, what is bounded, what is left."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from connectors.engine.binding import Binding
from connectors.engine.datagram import READS
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.kinds import KINDS
from connectors.probes.outcome import UP, Outcome, down
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import Harness, binding, engine
from tests.unit.engine.servers import closed_port


class Asking:
    """Says `ask`, goes on while the answer begins with `more`, is content with silence if `patient`."""

    def __init__(self, row: Binding) -> None:
        self._patient = row.parameters.get("patient") is True
        self.heard: list[bytes] = []

    def begin(self) -> None:
        self.heard.clear()

    def connected(self) -> Step:
        return b"ask"

    def received(self, data: bytes, /) -> Step:
        self.heard.append(data)
        if data == b"bug":
            raise RuntimeError("a bug")
        if data == b"question":
            return b"reply"
        return None if data.startswith(b"more") else UP

    def closed(self) -> Outcome:
        return down(Reason.CLOSED, "never reached")

    def overdue(self) -> Outcome:
        return UP if self._patient else down(Reason.TIMEOUT_FIRST_BYTE, "no answer")


@pytest.fixture(autouse=True)
def asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "ASK", Kind("ASK", Wire.DATAGRAM, {"patient": False}, Asking))


@contextmanager
def answering(*answers: bytes, family: int = socket.AF_INET, times: int = 1) -> Iterator[int]:
    """A UDP server that answers each datagram with all of these, so many times. Yields its port."""
    with socket.socket(family, socket.SOCK_DGRAM) as server:
        server.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        port = server.getsockname()[1]

        def serve() -> None:
            while True:
                data, sender = server.recvfrom(65_535)
                if data == b"end":
                    return
                for answer in answers * times if data != b"reply" else (b"thanks",):
                    server.sendto(answer, sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield port
        finally:
            server.sendto(b"end", server.getsockname())
            thread.join()


def heard(harness: Harness) -> list[bytes]:
    conversation = harness.loop.table.entries[1].conversation
    assert isinstance(conversation, Asking)
    return conversation.heard


def test_up_and_M7_response_time() -> None:
    with answering(b"fine") as port, engine() as harness:
        report = harness.first(binding(kind="ASK", port=port))
        assert heard(harness) == [b"fine"]
        assert harness.loop.table.entries[1].sock is None
    assert (report.verdict, report.reason, report.detail) == (Verdict.UP, Reason.OK, "")
    assert 0 < report.response_avg_us < 1_000_000


def test_a_conversation_of_more_than_one_datagram() -> None:
    with answering(b"more", b"question") as port, engine() as harness:
        assert harness.first(binding(kind="ASK", port=port)).verdict is Verdict.UP
        assert heard(harness) == [b"more", b"question", b"thanks"]


@pytest.mark.parametrize("patient", [False, True])
def test_port_unreachable_is_refused_also_where_silence_would_do(patient: bool) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
    with engine() as harness:
        report = harness.first(binding(kind="ASK", port=port, patient=patient))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.REFUSED)
    assert report.detail == f"send to 127.0.0.1:{port}: Connection refused (ECONNREFUSED)"


@pytest.mark.parametrize(("patient", "verdict"), [(True, Verdict.UP), (False, Verdict.DOWN)])
def test_silence_is_what_the_kind_says_it_is(patient: bool, verdict: Verdict) -> None:
    with answering() as port, engine() as harness:
        report = harness.first(binding(kind="ASK", port=port, timeout_ms=500, patient=patient))
        assert 450 <= harness.elapsed_ms(1) <= 550
        assert harness.loop.table.entries[1].sock is None
    assert report.verdict is verdict
    assert report.response_avg_us == 0


def test_ipv6() -> None:
    with answering(b"fine", family=socket.AF_INET6) as port, engine() as harness:
        assert harness.first(binding(kind="ASK", ip="::1", port=port)).verdict is Verdict.UP


def test_an_empty_datagram_and_the_largest() -> None:
    with answering(b"", b"more" + bytes(65_503)) as port, engine() as harness:
        report = harness.first(binding(kind="ASK", port=port, timeout_ms=300))
        assert [len(data) for data in heard(harness)] == [65_507]
    assert report.reason is Reason.TIMEOUT_FIRST_BYTE


def test_many_datagrams_at_once_are_all_heard() -> None:
    with answering(*(b"more%d" % number for number in range(3 * READS)), b"last") as port, engine() as harness:
        report = harness.first(binding(kind="ASK", port=port))
        assert len(heard(harness)) == 3 * READS + 1
    assert report.verdict is Verdict.UP


def test_what_others_send_is_not_heard() -> None:
    with answering() as port, engine() as harness:
        harness.probe(binding(kind="ASK", port=port, interval_ms=0, timeout_ms=500))
        harness.until(lambda: harness.loop.table.entries[1].sock is not None, "the probe has begun")
        sock = harness.loop.table.entries[1].sock
        assert sock is not None
        with socket.socket(type=socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"fine", sock.getsockname())
        harness.until(lambda: harness.reports, "the deadline")
        assert heard(harness) == []


def test_a_bug_in_a_kind_spares_its_neighbours() -> None:
    with answering(b"bug") as port, answering(b"fine") as other, engine() as harness:
        harness.probe(binding(1, "ASK", port), binding(2, "ASK", other))
        harness.until(lambda: len(harness.reports) == 2, "both")
        [broken], [well] = harness.of(1), harness.of(2)
    assert (broken.verdict, broken.reason) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
    assert well.verdict is Verdict.UP


def test_removed_while_in_flight_leaves_nothing() -> None:
    with answering() as port, engine() as harness:
        before = len(harness.loop.handlers)
        harness.probe(binding(kind="ASK", port=port, interval_ms=0))
        harness.until(lambda: harness.loop.table.entries[1].sock is not None, "the probe has begun")
        assert len(harness.loop.handlers) == before + 1
        entry = harness.loop.table.entries[1]
        harness.loop.table.remove([1])
        assert entry.sock is None
        assert len(harness.loop.handlers) == before


def test_a_socket_does_not_speak_with_itself() -> None:
    with closed_port() as port, engine() as harness:
        harness.probe(binding(kind="ASK", port=port, interval_ms=5, window=10_000, patient=True))
        harness.until(lambda: harness.reports and harness.reports[-1].count >= 200, "200 probes")
        assert {report.reason for report in harness.reports} == {Reason.REFUSED}
