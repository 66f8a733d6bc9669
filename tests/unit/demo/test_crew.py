"""What a killed demo left behind is ended by the next one, and nothing else: a process is more than its number."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.demo.crew import NOTED, Crew, NotNow, end_left_over
from infra.kafka.process import start_time
from schemas.identifiers import NodeId
from tests.waiting import wait_until


@pytest.fixture
def idle() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_left_over_nodes_are_ended(idle: subprocess.Popen[bytes], tmp_path: Path) -> None:
    (tmp_path / NOTED).write_text(json.dumps([[idle.pid, start_time(idle.pid)]]))
    assert end_left_over(tmp_path) == 1
    wait_until(lambda: idle.poll() is not None, 5.0, "the left-over process ended")
    assert end_left_over(tmp_path) == 0


def test_another_process_of_that_number_is_let_be(idle: subprocess.Popen[bytes], tmp_path: Path) -> None:
    (tmp_path / NOTED).write_text(json.dumps([[idle.pid, "another start"]]))
    assert end_left_over(tmp_path) == 0
    assert idle.poll() is None


@pytest.mark.parametrize("text", ["", "[[1", "{}", '["x"]', "7"])
def test_a_note_cut_short_names_nobody(text: str, tmp_path: Path) -> None:
    (tmp_path / NOTED).write_text(text)
    assert end_left_over(tmp_path) == 0


def test_acts_on_nodes_that_are_not_there_say_so(tmp_path: Path) -> None:
    crew = Crew("127.0.0.1:1", "demo", tmp_path, 1.5)
    with pytest.raises(NotNow, match="there are b0, b1, b2"):
        crew.kill(NodeId("b7"))
    with pytest.raises(NotNow, match="does not run"):
        crew.term(NodeId("b1"))
