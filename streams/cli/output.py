"""What a verb prints: a table for people, JSON or YAML for programs, and failures with their exit code.

Rule: standard output carries the answer and nothing else; notes and failures go to standard error, so a pipe stays
clean. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 no answer. Colours only on a terminal, and never with
NO_COLOR (rich honours it).
"""

from __future__ import annotations

import json
import sys
from enum import IntEnum, StrEnum
from typing import Annotated, NoReturn

import typer


class Output(StrEnum):
    """How a verb prints its answer."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class ExitCode(IntEnum):
    """What a script learns from a verb."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NO_ANSWER = 3


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")]


def print_data(data: object, output: Output) -> None:
    """Plain data as JSON (one object, indented) or YAML."""
    if output is Output.JSON:
        print(json.dumps(data, indent=2))
        return
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(data, sys.stdout)


def note(message: str) -> None:
    """A line for people beside the answer."""
    print(message, file=sys.stderr)


def progress(message: str) -> None:
    """A line about work that takes long, for a person who waits; nothing where nobody looks."""
    if sys.stderr.isatty():
        note(message)


def fail(message: str, code: ExitCode = ExitCode.REFUSED) -> NoReturn:
    """Tell why on standard error and end with the code."""
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(code)
