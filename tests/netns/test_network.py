"""The test network itself: hosts that hear each other, a link that is cut and healed, and nothing left behind."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.netns import network as network_module
from tests.netns.network import NAMESPACES, CannotMakeNetworks, Network
from tests.netns.relay import LOOPBACK, Relay, http_get
from tests.waiting import wait_until

TCP_S = 0.2


def hears(network: Network, host: str, address: str) -> bool:
    """Whether a host's UDP packet to another's closed port comes back as refused: both ways work."""

    def ask() -> bool:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(TCP_S)
            try:
                sock.connect((address, 9))
                sock.send(b"?")
                sock.recv(1)
            except ConnectionRefusedError:
                return True
            except OSError:
                return False
            return False

    return network.within(host, ask)


def test_hosts_hear_each_other_until_one_is_cut_and_again_when_it_is_healed() -> None:
    with Network("b0", "b1", "web") as network:
        for host in ("b0", "b1"):
            for address in (network.address("web"), network.address6("web")):
                wait_until(lambda host=host, to=address: hears(network, host, to), 5, f"{host} hears {address}")
        network.cut("b1")
        assert not hears(network, "b1", network.address("web"))
        assert hears(network, "b0", network.address("web"))
        network.heal("b1")
        wait_until(lambda: hears(network, "b1", network.address("web")), 5, "b1 hears web again")


def test_nothing_is_left_behind_and_nothing_was_in_the_machines_own_network() -> None:
    def own_links() -> list[str]:
        return sorted(os.listdir("/sys/class/net"))

    before = own_links()
    with Network("b0", "b1") as network:
        made = [network.namespace(host) for host in ("switch", "b0", "b1")]
        assert all((NAMESPACES / name).exists() for name in made)
        assert own_links() == before
    assert not any((NAMESPACES / name).exists() for name in made)


def test_a_network_that_cannot_be_made_leaves_nothing() -> None:
    twice = Network("b0", "b0")
    with pytest.raises(subprocess.CalledProcessError), twice:
        pass
    assert not (NAMESPACES / twice.namespace("b0")).exists()
    assert not (NAMESPACES / twice.namespace("switch")).exists()


def test_without_root_the_mend_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_module.os, "geteuid", lambda: 1000)
    with pytest.raises(CannotMakeNetworks, match="need root: run these tests as root"), Network("b0"):
        pass


class Greeting(BaseHTTPRequestHandler):
    """Answers anything with JSON."""

    def do_GET(self) -> None:
        body = b'{"greeting": "hello"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Not on the terminal."""


def test_a_relay_brings_a_port_out_here_to_a_hosts_loopback() -> None:
    with HTTPServer((LOOPBACK, 0), Greeting) as server, Network("b0", "b1") as network:
        port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            with Relay(network, port, "b0"):
                assert http_get(network, "b0", port, "/") == (200, {"greeting": "hello"})
            with pytest.raises(ConnectionRefusedError):
                http_get(network, "b1", port, "/")
        finally:
            server.shutdown()
