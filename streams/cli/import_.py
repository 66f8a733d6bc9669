"""`watchbill import haproxy|netscaler|consul-esm FILE`: an existing configuration as a cluster file, and what is lost.

Rule: the file on standard output (or `-o`) is one that `apply` takes: it is read back and folded here, with the node's
own function, before it is given out. What is not in it as it stood goes to standard error, by line, and into the file's
head as comments, where it stays with what it is about. With `--strict` a check that is lost or changed ends the verb
with 1: for whoever converts in a pipeline and wants to be stopped.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.output import ExitCode, fail, note, progress

if TYPE_CHECKING:
    from connectors.config.imports import Draft, Notice
    from schemas.inventory.entities import Entities

FORMATS = ("table", "json", "yaml")
CHARACTERS = 64 * 1024 * 1024
"""A larger file is refused: what comes of it could not be applied anyway."""

LONG = 200_000
"""Bytes from which it takes seconds, and somebody who waits is told."""

FileArgument = Annotated[Path, typer.Argument(help="The file to read; - reads standard input.", show_default=False)]
OutOption = Annotated[
    Path | None, typer.Option("--out", "-o", help="Write the cluster file here; else on standard output.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="End with 1 if a check is lost or changed.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Leave out notes about lines that are not about health.")]

app = typer.Typer(no_args_is_help=True, help="Read another system's configuration: HAProxy, NetScaler, consul-esm.")


@app.command("haproxy")
def haproxy(
    file: FileArgument,
    out: OutOption = None,
    strict: StrictOption = False,
    quiet: QuietOption = False,
    mapping: Annotated[
        Path | None, typer.Option("--map", help="Write here which server is which service, for feed haproxy-runtime.")
    ] = None,
) -> None:
    """haproxy.cfg: each server that is checked becomes a service, each backend a vserver."""
    _import("haproxy", file, out, strict, quiet, mapping)


@app.command("netscaler")
def netscaler(
    file: FileArgument, out: OutOption = None, strict: StrictOption = False, quiet: QuietOption = False
) -> None:
    """ns.conf: services, service groups, monitors and load-balancing vservers."""
    _import("netscaler", file, out, strict, quiet)


@app.command("consul-esm")
def consul_esm(
    file: FileArgument, out: OutOption = None, strict: StrictOption = False, quiet: QuietOption = False
) -> None:
    """JSON that is registered in Consul's catalog: external nodes, their services and checks."""
    _import("consul-esm", file, out, strict, quiet)


def _import(dialect: str, file: Path, out: Path | None, strict: bool, quiet: bool, mapping: Path | None = None) -> None:
    if out is not None and out.name in FORMATS and out.parent == Path():
        fail("-o is the file to write, which is always YAML: call it cluster.yaml", ExitCode.USAGE)
    name = "standard input" if str(file) == "-" else str(file)
    draft, entities = _drafted(dialect, file, name)
    notices = [one for one in draft.notices.all if not (quiet and one.loss.value == "note")]
    text = "".join(_head(dialect, Path(name).name, notices)) + _verified(entities)
    for one in notices:
        note(f"{name}:{one.where}: {one.loss.value}: {one.what}: {one.mend}")
    _give_out(text, out)
    if mapping is not None:
        _give_out("".join(_map_lines(draft, entities, Path(name).name)), mapping)
    counts = Counter(one.loss.value for one in notices)
    kinds = Counter(entity.kind for entity in entities.by_id.values())
    made = ", ".join(f"{count:,} {_noun(kind, count)}" for kind, count in kinds.items()) or "nothing"
    told = ", ".join(f"{counts[word]:,} {word}" for word in ("lost", "changed", "note") if counts[word]) or "no notices"
    note(f"{made}; {told}" + ("" if out is None else f"; written to {out}: watchbill apply -f {out} --dry-run"))
    if strict and (counts["lost"] or counts["changed"]):
        raise typer.Exit(ExitCode.REFUSED)


def _drafted(dialect: str, file: Path, name: str) -> tuple[Draft, Entities]:
    from connectors.config.imports import DIALECTS, NotThis

    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        fail(f"{name} cannot be read: {error.strerror or error}")
    if len(data) > CHARACTERS:
        fail(f"{name} has {len(data):,} bytes, at most {CHARACTERS:,} are read: import it in parts")
    if len(data) > LONG:
        progress(f"reading {name} ...")
    try:
        draft = DIALECTS[dialect](data.decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n"))
    except NotThis as fault:
        fail(f"{name}: {fault}")
    return draft, draft.entities()


def _verified(entities: Entities) -> str:
    """The cluster file, once it was read back and folded as a node would fold it."""
    from connectors.config.difference import difference
    from connectors.config.document import read_document
    from connectors.config.export import export_text
    from schemas.config import ConfigCommand
    from schemas.inventory.entities import Entities
    from streams.folding.config.fold import OPERATIONS, apply
    from streams.folding.config.handled import Handled

    text = export_text(entities)
    document = read_document(text)
    operations = difference(document, Entities()).operations
    faults = [fault.message for fault in document.faults]
    if operations and not faults:
        if len(operations) > OPERATIONS:
            note(f"{len(operations):,} operations, at most {OPERATIONS:,} fit one command: apply it in parts")
            return text
        _, result, _ = apply(Entities(), ConfigCommand("import", 0, "import", operations), 0, Handled())
        faults = [one.message for one in result.rejections]
    if faults:
        fail(f"what was read makes no file that can be applied, which is a fault of this verb: {faults[0]}")
    return text


def _head(dialect: str, name: str, notices: Sequence[Notice]) -> Iterator[str]:
    """Comments: where it came from, and what is lost or changed."""
    yield f"# From {_line(name)} by `watchbill import {dialect}`.\n"
    for one in notices:
        if one.loss.value != "note":
            yield f"# {one.where}: {one.loss.value}: {_line(one.what)}: {_line(one.mend)}\n"


def _map_lines(draft: Draft, entities: Entities, name: str) -> Iterator[str]:
    """Which server of HAProxy is which service, a line for each: what `watchbill feed haproxy-runtime --map` reads."""
    from schemas.config import Kind

    yield f"# Servers of {_line(name)} as services. Take `check` away from their lines there: one is to say.\n"
    for server, service in sorted(draft.servers.items()):
        if entities.find(Kind.SERVICE, service) is not None:
            yield f"{server}={service}\n"


def _line(text: str) -> str:
    """A text that ends no comment."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _noun(kind: object, count: int) -> str:
    from schemas.config import Kind
    from schemas.parameters.kinds import KINDS

    assert isinstance(kind, Kind)
    return KINDS[kind].noun if count == 1 else KINDS[kind].plural.replace("_", " ")


def _give_out(text: str, out: Path | None) -> None:
    if out is None:
        print(text, end="")
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror or error}")
