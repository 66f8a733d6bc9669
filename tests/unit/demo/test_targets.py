"""The demo's services fail as real ones do: on the wire, in each of their ways, and get well again on the same port."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from infra.demo.config import INTERVAL_MS, cluster_file, wanted
from infra.demo.services import PORTS, SERVICES, DemoServices, Unknown, free_ports
from infra.demo.target import HOST, Ailment, http_answer
from schemas.config import Kind
from tests.waiting import wait_until


@pytest.fixture
def services() -> Iterator[DemoServices]:
    made = DemoServices(seed=os.getpid())  # another worker looks for its ports elsewhere
    made.start()
    yield made
    made.stop()


def ask(port: int) -> bytes | None:
    """The answer to a GET; None when nothing listens; empty when nobody answers within a fifth of a second."""
    try:
        with socket.create_connection((HOST, port), 1.0) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: demo\r\n\r\n")
            connection.settimeout(0.2)
            return connection.recv(4_096)
    except TimeoutError:
        return b""
    except ConnectionRefusedError:
        return None


def test_a_service_fails_in_each_way_in_turn_and_heals(services: DemoServices) -> None:
    port = services.target("web-1").port
    assert (ask(port) or b"").startswith(b"HTTP/1.1 200")
    seen = {}
    for _ in range(3):
        ailment = services.break_("web-1")
        seen[ailment] = ask(port)
        services.heal("web-1")
    assert seen[Ailment.CLOSED] is None
    assert (seen[Ailment.ERROR] or b"").startswith(b"HTTP/1.1 503")
    assert seen[Ailment.SILENT] == b""
    assert (ask(port) or b"").startswith(b"HTTP/1.1 200")


def test_a_tcp_service_only_closes_its_port(services: DemoServices) -> None:
    assert {services.break_("mail") for _ in range(3)} == {Ailment.CLOSED}
    assert ask(services.target("mail").port) is None


def test_probes_are_counted(services: DemoServices) -> None:
    target = services.target("web-2")
    ask(target.port)
    wait_until(lambda: target.probes == 1 and len(target.arrivals) == 1, 5.0, "the probe is counted")


def test_an_unknown_service_is_told_with_those_there_are(services: DemoServices) -> None:
    with pytest.raises(Unknown, match="web-1, web-2"):
        services.break_("nothing")


def test_stopping_twice_does_no_harm(services: DemoServices) -> None:
    services.stop()
    services.stop()
    assert ask(services.target("web-1").port) is None


def test_ports_are_free_distinct_and_below_the_ephemeral_range() -> None:
    with socket.socket() as taken:
        first = next(free_ports(8_000))
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((HOST, first))
        taken.listen()
        ports = [port for port, _ in zip(free_ports(8_000), range(9), strict=False)]
    assert first not in ports
    assert len(set(ports)) == 9
    assert all(port in PORTS for port in ports)


def test_head_gets_headers_alone() -> None:
    assert http_answer("web", b"HEAD / HTTP/1.1\r\n\r\n", Ailment.NONE).endswith(b"\r\n\r\n")
    assert http_answer("web", b"GET / HTTP/1.1\r\n\r\n", Ailment.NONE).endswith(b"web is well\n")


def test_the_cluster_file_names_every_service_with_its_port(services: DemoServices) -> None:
    document = wanted(cluster_file(services.targets.values()))
    named = {name: one for (kind, name), one in document.wanted.items() if kind is Kind.SERVICE}
    assert set(named) == set(SERVICES)
    assert all(named[name].settings["port"] == target.port for name, target in services.targets.items())
    monitors = [one for (kind, _), one in document.wanted.items() if kind is Kind.MONITOR]
    assert {one.settings["interval_ms"] for one in monitors} == {INTERVAL_MS}
