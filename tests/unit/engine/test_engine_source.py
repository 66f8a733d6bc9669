"""Probes that leave from an address of the node's (`source_ip`): which one a target sees, and one that is not there.

Every address of 127.0.0.0/8 is the machine's own; 192.0.2.9 is nobody's (RFC 5737).
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.engine.echo import SOURCES
from connectors.engine.runs import RunReport
from connectors.probes.user import environment
from schemas.probes import Reason, Verdict
from streams.node.inventory import Inventory
from tests.servers.certified import certified
from tests.unit.config.config_words import folded, messages, take
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import closed_port, serving
from tests.unit.engine.task_harness import probe_task
from tests.unit.probes.test_probe_dns import answering as dns_server
from tests.unit.probes.test_probe_dns import well
from tests.unit.probes.test_probe_ftp import FINE, ftp
from tests.unit.probes.test_probe_ping import needs_icmp

OURS, OTHER, NOBODYS = "127.0.0.2", "127.0.0.3", "192.0.2.9"
NO_ADDRESS = f"this node has no address {NOBODYS}: give source_ip an address of each node that probes, or leave it out"
SETTINGS = {"DNS": {"query": "www.example.test"}, "UDP-ECV": {"send": "ask", "recv": "ask"}}


@contextmanager
def noting(seen: list[str], answer: bytes = b"", context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A TCP server that notes who connects, and answers what is said."""

    def handle(connection: socket.socket, _: threading.Event) -> None:
        seen.append(connection.getpeername()[0])
        if context is not None:
            connection = context.wrap_socket(connection, server_side=True)
        if connection.recv(4096) and answer:
            connection.sendall(answer)
        connection.close()

    with serving(handle) as port:
        yield port


