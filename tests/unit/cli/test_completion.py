"""Completion in a real bash: the script is sourced, and asked as a Tab asks it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from streams.cli.main import VERBS

ASK = """
source "$SCRIPT"
complete -p watchbill >/dev/null || exit 9
read -ra COMP_WORDS <<< "$LINE"
[[ "$LINE" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_watchbill_completion watchbill
printf '%s\\n' "${COMPREPLY[@]}"
"""


@cache
def script(shell: str) -> str:
    """What `watchbill completion` prints."""
    command = [sys.executable, "-m", "streams.cli.main", "completion", shell]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def completed(folder: Path, line: str, **environment: str) -> list[str]:
    """What bash offers for a line; `watchbill` is this source tree's."""
    program = folder / "watchbill"
    program.write_text(f'#!/bin/sh\\nexec "{sys.executable}" -m streams.cli.main "$@"\\n'.replace("\\n", "\n"))
    (folder / "completion.bash").write_text(script("bash"))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    paths = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": os.getcwd()}
    asked = {"LINE": line, "SCRIPT": str(folder / "completion.bash")}
    ran = subprocess.run(
        ["bash", "--norc", "-c", ASK],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, **paths, **asked, **environment},
    )
    assert ran.stderr == ""
    return ran.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("watchbill comp", ["completion"]),
        ("watchbill enable service-", ["service-group"]),
        ("watchbill bind mon", ["monitor"]),
        ("watchbill bind monitor m to s", ["service", "service-group"]),
        ("watchbill add service --path-monitor-", ["--path-monitor-individual"]),
        ("watchbill completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_verbs_kinds_and_options(tmp_path: Path, line: str, offered: list[str]) -> None:
    assert completed(tmp_path, line) == offered


def test_every_verb_is_offered(tmp_path: Path) -> None:
    assert completed(tmp_path, "watchbill ") == [row.name for row in VERBS]


def test_without_kafka_there_is_nothing_to_offer_and_nothing_said(tmp_path: Path) -> None:
    assert completed(tmp_path, "watchbill explain w", WATCHBILL_BOOTSTRAP="127.0.0.1:1") == []


@pytest.mark.parametrize(("shell", "words"), [("zsh", "compdef _watchbill_completion"), ("fish", "complete --command")])
def test_other_shells_have_a_script_too(shell: str, words: str) -> None:
    assert words in script(shell)
    assert "_WATCHBILL_COMPLETE" in script(shell)
