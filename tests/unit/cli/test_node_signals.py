"""A node ends cleanly whenever it is told to: also before it has started."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.waiting import wait_until


def catches_sigterm(pid: int) -> bool:
    """Whether the process has a handler for SIGTERM."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def test_sigterm_at_the_first_moment_is_a_clean_leave() -> None:
    command = [sys.executable, "-m", "streams.cli.main", "node", "--id", "b0", "--bootstrap", "127.0.0.1:1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as node:
        wait_until(lambda: catches_sigterm(node.pid), 10, "the handler stands")
        node.send_signal(signal.SIGTERM)
        told = node.communicate(timeout=20)[1]
    assert node.returncode == 0, told
