"""The demo's door: only its user can open it, one demo a folder, and every question is answered in words."""

from __future__ import annotations

import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from infra.demo.control import SOCKET, DemoRuns, Door, NoDemo, ask
from infra.errors import InfraError


def echo(request: dict[str, str]) -> dict[str, Any]:
    return {"ok": True, "text": f"{request['act']} {request['name']}"}


def test_a_request_is_answered(tmp_path: Path) -> None:
    with Door(tmp_path, echo):
        assert stat.S_IMODE((tmp_path / SOCKET).stat().st_mode) == 0o600
        assert ask(tmp_path, {"act": "kill", "name": "b1"}) == {"ok": True, "text": "kill b1"}
    assert not (tmp_path / SOCKET).exists()


def test_nonsense_is_answered_too(tmp_path: Path) -> None:
    with Door(tmp_path, echo), socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(tmp_path / SOCKET))
        caller.sendall(b"nonsense\n")
        assert b'"ok": false' in caller.recv(4_096)


def test_a_second_demo_in_the_folder_is_refused_and_a_dead_ones_socket_is_not(tmp_path: Path) -> None:
    with Door(tmp_path, echo), pytest.raises(DemoRuns, match="runs already"):
        Door(tmp_path, echo)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / SOCKET))
    with Door(tmp_path, echo):
        assert ask(tmp_path, {"act": "heal", "name": "api"})["ok"]


def test_without_a_demo_the_fix_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoDemo, match="watchbill demo"):
        ask(tmp_path, {"act": "heal", "name": "api"})


def test_a_path_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="too long"):
        Door(tmp_path / ("x" * 120), echo)