@contextmanager
def echoing(seen: list[str]) -> Iterator[int]:
    """A UDP server that sends back what it hears, once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)

        def serve() -> None:
            data, sender = server.recvfrom(4096)
            seen.append(sender[0])
            server.sendto(data, sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


def first(kind: str, port: int, **settings: object) -> RunReport:
    with engine() as harness:
        return harness.first(binding(kind=kind, port=port, **SETTINGS.get(kind, {}) | settings))


def told(report: RunReport) -> tuple[Verdict, Reason, str]:
    return report.verdict, report.reason, report.detail


def test_M18_source_ip_is_where_http_leaves_from() -> None:
    seen: list[str] = []
    with noting(seen, b"HTTP/1.1 200 OK\r\n\r\n") as port:
        assert first("HTTP", port, source_ip=OURS).verdict is Verdict.UP
    assert seen == [OURS]


def test_M18_source_ip_is_where_tls_leaves_from(tmp_path: Path) -> None:
    seen: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made = certified(tmp_path)
    context.load_cert_chain(made.certificate, made.key)
    with noting(seen, b"HTTP/1.1 200 OK\r\n\r\n", context) as port:
        assert first("HTTPS", port, source_ip=OURS).verdict is Verdict.UP
    assert seen == [OURS]


def test_M18_source_ip_is_where_datagrams_leave_from() -> None:
    seen: list[str] = []
    with echoing(seen) as port:
        assert first("UDP-ECV", port, source_ip=OURS).verdict is Verdict.UP
    assert seen == [OURS]


@needs_icmp
@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
def test_M18_source_ip_of_pings(ip: str) -> None:
    with engine() as harness:
        source_ip = "::1" if ":" in ip else OURS
        assert harness.first(binding(kind="PING", ip=ip, port=0, source_ip=source_ip)).verdict is Verdict.UP


def test_M18_source_ip_is_where_pings_leave_from() -> None:
    try:
        listener = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    except PermissionError:
        pytest.skip("only root can listen to pings")
    with listener, engine() as harness:
        listener.settimeout(10)
        harness.first(binding(kind="PING", ip="127.0.0.77", port=0, source_ip=OURS))
        asked = (socket.inet_aton(OURS), socket.inet_aton("127.0.0.77"))
        while True:
            packet = listener.recv(4096)
            if (packet[12:16], packet[16:20]) == asked:
                break


@needs_icmp
def test_M18_pings_from_more_sources_than_there_are_sockets_for() -> None:
    with engine() as harness:
        rows = [
            binding(number, "PING", 0, source_ip=f"127.0.1.{number}", interval_ms=50)
            for number in range(1, SOURCES + 9)
        ]
        harness.probe(*rows)
        up = lambda: {report.number for report in harness.reports if report.verdict is Verdict.UP}  # noqa: E731  short
        harness.until(lambda: len(up()) == len(rows), "all answer, if not at their first turn")


@pytest.mark.parametrize("kind", ["TCP", "HTTP", "HTTPS", "UDP", "UDP-ECV", pytest.param("PING", marks=needs_icmp)])
def test_M18_source_ip_that_this_node_does_not_have_is_our_own_trouble(kind: str) -> None:
    report = first(kind, 0 if kind == "PING" else 9, source_ip=NOBODYS)
    assert told(report) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR, NO_ADDRESS)


@pytest.mark.parametrize("kind", ["DNS", "FTP"])
def test_M18_source_ip_that_this_node_does_not_have_is_our_own_trouble_for_tasks(kind: str) -> None:
    report = probe_task(binding(kind=kind, port=9, source_ip=NOBODYS, **SETTINGS.get(kind, {})))
    assert told(report) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR, NO_ADDRESS)


def test_M18_source_ip_that_comes_later_is_used_then(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    bind = socket.SocketType.bind
    refused = iter([True])

    class Bound(socket.SocketType):
        def bind(self, address: tuple[str, int], /) -> None:  # type: ignore[override]
            bind(self, (NOBODYS if next(refused, False) else address[0], 0))

    monkeypatch.setattr("connectors.engine.sockets.SocketType", Bound)
    with noting(seen) as port, engine() as harness:
        harness.probe(binding(port=port, source_ip=OURS, interval_ms=50))
        harness.until(lambda: len(harness.of(1)) >= 2, "two runs")
    assert [report.verdict for report in harness.of(1)[:2]] == [Verdict.INCONCLUSIVE, Verdict.UP]


def test_M18_a_socket_with_a_source_is_not_used_for_another_target() -> None:
    seen: list[str] = []
    with noting(seen, b"HTTP/1.1 200 OK\r\n\r\n") as port, engine() as harness:
        for number, source_ip in enumerate((OURS, "", OTHER, ""), 1):
            assert harness.first(binding(number, "HTTP", port, source_ip=source_ip)).verdict is Verdict.UP
    assert seen == [OURS, "127.0.0.1", OTHER, "127.0.0.1"]


def test_M18_source_ip_does_not_hide_that_nobody_listens() -> None:
    with closed_port() as port:
        assert first("TCP", port, source_ip=OURS).reason is Reason.REFUSED
        assert first("UDP", port, source_ip=OURS).reason is Reason.REFUSED


@pytest.mark.parametrize("kind", ["TCP", "DNS"])
def test_M18_source_ip_of_the_other_family_is_told_where_the_target_is_known(kind: str) -> None:
    row = binding(kind=kind, ip="::1", source_ip=OURS, **SETTINGS.get(kind, {}))
    report = probe_task(row) if kind == "DNS" else first(kind, 80, ip="::1", source_ip=OURS)
    assert told(report) == (
        Verdict.INCONCLUSIVE,
        Reason.LOCAL_ERROR,
        "target ::1 is IPv6, source_ip 127.0.0.2 is IPv4: give a source_ip of the target's family",
    )


@pytest.mark.parametrize(
    "command", ["add monitor m type=TCP source_ip=10.0.0.1 destination_ip=2001:db8::1", "set monitor six source_ip=::1"]
)
def test_M18_source_ip_of_the_other_family_is_refused_where_both_are_configured(command: str) -> None:
    fold = folded("add monitor six type=TCP destination_ip=10.0.0.2")
    result, _ = take(fold, command)
    assert not result.accepted
    assert "give two IPv4 or two IPv6 addresses" in messages(result)[0]


def test_M18_source_ip_of_an_ftp_session_and_a_dns_query(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    accept: Callable[[socket.socket], tuple[socket.socket, tuple[str, int]]] = socket.socket.accept

    def noted(listener: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
        connection, sender = accept(listener)
        seen.append(sender[0])
        return connection, sender

    receive: Callable[[socket.socket, int], tuple[bytes, tuple[str, int]]] = socket.socket.recvfrom

    def noted_too(server: socket.socket, size: int) -> tuple[bytes, tuple[str, int]]:
        data, sender = receive(server, size)
        seen.append(sender[0])
        return data, sender

    monkeypatch.setattr(socket.socket, "accept", noted)
    monkeypatch.setattr(socket.socket, "recvfrom", noted_too)
    with ftp(FINE) as port:
        assert probe_task(binding(kind="FTP", port=port, source_ip=OURS)).verdict is Verdict.UP
    assert seen.pop(0) == OURS
    with dns_server(well) as port:
        assert probe_task(binding(kind="DNS", port=port, source_ip=OURS, query="a.test")).verdict is Verdict.UP
    assert seen[0] == OURS


def test_M18_source_ip_is_told_to_scripts() -> None:
    assert environment(binding(source_ip=OURS))["WATCHBILL_SOURCE_IP"] == OURS
    assert "WATCHBILL_SOURCE_IP" not in environment(binding())


def test_M18_source_ip_goes_from_the_command_to_the_engines() -> None:
    text = """add monitor tcp type=TCP source_ip=127.0.0.2
    add service s address=127.0.0.1 port=80
    bind service s monitor tcp"""
    fold = folded()
    _, changes = take(fold, text)
    assert [row.source_ip for row in Inventory().apply(changes).added] == [OURS]
