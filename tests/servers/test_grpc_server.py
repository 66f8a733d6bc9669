"""GRPC against Google's own server: health of the server and of services, with TLS, and without a health service."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas.probes import Reason, Verdict
from tests.servers.certified import certified
from tests.servers.running import Server, accepts, free_port, probe, running

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Ports:
    healthy: int
    plain: int
    secure: int
    server: Server


@pytest.fixture(scope="module")
def ports(folder: Path) -> Iterator[Ports]:
    tls = certified(folder)
    healthy, plain, secure = free_port(), free_port(), free_port()
    program = [sys.executable, "-m", "tests.servers.grpc_program", *map(str, (healthy, plain, secure))]
    path = {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}

    def ready() -> bool:
        return all(accepts(port) for port in (plain, healthy, secure))

    command = [*program, str(tls.certificate), str(tls.key)]
    with running(command, healthy, folder, environment=path, ready=ready) as server:
        yield Ports(healthy, plain, secure, server)


@pytest.mark.parametrize("parameters", [{}, {"grpc_service_name": "shop"}])
def test_M6_up(ports: Ports, parameters: dict[str, str]) -> None:
    report = probe("GRPC", ports.healthy, parameters)
    assert (report.verdict, report.reason, report.detail) == (Verdict.UP, Reason.OK, "")
    assert report.response_avg_us > 0


@pytest.mark.parametrize(
    ("service", "detail"),
    [
        ("sick", "sick is NOT_SERVING, not SERVING"),
        ("new", "new is UNKNOWN, not SERVING"),
        ("ship", "gRPC status 5 NOT_FOUND; its health service does not know ship"),
    ],
)
def test_M8_a_service_that_does_not_serve(ports: Ports, service: str, detail: str) -> None:
    report = probe("GRPC", ports.healthy, {"grpc_service_name": service})
    assert (report.verdict, report.reason, report.detail) == (Verdict.DOWN, Reason.BAD_STATUS, detail)
    report = probe("GRPC", ports.healthy, {"grpc_service_name": "sick", "grpc_health_check": False})
    assert report.verdict is Verdict.UP


def test_a_server_without_a_health_service(ports: Ports) -> None:
    report = probe("GRPC", ports.plain)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert report.detail.startswith("gRPC status 12 UNIMPLEMENTED: Method not found!; it has no health service")
    assert probe("GRPC", ports.plain, {"grpc_status_code": 12}).verdict is Verdict.UP


def test_M18_secure(ports: Ports, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_CA", (folder / "server.pem").read_text())
    tls = {"secure": True, "tls_verify": True, "ca_ref": "env:WATCHBILL_SECRET_CA"}
    report = probe("GRPC", ports.secure, tls)
    assert (report.verdict, report.detail) == (Verdict.UP, "")
    assert probe("GRPC", ports.secure, {"grpc_service_name": "sick", "secure": True}).reason is Reason.BAD_STATUS
    assert probe("GRPC", ports.secure).verdict is Verdict.DOWN


def test_a_stopped_server_is_down(ports: Ports) -> None:
    ports.server.stop()
    report = probe("GRPC", ports.healthy)
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.REFUSED)
