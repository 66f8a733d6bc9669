"""docs/answers.md and docs/integrations.md speak of verbs and options that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from streams.cli.main import VERBS, application

DOCS = Path(__file__).parents[3] / "docs"
PAGES = "".join((DOCS / page).read_text() for page in ("answers.md", "integrations.md"))
SPOKEN = re.compile(r"watchbill ([a-z-]+)([^`\n]*)")
OPTION = re.compile(r"--[a-z-]+")
CONFIGURING = {"--retries", "--threshold"}
"""Settings, given to `what-if set` as to `set`."""


def options_of(verb: str) -> set[str]:
    """Every option of a verb and of the verbs below it."""
    command = typer.main.get_command(application([verb])).commands[verb]  # type: ignore[attr-defined]
    below = getattr(command, "commands", {verb: command}).values()
    return {option for one in below for parameter in one.params for option in parameter.opts}


@pytest.mark.parametrize("line", sorted({found.group() for found in SPOKEN.finditer(PAGES)}))
def test_U1_what_the_page_spells_is_there(line: str) -> None:
    found = SPOKEN.fullmatch(line)
    assert found is not None
    verb, rest = found.groups()
    assert verb in {row.name for row in VERBS}
    assert {option for option in OPTION.findall(rest) if option not in CONFIGURING} <= options_of(verb)
