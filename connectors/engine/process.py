"""One engine seen from the node: its process, its socket, and when it was last heard.

Rule: started fresh (`python -m connectors.engine`), with nothing inherited but one end of a socket pair and stderr.
What it has not read yet waits here and goes out as it reads; the node's loop never blocks on an engine. A read takes a
bounded piece, so that a chatty engine does not starve the loop.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from connectors.engine.frames import FrameKind, FrameReader
from connectors.kafka.security import ENVIRONMENT_PREFIX

READ_BYTES = 256 * 1024
COLLECT_S = 0.5
"""The longest wait for a killed process; it takes milliseconds unless the kernel holds it."""

SOURCE = str(Path(__file__).resolve().parents[2])
"""Where this package lies; the engine must find the same one, whatever the node's working directory."""


class EngineProcess:
    """A living engine. `on_frame(engine, kind, body)` is told what it says, `on_end(engine, why)` that it is gone."""

    def __init__(
        self,
        index: int,
        engines: int,
        open_sockets: int,
        on_frame: Callable[[EngineProcess, FrameKind, bytes], None],
        on_end: Callable[[EngineProcess, str], None],
    ) -> None:
        self.index = index
        self._on_frame = on_frame
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self.started_s = self.heard_s = self._loop.time()
        """When anything last came, on the loop's clock."""
        self.marked = 0
        """The last mark that came back: what comes now was found after it."""
        self._reader = FrameReader()
        self._outbox = bytearray()
        self._control, far = socket.socketpair()
        self._control.setblocking(False)
        self._process = spawn(far, index, engines, open_sockets)
        far.close()
        self._loop.add_reader(self._control, self._read)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, data: bytes) -> None:
        """Send frames, now or as soon as the engine reads."""
        blocked = bool(self._outbox)
        self._outbox += data
        if not blocked:
            self._write()

    def kill(self) -> None:
        """End it now: close the socket, SIGKILL, and collect it. Tells nobody; twice is as once."""
        if self._control.fileno() >= 0:
            self._loop.remove_reader(self._control)
            self._loop.remove_writer(self._control)
            self._control.close()
        if self._process.poll() is None:
            self._process.kill()
        with suppress(subprocess.TimeoutExpired):  # held in the kernel: Python collects it when it is let go
            self._process.wait(COLLECT_S)

    def _write(self) -> None:
        try:
            while self._outbox:
                del self._outbox[: self._control.send(self._outbox)]
        except BlockingIOError:
            self._loop.add_writer(self._control, self._write)
            return
        except OSError as error:
            self._outbox.clear()
            self._loop.call_soon(self._on_end, self, f"its socket broke: {error}")
        self._loop.remove_writer(self._control)

    def _read(self) -> None:
        try:
            data = self._control.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._on_end(self, f"its socket broke: {error}")
            return
        if not data:
            self._on_end(self, "it ended")
            return
        self.heard_s = self._loop.time()
        try:
            for kind, body in self._reader.feed(data):
                self._on_frame(self, kind, body)
        except ValueError as error:
            self._on_end(self, f"it sent what is no frame: {error}")


def _environment() -> dict[str, str]:
    """The node's, without its login to Kafka: an engine speaks with targets, and has no use for it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}


def spawn(far: socket.socket, index: int, engines: int, open_sockets: int) -> subprocess.Popen[bytes]:
    """Start an engine that owns `far`."""
    arguments = {"fd": far.fileno(), "index": index, "engines": engines, "open-sockets": open_sockets}
    arguments["parent"] = os.getpid()
    flags = [f"--{name}={value}" for name, value in arguments.items()]
    path = os.pathsep.join(part for part in (SOURCE, os.environ.get("PYTHONPATH")) if part)
    return subprocess.Popen(
        [sys.executable, "-m", "connectors.engine", *flags],
        pass_fds=(far.fileno(),),
        stdin=subprocess.DEVNULL,
        env={**_environment(), "PYTHONPATH": path},
    )
