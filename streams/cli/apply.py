"""`watchbill apply -f cluster.yaml`: shows what differs between a file and the cluster, then does it as one command.

Rule: the difference is always shown first, and the command is folded here, with the same pure function that the node
uses, before anything is sent: a file that would be refused is refused with its lines, and `--dry-run` tells all that a
real run would. All or nothing: a file over the limit of one command is to be applied in parts, by whoever knows where
to cut.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.config import ConfigCommand, ConfigResult
from schemas.topics import DEFAULT_CLUSTER
from streams.cli.output import ExitCode, Output, OutputOption, fail, note, print_data, progress
from streams.cli.sending import (
    BootstrapOption,
    ClusterOption,
    DataDirOption,
    DeadlineOption,
    Sending,
    answered,
    issuer,
    result_data,
    tell_rejections,
)

if TYPE_CHECKING:
    from connectors.config.difference import Difference
    from connectors.config.document import Document
    from schemas.inventory.entities import Entities

TRIAL_OFFSET = 2**62
"""Ids come from a command's offset: that of a trial must be no real one's, or new entities would replace old ones."""

SHOWN_STEPS = 40


def apply(
    file: Annotated[Path, typer.Option("--file", "-f", help="The cluster file (YAML); - reads standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show and check only; change nothing.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove what the file does not name.")] = False,
    show_all: Annotated[bool, typer.Option("--all", help=f"Show every step, not the first {SHOWN_STEPS}.")] = False,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    deadline: DeadlineOption = 10.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the cluster what a file says: shows the difference, then applies it, all or nothing."""
    from connectors.config.difference import difference

    sending = Sending(bootstrap, cluster, data_dir, deadline, output)
    name = "standard input" if str(file) == "-" else str(file)
    document = _document(file, name)
    current = _current(sending)
    found = difference(document, current, prune)
    if output is Output.TABLE:
        _show(found, show_all)
    result = _checked(found, current, name, output)
    if dry_run or not found.steps:
        _end(found, result, output, dry_run)
        return
    progress(f"sending {len(found.steps):,} operations ...")
    with answered():
        answer = _sent(sending, found)
    _refuse(answer, name, output)
    _end(found, answer, output, dry_run)


def _document(file: Path, name: str) -> Document:
    from connectors.config.document import read_document

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{name} cannot be read: {error}")
    if len(text) > 200_000:
        progress(f"reading {name} ...")
    document = read_document(text)
    if document.faults:
        for fault in document.faults:
            where = f"{name}:{fault.line}:{fault.column}" if fault.line else name
            note(f"{where}: {fault.message}")
        fail(f"{name} has {len(document.faults)} fault{'s' if len(document.faults) > 1 else ''}; nothing was changed")
    return document


def _current(sending: Sending) -> Entities:
    from connectors.config.reader import read_entities

    with answered():
        return read_entities(sending.address(), sending.cluster, sending.deadline)


def _checked(found: Difference, current: Entities, name: str, output: Output) -> ConfigResult | None:
    """Fold the command here first; ends the verb if it would be refused. None if there is nothing to do."""
    from streams.folding.config.fold import apply as fold_command
    from streams.folding.config.handled import Handled

    if not found.steps:
        return None
    command = ConfigCommand("dry-run", 0, issuer(), found.operations)
    _, result, _ = fold_command(current, command, TRIAL_OFFSET, Handled())
    _refuse(result, name, output)
    return result


def _refuse(result: ConfigResult, name: str, output: Output) -> None:
    if result.accepted:
        return
    if output is Output.TABLE:
        tell_rejections(result, _lines_of(name))
        note("nothing was changed")
    else:
        print_data(result_data(result), output)
    raise typer.Exit(ExitCode.REFUSED)


def _lines_of(name: str) -> Callable[[int], str]:
    return lambda line: f"{name}:{line}"


def _sent(sending: Sending, found: Difference) -> ConfigResult:
    from connectors.config.producer import ConfigProducer
    from streams.cli.sending import OPERATIONS_PER_SECOND

    deadline_s = sending.deadline + len(found.steps) / OPERATIONS_PER_SECOND
    with ConfigProducer(sending.address(), sending.cluster) as producer:
        return producer.send(found.operations, issuer(), deadline_s=deadline_s)


def _show(found: Difference, show_all: bool) -> None:
    """The steps, coloured on a terminal, and how many of each sign."""
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    styles = {"+": "green", "~": "yellow", "-": "red"}
    shown = found.steps if show_all else found.steps[:SHOWN_STEPS]
    for step in shown:
        console.print(Text(f"{step.sign} {step.text}", style=styles[step.sign]))
    if len(shown) < len(found.steps):
        console.print(f"  ... and {len(found.steps) - len(shown):,} more steps (--all shows them)")
    signs = Counter(step.sign for step in found.steps)
    summary = ", ".join(f"{signs[sign]:,} {word}" for sign, word in (("+", "new"), ("~", "changed"), ("-", "gone")))
    console.print(summary if found.steps else "nothing to change")
    if found.left_alone:
        console.print(f"{found.left_alone:,} entities that the file does not name stay (--prune removes them)")


def _end(found: Difference, result: ConfigResult | None, output: Output, dry_run: bool) -> None:
    if output is Output.TABLE:
        if result is not None:
            print("dry run: nothing was changed" if dry_run else f"applied as command {result.command_offset}")
        return
    steps = [{"sign": step.sign, "text": step.text, "line": step.operation.line} for step in found.steps]
    told = result_data(result) if result is not None and not dry_run else {"accepted": True}
    print_data({**told, "dry_run": dry_run, "left_alone": found.left_alone, "steps": steps}, output)
