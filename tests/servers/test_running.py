"""The code that starts servers for the other tests here: it waits, tells why not, and leaves nothing behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from schemas.probes import Verdict
from tests.servers.running import accepts, free_port, needed, probe, running

LISTEN = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    server.accept()[0].close()
"""


def test_a_server_answers_while_it_runs_and_not_after(folder: Path) -> None:
    port = free_port()
    with running([sys.executable, "-c", LISTEN, str(port)], port, folder) as server:
        assert probe("TCP", port).verdict is Verdict.UP
        server.stop()
        assert probe("TCP", port).verdict is Verdict.DOWN
    assert not accepts(port)
    assert not Path(f"/proc/{server.pid}").exists()


def test_a_server_is_stopped_when_the_test_fails(folder: Path) -> None:
    port = free_port()
    with (
        pytest.raises(RuntimeError, match="the test"),
        running([sys.executable, "-c", LISTEN, str(port)], port, folder) as server,
    ):
        raise RuntimeError("the test failed")
    assert not Path(f"/proc/{server.pid}").exists()


def test_a_server_that_ends_early_says_why(folder: Path) -> None:
    command = [sys.executable, "-c", "print('no such database'); raise SystemExit(3)"]
    with pytest.raises(AssertionError, match=r"ended with 3(.|\n)*no such database"), running(command, 1, folder):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_a_server_that_refuses_root_runs_as_nobody_and_can_write(folder: Path) -> None:
    who = folder / "who"
    command = ["/bin/sh", "-c", "id -u > who; exec tail -f /dev/null"]
    with running(command, 0, folder, unprivileged=True, ready=lambda: who.exists() and who.read_text()):
        assert who.stat().st_uid == int(who.read_text()) != 0


def test_a_missing_program_skips_and_fails_in_CI(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install --no-install-recommends gopherd"):
        needed("gopher-server", "gopherd")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="gopher-server is not installed"):
        needed("gopher-server", "gopherd")
