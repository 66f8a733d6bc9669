"""Sockets of TCP probes are used again: each probe has its own connection, nothing leaks into the next."""

from __future__ import annotations

import os
import socket
import threading
from select import EPOLLOUT, epoll

import pytest

from connectors.engine.limits import SPARE_SOCKETS
from connectors.engine.sockets import StreamSockets
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import Harness, binding, engine
from tests.unit.engine.servers import answering, closed_port, resetting, serving, silent

OK = b"HTTP/1.1 200 OK\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\n\r\n"


def spare(harness: Harness) -> int:
    """How many IPv4 sockets wait for a probe."""
    return len(harness.loop._streams._sockets._spare[socket.AF_INET])


def last(harness: Harness, number: int, count: int) -> Verdict:
    """The verdict of a run that has reached this many probes."""
    harness.until(lambda: harness.of(number) and harness.of(number)[-1].count >= count, f"{count} probes in one run")
    assert [report.run for report in harness.of(number)][-1] == 1
    return harness.of(number)[-1].verdict


def test_a_thousand_probes_of_two_targets_share_a_few_sockets() -> None:
    with serving(silent) as plain, serving(answering(OK)) as http, engine() as harness:
        harness.probe(
            binding(1, port=plain, interval_ms=1, window=10**6), binding(2, "HTTP", http, interval_ms=5, window=10**6)
        )
        assert last(harness, 1, 1000) is Verdict.UP
        assert last(harness, 2, 20) is Verdict.UP
        assert spare(harness) <= 4


def test_each_probe_has_a_connection_of_its_own_and_resets_it() -> None:
    ends: list[bytes | None] = []

    def handle(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(OK)
        try:
            ends.append(connection.recv(1))
        except ConnectionResetError:
            ends.append(None)

    with serving(handle) as port, engine() as harness:
        harness.probe(binding(kind="HTTP", port=port, interval_ms=20, window=10**6))
        assert last(harness, 1, 5) is Verdict.UP
        harness.until(lambda: len(ends) >= 4, "the target sees each end")
        assert set(ends) == {None}


@pytest.mark.parametrize("answer", [OK, BUSY])
def test_only_the_socket_of_a_probe_that_went_well_is_used_again(answer: bytes) -> None:
    with serving(answering(answer)) as port, engine() as harness:
        harness.first(binding(kind="HTTP", port=port))
        assert spare(harness) == (1 if answer is OK else 0)


def test_what_one_probe_met_is_not_told_of_the_next() -> None:
    with serving(answering(OK)) as well, serving(resetting) as reset, closed_port() as refused, engine() as harness:
        assert harness.first(binding(1, "HTTP", well)).reason is Reason.OK
        assert harness.first(binding(2, "TCP", refused)).reason is Reason.REFUSED
        assert harness.first(binding(3, "HTTP", reset)).reason is Reason.RESET
        assert harness.first(binding(4, "HTTP", well)).reason is Reason.OK
        assert harness.first(binding(5, "TCP", refused)).reason is Reason.REFUSED


def test_a_kernel_that_cannot_dissolve_costs_only_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.engine.sockets.CONNECT", lambda *_: -1)
    with serving(silent) as port, engine() as harness:
        harness.probe(binding(port=port, interval_ms=5, window=10**6))
        assert last(harness, 1, 20) is Verdict.UP
        assert spare(harness) == 0


def test_spare_sockets_are_bounded() -> None:
    poller = epoll()
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        sockets, before = StreamSockets(poller), len(os.listdir("/proc/self/fd"))
        taken = [sockets.take(int(socket.AF_INET)) for _ in range(SPARE_SOCKETS + 10)]
        for sock in taken:
            sock.connect_ex(listener.getsockname())
        for sock in taken:
            sockets.give_back(int(socket.AF_INET), sock)
        assert len(os.listdir("/proc/self/fd")) - before == SPARE_SOCKETS
        again = sockets.take(int(socket.AF_INET))
        assert again is taken[SPARE_SOCKETS - 1]
        again.connect_ex(listener.getsockname())
        fd = again.fileno()
        assert any(ready == fd and event & EPOLLOUT for ready, event in poller.poll(5))
        assert again.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    poller.close()
