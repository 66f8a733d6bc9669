"""`watchbill kafka start|stop|status`: the broker of our own, for a machine without a Kafka.

`start` leaves the broker running when the command ends; the data folder remembers its port and its process, so `stop`
and `status` find it, and `stop` ends only the process the folder names. With an existing cluster named by
`--bootstrap` or WATCHBILL_BOOTSTRAP, `status` tells of that one, and always which kind it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.kafka.broker import Broker


ANSWER_S = 3.0
"""How long `status` waits for a cluster that exists."""


class Output(StrEnum):
    """How a verb prints."""

    TABLE = "table"
    JSON = "json"


app = typer.Typer(help="A real Kafka of our own on this machine.", no_args_is_help=True)

USUAL_PORT = 9092
"""Where programs look for Kafka that are told nothing."""
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of the broker [default: ./.watchbill/kafka, or under XDG_STATE_HOME]."),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="table or json.")]
Bootstrap = Annotated[
    str | None,
    typer.Option("--bootstrap", envvar="WATCHBILL_BOOTSTRAP", help="Address of an existing Kafka cluster."),
]


@app.command()
def start(
    port: Annotated[
        int | None, typer.Option(help="Port on 127.0.0.1 [default: 9092, or a free one; then remembered].")
    ] = None,
    data_dir: DataDir = None,
    heap_mb: Annotated[int, typer.Option(help="Memory of the Java heap, MB.", min=128)] = 192,
    output: OutputOption = Output.TABLE,
) -> None:
    """Start it, or say that it runs. It goes on running when this command ends."""
    from infra.kafka.broker import Broker, default_data_dir

    folder = data_dir or default_data_dir()
    with errors_told():
        broker = Broker.attach(folder) or Broker.start(
            folder, port, preferred=USUAL_PORT, heap_mb=heap_mb, progress=lambda line: typer.echo(line, err=True)
        )
    print_facts(_facts(broker), output)


@app.command()
def stop(data_dir: DataDir = None, output: OutputOption = Output.TABLE) -> None:
    """Stop it in order. Its data and its port stay."""
    from infra.kafka.broker import KIND, Broker, default_data_dir

    folder = data_dir or default_data_dir()
    with errors_told():
        broker = Broker.attach(folder)
        ended = "was not running" if broker is None else "stopped" if broker.stop() else "had to be killed"
    print_facts({"kind": KIND, "state": ended, "data_dir": str(folder)}, output)


@app.command()
def status(data_dir: DataDir = None, bootstrap: Bootstrap = None, output: OutputOption = Output.TABLE) -> None:
    """Tell which Kafka is in use and whether it answers. Exit code 1 when it does not."""
    from infra.kafka.broker import KIND, Broker, default_data_dir

    if bootstrap:
        facts = _existing_cluster(bootstrap)
    else:
        folder = data_dir or default_data_dir()
        broker = Broker.attach(folder)
        facts = _facts(broker) if broker else {"kind": KIND, "state": "not running", "data_dir": str(folder)}
    print_facts(facts, output)
    if facts["state"] != "running":
        raise typer.Exit(1)


def print_facts(facts: Mapping[str, object], output: Output) -> None:
    """One object as JSON, or one aligned line a fact."""
    if output is Output.JSON:
        typer.echo(json.dumps(facts))
        return
    width = max(len(key) for key in facts)
    for key, value in facts.items():
        typer.echo(f"{key.replace('_', ' '):<{width}}  {value}")


@contextmanager
def errors_told() -> Iterator[None]:
    """Prints an infrastructure error as what, where and fix, and exits with 1."""
    from infra.errors import InfraError

    try:
        yield
    except InfraError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


def _facts(broker: Broker) -> dict[str, object]:
    from infra.kafka.answering import answers
    from infra.kafka.broker import KIND
    from infra.kafka.settings import HOST

    return {
        "kind": KIND,
        "state": "running" if answers(HOST, broker.port) else "not answering",
        "bootstrap": broker.bootstrap,
        "port": broker.port,
        "pid": broker.pid,
        "version": broker.version,
        "data_dir": str(broker.data_dir),
        "log": str(broker.log_path),
    }


def _existing_cluster(bootstrap: str) -> dict[str, object]:
    from infra.kafka.contact import Contact
    from infra.kafka.locate import EXISTING

    silence = Contact(bootstrap).why_silent(ANSWER_S)
    facts: dict[str, object] = {"kind": EXISTING, "state": "not answering" if silence else "running"}
    return {**facts, "bootstrap": bootstrap, **({"why": silence} if silence else {})}
