"""Every command that a document shows has the options that it shows."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
from typer.main import get_command

from streams.cli.main import VERBS, application
from tests.tidy.source import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
INLINE = re.compile(r"`(?:\S+=\S+ )*(?:\.venv/bin/)?watchbill ([^`]+)`")
LINE = re.compile(r"^(?:\$ )?(?:\w+=\S+ )*watchbill (.+?)(?:#.*|&)?$", re.MULTILINE)
SHOWN = [
    (page.name, " ".join(words.split()))
    for page in PAGES
    for pattern in (INLINE, LINE)
    for words in pattern.findall(page.read_text(encoding="utf-8"))
    if "..." not in words
]


def options_of(words: list[str]) -> set[str] | None:
    """The options that the command of these words has, its groups' among them; None where it hands them on."""
    command: Any = get_command(application(words[:1]))
    found = {"--help"}
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
        found |= {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return None if command.context_settings.get("ignore_unknown_options") else found


def test_there_are_commands_of_many_verbs() -> None:
    assert len({words.split()[0] for _, words in SHOWN} & {row.name for row in VERBS}) > len(VERBS) / 2


@pytest.mark.parametrize(("page", "words"), sorted(set(SHOWN)))
def test_a_command_that_is_shown_has_such_options(page: str, words: str) -> None:
    try:
        given = shlex.split(words.replace("…", " ").replace("|", " "))
    except ValueError:
        given = words.split()
    assert given[0] in {*(row.name for row in VERBS), "VERB", "--help"}, page
    options = [word.partition("=")[0].rstrip(",.;]") for word in given[1:] if word.startswith("--") and len(word) > 2]
    known = options_of(given)
    assert known is None or [option for option in options if option not in known] == [], page
