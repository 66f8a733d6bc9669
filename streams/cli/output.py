"""What a verb prints: a table for people, JSON or YAML for programs, and failures with their exit code.

Rule: standard output carries the answer and nothing else; notes and failures go to standard error, so a pipe stays
clean. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 no answer. Colours only on a terminal, and never with
NO_COLOR (rich honours it). Rows are cut by nobody: piped, a table is as wide as it needs to be.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import Annotated, Any, NoReturn

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
PIPED_WIDTH = 400


def print_data(data: object, output: Output) -> None:
    """Plain data as JSON (one object, indented) or YAML."""
    if output is Output.JSON:
        print(json.dumps(data, indent=2))
        return
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(data, sys.stdout)


def print_rows(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], output: Output) -> None:
    """Rows by column name: aligned under headings, or a list of objects."""
    if output is not Output.TABLE:
        print_data([dict(row) for row in rows], output)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*[Text(_cell(row.get(column))) for column in columns])
    Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, soft_wrap=False).print(table)


def note(message: str) -> None:
    """A line for people beside the answer."""
    print(message, file=sys.stderr)


def fail(message: str, code: ExitCode = ExitCode.REFUSED) -> NoReturn:
    """Tell why on standard error and end with the code."""
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(code)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or "-"
    return str(value)
