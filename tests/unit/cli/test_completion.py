"""Completion in real shells: the script is sourced, and asked as a Tab asks it; zsh by a Tab, on a terminal."""

from __future__ import annotations

import os
import pty
import select
import stat
import subprocess
import sys
import time
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


def environment(folder: Path, **extra: str) -> dict[str, str]:
    """Where `watchbill` is this source tree's."""
    program = folder / "watchbill"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m streams.cli.main "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    paths = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": os.getcwd()}
    return {**os.environ, **paths, "TERM": "dumb", "HOME": str(folder), **extra}


def completed(folder: Path, line: str, **extra: str) -> list[str]:
    """What bash offers for a line."""
    (folder / "completion.bash").write_text(script("bash"))
    asked = {"LINE": line, "SCRIPT": str(folder / "completion.bash")}
    return said(["bash", "--norc", "-c", ASK], environment(folder, **asked, **extra)).split()


def said(command: list[str], environment: dict[str, str]) -> str:
    """What a shell prints that has nothing to complain of."""
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    assert ran.stderr == ""
    return ran.stdout


def after_tab(folder: Path, line: str, stop: str) -> str:
    """What an interactive zsh makes of a line and a Tab, up to `stop`."""
    (folder / "_watchbill").write_text(script("zsh"))
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment(folder))
    try:
        setup = f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -d {folder}/dump"
        show = "show() { print -r -- \"<$BUFFER>\" }; zle -N show; bindkey '^X' show"
        os.write(terminal, f"{setup}; {show}\n".encode())
        os.write(terminal, b"print rea'dy'\n")
        heard(terminal, "ready")
        os.write(terminal, f"{line}\t\x18".encode())
        return heard(terminal, stop)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


def heard(terminal: int, words: str) -> str:
    """What a terminal shows until these words."""
    seen, end_s = "", time.monotonic() + 30
    while words not in seen and time.monotonic() < end_s:
        if select.select([terminal], [], [], 0.5)[0]:
            seen += os.read(terminal, 4096).decode(errors="replace")
    assert words in seen, f"{words!r} is not in {seen!r}"
    return seen


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


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("watchbill comp", ["completion"]),
        ("watchbill bind monitor m to s", ["service", "service-group"]),
        ("watchbill completion ", ["bash", "fish", "zsh"]),
    ],
)
def test_fish_offers_the_same(tmp_path: Path, line: str, offered: list[str]) -> None:
    (tmp_path / "watchbill.fish").write_text(script("fish"))
    ask = f"source {tmp_path}/watchbill.fish; complete --do-complete '{line}'"
    lines = said(["fish", "--no-config", "-c", ask], environment(tmp_path)).splitlines()
    assert sorted(line.split("\t")[0] for line in lines) == offered


@pytest.mark.parametrize(
    ("line", "made"),
    [("watchbill comp", "<watchbill completion >"), ("watchbill enable service-", "<watchbill enable service-group >")],
)
def test_zsh_completes_at_a_tab(tmp_path: Path, line: str, made: str) -> None:
    after_tab(tmp_path, line, made)
