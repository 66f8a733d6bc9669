"""A process is its id and its start time: the file that remembers it, and what is never signalled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from infra.kafka.process import PidFile, RunningProcess, read_pid_file, start_time, wait_gone


def test_a_pid_file_reads_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "broker.pid"
    assert read_pid_file(path) is None
    written = PidFile(1, "2", 3, "4.3.0", "kafka.log")
    written.write(path)
    assert read_pid_file(path) == written


def test_another_start_time_is_another_process() -> None:
    assert start_time(os.getpid()) is not None
    stranger = RunningProcess(os.getpid(), "another time")
    assert not stranger.is_alive()
    assert not stranger.signal(signal.SIGKILL)


def test_a_child_is_waited_for_and_reaped() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = RunningProcess(child.pid, start_time(child.pid) or "gone")
    assert process.is_alive()
    assert not wait_gone(process, child, 0)
    assert process.signal(signal.SIGTERM)
    assert wait_gone(process, child, 20)
    assert child.returncode == -signal.SIGTERM
    assert start_time(child.pid) is None
