"""Starts a real server program for a test, waits until it answers, and stops it by its pid, also when the test fails.

A program that this machine does not have skips the test with the name of the package to install; where CI is set it
fails instead, so that no kind goes untested unnoticed. Servers that refuse to run as root run as nobody there; hence a
folder of their own, because pytest keeps its temporary folders from other users.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connectors.engine.runs import RunReport
from tests.unit.engine.harness import binding, engine
from tests.waiting import wait_until

START_S = 20.0
"""A server must answer within this time of its start."""

STOP_S = 10.0
"""A server that has not ended this long after SIGTERM is killed."""

FOLDERS = ("/usr/sbin", "/sbin", "/usr/libexec", *map(str, Path("/usr/lib/postgresql").glob("*/bin")))
"""Where servers are besides PATH, which for most users has no sbin."""

NOBODY = "nobody"


def needed(program: str, package: str = "") -> str:
    """The path of a program. Without it the test is skipped, or in CI fails, with the Debian package to install."""
    found = shutil.which(program) or shutil.which(program, path=os.pathsep.join(FOLDERS))
    if found:
        return found
    message = f"{program} is not installed: apt-get install --no-install-recommends {package or program}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def workplace() -> Iterator[Path]:
    """An empty folder that a server may write to, whoever it runs as; removed at the end."""
    with tempfile.TemporaryDirectory(prefix="watchbill-", ignore_cleanup_errors=True) as name:
        if as_root():
            shutil.chown(name, NOBODY)
        yield Path(name)


def as_root() -> bool:
    """Whether this process is root: what refuses that then runs as nobody."""
    return os.geteuid() == 0


def prepare(command: Sequence[str], folder: Path, *, unprivileged: bool = False, given: str = "") -> str:
    """Run a command to its end in the folder, such as the one that makes a database; `given` is its standard input.

    Returns what it said. A failure fails the test with it.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        timeout=60,
        **_identity(unprivileged),
    )
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}"
    return done.stdout


@dataclass
class Server:
    """A server program that runs, or ran, for a test."""

    port: int
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def pid(self) -> int:
        """Of the program itself."""
        return self.process.pid

    def said(self) -> str:
        """The end of what it wrote."""
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        """End it, kindly first; it may have ended already."""
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
        with suppress(ProcessLookupError):  # its children, if it left any: they share its session
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(STOP_S)


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    folder: Path,
    *,
    unprivileged: bool = False,
    environment: Mapping[str, str] | None = None,
    ready: Callable[[], object] | None = None,
) -> Iterator[Server]:
    """The server for as long as the test needs it.

    It must stay in the foreground. It is waited for until `ready()` is true; without one, until its TCP port accepts.
    """
    log = folder / f"{Path(command[0]).name}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **_identity(unprivileged),
        )
    server = Server(port, log, process)
    try:
        _await(server, ready or (lambda: accepts(port)))
        yield server
    finally:
        server.stop()


def accepts(port: int) -> bool:
    """Whether someone accepts connections on a loopback port."""
    with socket.socket() as sock:
        sock.settimeout(1.0)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def probe(
    kind: str, port: int, parameters: Mapping[str, Any] | None = None, *, timeout_ms: int = 5000, ip: str = "127.0.0.1"
) -> RunReport:
    """What the real engine reports of one probe of a loopback port: its loop, its sockets, its frames."""
    with engine() as harness:
        return harness.first(binding(kind=kind, port=port, ip=ip, timeout_ms=timeout_ms, **(parameters or {})))


def _identity(unprivileged: bool) -> dict[str, Any]:
    """Who a program runs as: nobody, if it must not be root and we are."""
    if not (unprivileged and as_root()):
        return {}
    group = "nogroup" if _has_group("nogroup") else NOBODY
    return {"user": NOBODY, "group": group, "extra_groups": []}


def _has_group(name: str) -> bool:
    return any(line.startswith(f"{name}:") for line in Path("/etc/group").read_text().splitlines())


def _await(server: Server, ready: Callable[[], object]) -> None:
    def up() -> bool:
        code = server.process.poll()
        assert code is None, f"{server.process.args!r} ended with {code} before it answered:\n{server.said()}"
        return bool(ready())

    try:
        wait_until(up, START_S, f"port {server.port} answers")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{server.said()}") from None
