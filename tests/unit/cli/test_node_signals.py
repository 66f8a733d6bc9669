"""A node ends cleanly whenever it is told to: also before it has started; and refuses what it cannot start with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("web", ["127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:http", "8080x"])
def test_a_place_for_the_web_views_that_is_none_is_refused_with_an_example(web: str) -> None:
    command = [sys.executable, "-m", "streams.cli.main", "node", "--id", "b0", "--web", web]
    wide = {**os.environ, "COLUMNS": "300"}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=wide)
    assert ran.returncode == 2
    assert "give HOST:PORT, such as" in ran.stderr
