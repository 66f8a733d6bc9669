"""HTTPS, HTTPS-ECV, and HTTP with `secure`: the same conversations inside TLS."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from connectors.engine.runs import RunReport
from connectors.probes.kinds import converse
from connectors.probes.outcome import Outcome
from schemas.probes import Reason, Verdict
from tests.unit.engine.authority import authority, identity
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import Handler, serving

ROOT = authority("Test Root")
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well"


def shop(folder: Path, requests: list[bytes], answer: bytes = PAGE) -> Handler:
    """An HTTPS server that notes what it is asked."""
    context = identity("shop", ROOT, ("shop.example",)).server_context(folder)

    def handle(connection: socket.socket, _: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            requests.append(inside.recv(65536))
            inside.sendall(answer)

    return handle


def probed(handler: Handler, kind: str, **settings: object) -> RunReport:
    with serving(handler) as port, engine() as harness:
        return harness.first(binding(kind=kind, port=port, **settings))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("HTTPS", {}),
        ("HTTP", {"secure": True}),
        ("HTTPS-ECV", {"recv": "is well"}),
        ("HTTP-ECV", {"secure": True, "recv": "is well"}),
    ],
)
def test_M6_up(tmp_path: Path, kind: str, settings: dict[str, object]) -> None:
    assert probed(shop(tmp_path, []), kind, **settings).verdict is Verdict.UP


def test_M8_what_came_instead(tmp_path: Path) -> None:
    report = probed(shop(tmp_path, []), "HTTPS-ECV", recv="all is lost")
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.MISMATCH)
    report = probed(shop(tmp_path, [], b"HTTP/1.1 503 Busy\r\n\r\n"), "HTTPS")
    assert (report.reason, report.detail) == (Reason.BAD_STATUS, "HTTP 503 Busy, expected 200")


def test_M18_the_server_name_is_the_host_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_ROOT", ROOT.pem)
    verified = {"tls_verify": True, "ca_ref": "env:WATCHBILL_SECRET_ROOT"}
    requests: list[bytes] = []
    report = probed(shop(tmp_path, requests), "HTTPS", server_name="shop.example", **verified)
    assert report.verdict is Verdict.UP
    assert requests[0].startswith(b"HEAD / HTTP/1.1\r\nHost: shop.example:")
    assert probed(shop(tmp_path, []), "HTTPS", **verified).reason is Reason.CERTIFICATE


def test_the_usual_port_is_left_out_and_a_header_of_his_own_goes_first() -> None:
    for settings, host in (
        ({"server_name": "shop.example"}, b"Host: shop.example\r\n"),
        ({"server_name": "kühl.example"}, b"Host: xn--khl-hoa.example\r\n"),
        ({"server_name": "shop.example", "custom_headers": ("Host: other.example",)}, b"Host: other.example\r\n"),
        ({}, b"Host: 127.0.0.1:443\r\n"),
    ):
        found = converse(binding(kind="HTTPS", port=443, **settings))
        assert not isinstance(found, Outcome)
        step = found[1].connected()
        assert isinstance(step, bytes)
        assert host in step
