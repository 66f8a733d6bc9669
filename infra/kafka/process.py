"""One operating-system process, known by its id and its start time, and the file that remembers it.

A pid alone is not a name: after a crash or a reboot the same number may be somebody's editor. So whoever ends a
broker that another process started compares the start time too, and a mismatch means the broker is gone, never that
it is to be killed. Reads /proc, or `ps` where there is none (macOS).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """A process as it was when first seen. `started` is opaque: equal for the same process, unlike for any other."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        return start_time(self.pid) == self.started

    def signal(self, number: signal.Signals) -> bool:
        """Sends a signal, unless the process is another one by now. False: it is gone."""
        if not self.is_alive():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class PidFile:
    """What a data folder remembers of the broker that serves it."""

    pid: int
    started: str
    port: int
    version: str
    log_path: str
    host: str = "127.0.0.1"

    @property
    def process(self) -> RunningProcess:
        return RunningProcess(self.pid, self.started)

    def write(self, path: Path) -> None:
        scratch = path.with_suffix(".new")
        scratch.write_text(json.dumps(asdict(self)), encoding="utf-8")
        os.replace(scratch, path)


def read_pid_file(path: Path) -> PidFile | None:
    """The file's content, or None when there is none."""
    if not path.exists():
        return None
    return PidFile(**json.loads(path.read_text(encoding="utf-8")))


def start_time(pid: int) -> str | None:
    """When the process started, in a form only good to compare; None when it is gone or only awaits its parent."""
    if Path("/proc/self/stat").exists():
        return _start_time_from_proc(pid)
    found = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607 ps has no fixed place
    return found.stdout.strip() or None


def _start_time_from_proc(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # after the name, which may hold anything: state is field 3, start 22
    return None if fields[0] in "ZX" else fields[19]


def wait_gone(process: RunningProcess, child: subprocess.Popen[bytes] | None, deadline_s: float) -> bool:
    """True once the process is gone, False when it is not after `deadline_s`. A child of ours is also reaped."""
    limit = time.monotonic() + deadline_s
    while process.is_alive():
        if time.monotonic() > limit:
            return False
        time.sleep(POLL_S)
    if child is not None:
        child.wait()
    return True
