"""A real Apache Kafka on this machine: started, watched until it answers, stopped, found again.

A broker is a data folder. The folder holds the records, the port (remembered, so that a restart is found where
clients look), the properties of the last start, the log and the pid file; starting the same folder again gives the
same topics at the same address. One process serves a folder, which a file lock and the pid file hold together.
Nothing here is a stand-in for Kafka: tests, demo and benches run the same jars as a cluster would.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.errors import BrokerDied, BrokerRunning, PortTaken
from infra.kafka import java
from infra.kafka.answering import answers
from infra.kafka.disk import require_space, writable_folder
from infra.kafka.jars import ensure_jars, kafka_version, read_lock
from infra.kafka.process import PidFile, RunningProcess, read_pid_file, start_time, wait_gone
from infra.kafka.settings import HOST, properties, write_properties
from infra.kafka.startup import startup_options

KIND = "own Kafka, from pip"
DEFAULT_HEAP_MB = 192
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 20.0
DATA_BYTES = 128 << 20  # less free than this, and a broker would stop soon after its start
LOG_KEPT_BYTES = 16 << 20  # a longer log is moved to kafka.log.1 at the next start
POLL_S = 0.05


def default_data_dir() -> Path:
    """`$XDG_STATE_HOME/watchbill/kafka` when that is set, else `./.watchbill/kafka`."""
    root = os.environ.get("XDG_STATE_HOME")
    return (Path(root) / "watchbill" if root else Path.cwd() / ".watchbill") / "kafka"


class Broker:
    """A running broker. Made by `start` or `attach`, never directly. Leaving its `with` block stops it."""

    def __init__(self, data_dir: Path, known: PidFile, child: subprocess.Popen[bytes] | None) -> None:
        self.data_dir = data_dir
        self.host, self.port = known.host, known.port
        self.version = known.version
        self.log_path = Path(known.log_path)
        self._process: RunningProcess = known.process
        self._child = child

    @classmethod
    def start(
        cls,
        data_dir: Path,
        port: int | None = None,
        *,
        preferred: int | None = None,
        host: str = HOST,
        heap_mb: int = DEFAULT_HEAP_MB,
        log_path: Path | None = None,
        settings: Mapping[str, str] | None = None,
        java_options: Sequence[str] | None = None,
        deadline_s: float = START_DEADLINE_S,
        progress: Callable[[str], None] = lambda _: None,
        format_options: Sequence[str] = (),
        answering: Callable[[str, int], bool] = answers,
    ) -> Self:
        """Starts the broker of `data_dir` (made and formatted when empty) and returns once it answers.

        `port` None: the one the folder remembers, or `preferred` if it is free, or a free one, then remembered. `host`:
        an address of this machine; nobody is asked who he is there, so another than the loopback is for networks of a
        test's own. `settings` are broker properties that win over ours; `java_options` replace those that use the
        start-up cache. A broker with logins gets its first ones by `format_options` (`--add-scram`), and is asked by
        `answering`. Raises an InfraError: BrokerRunning, PortTaken, NoSpace, NoNetwork, ChecksumMismatch, JavaMissing,
        BrokerDied. After an error no process is left.
        """
        data_dir = writable_folder(data_dir.resolve())
        log_path = (log_path or data_dir / "kafka.log").resolve()
        with _only_starter(data_dir):
            _refuse_running(data_dir)
            require_space(data_dir, DATA_BYTES)
            runtime, jars = java.java_path(), ensure_jars(progress=progress)
            port = _choose_port(data_dir, host, port, preferred)
            configuration = data_dir / "server.properties"
            write_properties(configuration, properties(data_dir, port, _free_port(HOST), settings or {}, host))
            _roll_log(log_path)
            _format_if_empty(
                data_dir,
                java.command(runtime, jars, java.FORMAT_CLASS, java.FORMAT_HEAP_MB, ()),
                log_path,
                format_options,
            )
            options = startup_options() if java_options is None else java_options
            arguments = java.command(runtime, jars, java.BROKER_CLASS, heap_mb, [str(configuration)], options)
            child = java.spawn(arguments, log_path, data_dir)
            known = PidFile(
                child.pid, start_time(child.pid) or "gone", port, kafka_version(read_lock()), str(log_path), host
            )
            broker = cls(data_dir, known, child)
            try:
                known.write(data_dir / "broker.pid")
                _await_answer(child, known, deadline_s, answering)
                (data_dir / "port").write_text(str(port), encoding="utf-8")
            except BaseException:  # Ctrl-C too: no process is left without an owner
                broker.kill()
                raise
            return broker

    @classmethod
    def attach(cls, data_dir: Path) -> Self | None:
        """The broker that now serves `data_dir`, whoever started it; None when there is none."""
        data_dir = data_dir.resolve()
        known = read_pid_file(data_dir / "broker.pid")
        return cls(data_dir, known, None) if known and known.process.is_alive() else None

    @property
    def bootstrap(self) -> str:
        """The address for clients, `127.0.0.1:PORT` if nothing else was asked for."""
        return f"{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.is_alive()

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> bool:
        """Ends the broker in order (its data is whole). True when it went by itself, False when it had to be killed."""
        self._process.signal(signal.SIGTERM)
        if wait_gone(self._process, self._child, deadline_s):
            self._forget()
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """Ends the broker at once, as kill -9 does. The data folder stays, and a later start recovers it."""
        self._process.signal(signal.SIGKILL)
        wait_gone(self._process, self._child, STOP_DEADLINE_S)
        self._forget()

    def _forget(self) -> None:
        known = read_pid_file(self.data_dir / "broker.pid")
        if known is not None and known.process == self._process:
            (self.data_dir / "broker.pid").unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


@contextlib.contextmanager
def _only_starter(data_dir: Path) -> Iterator[None]:
    with (data_dir / "start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _refuse_running(data_dir: Path) -> None:
    running = Broker.attach(data_dir)
    if running is not None:
        raise BrokerRunning(
            f"a broker (pid {running.pid}) already serves this folder at {running.bootstrap}",
            str(data_dir),
            "use it, stop it with `watchbill kafka stop`, or choose another folder with --data-dir",
        )


def _choose_port(data_dir: Path, host: str, port: int | None, preferred: int | None) -> int:
    remembered = data_dir / "port"
    if port is None and remembered.exists():
        port = int(remembered.read_text(encoding="utf-8"))
    if port is None:
        port = preferred if preferred is not None and _why_taken(host, preferred) is None else _free_port(host)
    taken = _why_taken(host, port)
    if taken is not None:
        raise PortTaken(
            f"port {port} is not free: {taken.strerror}",
            f"{host}:{port}",
            "choose another with --port, or end the process that listens there",
        ) from taken
    return port


def _why_taken(host: str, port: int) -> OSError | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _roll_log(log_path: Path) -> None:
    log_path.parent.mkdir(parents=True, exist_ok=True)
    if log_path.exists() and log_path.stat().st_size > LOG_KEPT_BYTES:
        os.replace(log_path, log_path.with_name(log_path.name + ".1"))


def _format_if_empty(data_dir: Path, storage_tool: list[str], log_path: Path, options: Sequence[str]) -> None:
    """Gives the data folder a cluster id, as Kafka wants it before a first start."""
    if (data_dir / "logs" / "meta.properties").exists():
        return
    cluster_id = "w" + urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]  # a first "-" would look like an option
    arguments = ["format", "-t", cluster_id, "-c", str(data_dir / "server.properties"), *options]
    child = java.spawn([*storage_tool, *arguments], log_path, data_dir)
    if child.wait() != 0:
        raise BrokerDied(
            f"the data folder could not be formatted:\n{java.last_lines(log_path)}",
            str(data_dir),
            f"read {log_path}; an unfinished folder may be deleted",
        )


def _await_answer(
    child: subprocess.Popen[bytes], known: PidFile, deadline_s: float, answering: Callable[[str, int], bool]
) -> None:
    limit = time.monotonic() + deadline_s
    while child.poll() is None and time.monotonic() < limit:
        if answering(known.host, known.port):
            return
        time.sleep(POLL_S)
    told = f"ended with code {child.returncode}" if child.returncode is not None else f"silent after {deadline_s:g} s"
    raise BrokerDied(
        f"the broker did not start ({told}):\n{java.last_lines(Path(known.log_path))}",
        known.log_path,
        "read the log; --port and --data-dir choose other ones",
    )
