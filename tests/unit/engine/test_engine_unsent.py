"""A target that does not take what is said to it: whose fault, in which phase, and nothing of it in the next probe."""

from __future__ import annotations

import socket
import threading

import pytest

from connectors.engine.binding import Binding
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.kinds import KINDS
from connectors.probes.outcome import UP, Outcome, down
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import serving, silent

LONG = 32 * 1024 * 1024
"""More than the socket buffers of both ends hold."""


class Talkative:
    """Says `size` bytes, and is content with any answer."""

    def __init__(self, row: Binding) -> None:
        self.size = int(str(row.parameters.get("size", LONG)))

    def begin(self) -> None:
        """Nothing is kept."""

    def connected(self) -> Step:
        return b"x" * self.size

    def received(self, data: bytes, /) -> Step:
        return UP

    def closed(self) -> Outcome:
        return down(Reason.CLOSED, "closed")

    def overdue(self) -> Outcome:
        return down(Reason.TIMEOUT_FIRST_BYTE, "no answer")


@pytest.fixture(autouse=True)
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "TALK", Kind("TALK", Wire.STREAM, {"size": LONG}, Talkative))


def test_bytes_that_the_target_does_not_take_are_a_time_out_of_sending() -> None:
    with serving(silent) as port, engine() as harness:
        report = harness.first(binding(kind="TALK", port=port, timeout_ms=300))
        entry = harness.loop.table.entries[1]
        assert (entry.sock, entry.unsent) == (None, b"")
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.TIMEOUT_SEND)
    assert report.detail.startswith(f"127.0.0.1:{port} had not taken the last ")


def test_all_of_a_long_request_arrives_as_the_target_takes_it() -> None:
    taken: list[int] = []

    def slow_reader(connection: socket.socket, _: threading.Event) -> None:
        size = 0
        while size < LONG:
            size += len(connection.recv(65536))
        taken.append(size)
        connection.sendall(b"thanks")

    with serving(slow_reader) as port, engine() as harness:
        assert harness.first(binding(kind="TALK", port=port, timeout_ms=9000)).verdict is Verdict.UP
    assert taken == [LONG]


def test_nothing_of_it_is_said_in_the_next_probe() -> None:
    sizes: list[int] = []

    def handle(connection: socket.socket, ended: threading.Event) -> None:
        if not sizes:
            sizes.append(-1)
            ended.wait()
            return
        sizes.append(len(connection.recv(65536)))
        connection.sendall(b"thanks")

    with serving(handle) as port, engine() as harness:
        harness.probe(binding(kind="TALK", port=port, interval_ms=500, timeout_ms=300))
        harness.until(lambda: harness.loop.table.entries[1].sock is not None, "the first probe has begun")
        found = harness.loop.table.entries[1].conversation
        assert isinstance(found, Talkative)
        harness.until(lambda: harness.reports, "the first verdict")
        found.size = 10
        harness.until(lambda: len(harness.reports) > 1, "the second")
        assert [report.reason for report in harness.reports] == [Reason.TIMEOUT_SEND, Reason.OK]
    assert sizes == [-1, 10]
