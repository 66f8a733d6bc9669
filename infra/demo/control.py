"""The demo's door for other terminals: a unix socket in its data folder, one line of JSON each way.

Rule: only the user who runs the demo may open it (mode 0600 from its first moment), an answer never waits longer than a
few seconds, and a line has a limit. Why not a port: any user of the machine could kill nodes by it.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from infra.errors import InfraError

SOCKET = "demo.sock"
LINE_BYTES = 4 * 1024
CONVERSATION_S = 15.0
LOOK_S = 0.2
PATH_BYTES = 100
"""What the kernel takes as the name of a unix socket, less a little."""

Answer = Callable[[dict[str, str]], dict[str, Any]]
"""A request, such as `{"act": "kill", "name": "b1"}`, to `{"ok": true, "text": "..."}`. Runs on the door's thread."""


class DemoRuns(InfraError):
    """A demo runs already in this data folder."""


class NoDemo(InfraError):
    """No demo runs in this data folder, or it does not answer."""


class Door:
    """Open from its making until `close`."""

    def __init__(self, data_dir: Path, answer: Answer) -> None:
        """Raises DemoRuns, and InfraError where the folder's path is too long for a socket."""
        self._path, self._answer = _socket_path(data_dir), answer
        data_dir.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            _refuse_running(self._path)
            self._path.unlink()
        self._listener = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            self._listener.bind(str(self._path))
        finally:
            os.umask(before)
        self._listener.listen(4)
        self._listener.settimeout(LOOK_S)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-door", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes and removes the socket. May be called twice."""
        self._closing.set()
        self._thread.join(CONVERSATION_S)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                caller, _ = self._listener.accept()
            except TimeoutError:
                continue
            with caller:
                self._converse(caller)

    def _converse(self, caller: socket.socket) -> None:
        caller.settimeout(CONVERSATION_S / 3)
        try:
            request = read_line(caller)
            caller.sendall(json.dumps(self._answer_to(request)).encode() + b"\n")
        except OSError:
            return  # the caller went away: nobody is left to be told

    def _answer_to(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            return self._answer({str(key): str(value) for key, value in request.items()})
        except (ValueError, AttributeError) as error:
            return {"ok": False, "text": f"not a request: {error}"}


def ask(data_dir: Path, request: dict[str, str]) -> dict[str, Any]:
    """The answer of the demo that runs in this folder. Raises NoDemo."""
    path = _socket_path(data_dir)
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(CONVERSATION_S)
        try:
            door.connect(str(path))
            door.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(read_line(door))
        except (OSError, ValueError) as error:
            raise NoDemo(
                f"no demo answers: {error}", str(path), "start one with `watchbill demo`, or name its --data-dir"
            ) from error
        return answer


def read_line(peer: socket.socket) -> bytes:
    """A line, at most LINE_BYTES; what came until the peer closed, if it did."""
    line = b""
    while not line.endswith(b"\n") and len(line) < LINE_BYTES:
        part = peer.recv(LINE_BYTES - len(line))
        if not part:
            break
        line += part
    return line


def _socket_path(data_dir: Path) -> Path:
    path = data_dir.resolve() / SOCKET
    if len(os.fsencode(path)) > PATH_BYTES:
        raise InfraError(
            f"the path is too long for a unix socket, {PATH_BYTES} bytes are possible",
            str(path),
            "choose a shorter --data-dir",
        )
    return path


def _refuse_running(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        if door.connect_ex(str(path)) == 0:
            raise DemoRuns(
                "a demo runs already in this folder",
                str(path.parent),
                "end it with q or Ctrl-C in its terminal, or choose another folder with --data-dir",
            )
