"""FTP against pyftpdlib's real server: login, get, put, content, IPv6, and a server that is old or gone."""

from __future__ import annotations

import os
import socket
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from schemas.probes import Reason, Verdict
from tests.servers.running import Server, free_port, running
from tests.unit.engine.harness import binding
from tests.unit.engine.task_harness import probe_task

PROGRAM = """
    import sys
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer
    home, host, port, commands = sys.argv[1:]
    authorizer = DummyAuthorizer()
    authorizer.add_user("bob", "s3cret-word", home, perm="elradfmw")
    authorizer.add_anonymous(home)
    FTPHandler.authorizer = authorizer
    FTPHandler.auth_failed_timeout = 0
    for command in filter(None, commands.split(",")):
        del FTPHandler.proto_cmds[command]
    FTPServer((host, int(port)), FTPHandler).serve_forever()
"""
BOB = {"user_name": "bob", "password_ref": "env:WATCHBILL_SECRET_BOB"}


@pytest.fixture(scope="module")
def home(folder: Path) -> Path:
    (folder / "health.txt").write_text("state: green\nload: 3\n")
    (folder / "big.bin").write_bytes(b"head" + os.urandom(1_000_000))
    return folder


@contextmanager
def served(home: Path, host: str = "127.0.0.1", without: str = "") -> Iterator[Server]:
    """The server, on this address and without these commands."""
    port = free_port()
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(home), host, str(port), without]
    with running(command, port, home, ready=lambda: accepts(host, port)) as server:
        yield server


def accepts(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), 1.0):
        return True
    return False


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with served(home) as server:
        yield server


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_BOB", "s3cret-word")


def test_M6_login(server: Server) -> None:
    assert probe_task(binding(kind="FTP", port=server.port)).verdict is Verdict.UP
    assert probe_task(binding(kind="FTP", port=server.port, **BOB)).verdict is Verdict.UP
    report = probe_task(binding(kind="FTP", port=server.port, user_name="eve"))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert report.detail.startswith("login of eve: 530 ")


def test_M8_get_and_content(server: Server) -> None:
    expected = {"file_name": "health.txt", "recv": "state: green", "not_recv": "red"}
    report = probe_task(binding(kind="FTP", port=server.port, interval_ms=50, **expected), probes=3)
    assert (report.verdict, report.count, report.detail) == (Verdict.UP, 3, "")
    assert 0 < report.response_avg_us < 1_000_000
    report = probe_task(binding(kind="FTP", port=server.port, file_name="health.txt", recv="state: blue"))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.MISMATCH)
    assert 'got "state: green' in report.detail
    report = probe_task(binding(kind="FTP", port=server.port, file_name="none.txt"))
    assert report.detail.startswith("get of none.txt: 550 ")
    report = probe_task(binding(kind="FTP", port=server.port, file_name="big.bin", recv="head"))
    assert report.verdict is Verdict.UP


def test_M6_put(server: Server, home: Path) -> None:
    settings = {**BOB, "file_name": "health.txt", "put_file_name": "probe.txt", "put_content": "was here"}
    report = probe_task(binding(kind="FTP", port=server.port, **settings))
    assert (report.verdict, report.detail) == (Verdict.UP, "")
    assert (home / "probe.txt").read_text() == "was here"
    report = probe_task(binding(kind="FTP", port=server.port, put_file_name="probe.txt"))
    assert report.detail.startswith("put of probe.txt: 550 ")


def test_a_server_without_epsv_is_asked_pasv(home: Path) -> None:
    with served(home, without="EPSV") as server:
        report = probe_task(binding(kind="FTP", port=server.port, file_name="health.txt", recv="green"))
        assert (report.verdict, report.detail) == (Verdict.UP, "")
    with served(home, without="EPSV,PASV") as server:
        report = probe_task(binding(kind="FTP", port=server.port, file_name="health.txt"))
        assert report.detail.startswith("get of health.txt: no passive data connection: 500 ")


def test_over_ipv6(home: Path) -> None:
    with served(home, "::1") as server:
        report = probe_task(binding(kind="FTP", ip="::1", port=server.port, file_name="health.txt", recv="green"))
        assert (report.verdict, report.detail) == (Verdict.UP, "")


def test_a_stopped_server_is_refused(home: Path) -> None:
    with served(home) as server:
        server.stop()
        report = probe_task(binding(kind="FTP", port=server.port))
        assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.REFUSED)
