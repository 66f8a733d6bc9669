"""Sends one command for a verb and tells its answer: what every configuring verb has in common.

Rule: a verb says what it wants as operations; whether they are right is for the fold, whose every reason is printed
with the file's line where there is one. `--output json` gives the answer as one object, accepted or not; the exit code
tells the two apart.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.config import ConfigResult, Operation
from schemas.parameters.kinds import KINDS
from schemas.topics import DEFAULT_CLUSTER
from streams.cli.output import ExitCode, Output, OutputOption, fail, note, print_data

if TYPE_CHECKING:
    from connectors.config.producer import ConfigProducer

OPERATIONS_PER_SECOND = 500
"""How fast a busy node is trusted to fold and write, when waiting for the answer to a long command."""

BootstrapOption = Annotated[
    str | None,
    typer.Option("--bootstrap", envvar="WATCHBILL_BOOTSTRAP", help="Kafka, host:port [default: our own, if it runs]."),
]
ClusterOption = Annotated[
    str, typer.Option("--cluster", envvar="WATCHBILL_CLUSTER", help="Prefix of the cluster's topics.")
]
DataDirOption = Annotated[Path | None, typer.Option("--data-dir", help="Folder of our own broker.")]
DeadlineOption = Annotated[float, typer.Option("--deadline", min=0.1, help="Seconds to wait for the answer.")]

COMMON_OPTIONS: dict[str, tuple[Any, Any]] = {
    "bootstrap": (BootstrapOption, None),
    "cluster": (ClusterOption, DEFAULT_CLUSTER),
    "data_dir": (DataDirOption, None),
    "deadline": (DeadlineOption, 10.0),
    "output": (OutputOption, Output.TABLE),
}
"""Parameter name -> (annotation, default): what every configuring verb takes besides its own."""


@dataclass(frozen=True, slots=True)
class Sending:
    """Where a command goes and how its answer is printed."""

    bootstrap: str | None
    cluster: str
    data_dir: Path | None
    deadline: float
    output: Output

    def address(self) -> str:
        """Kafka's address: as given, or that of our own broker. Ends the verb if there is none."""
        from infra.kafka.locate import locate
        from streams.cli.kafka import errors_told

        with errors_told():
            return locate(self.bootstrap, self.data_dir).bootstrap

    def deliver(self, operations: Sequence[Operation], locate_line: Callable[[int], str] = str) -> ConfigResult:
        """Send, wait, and print the answer. Ends the verb with 1 if refused, 3 if unanswered."""
        deadline_s = self.deadline + len(operations) / OPERATIONS_PER_SECOND
        with answered(), self._producer() as producer:
            result = producer.send(operations, issuer(), deadline_s=deadline_s)
        tell(result, self.output, locate_line)
        if not result.accepted:
            raise typer.Exit(ExitCode.REFUSED)
        return result

    def _producer(self) -> ConfigProducer:
        from connectors.config.producer import ConfigProducer

        return ConfigProducer(self.address(), self.cluster)


@contextmanager
def answered() -> Iterator[None]:
    """Ends the verb with the right code where Kafka, or a node, gave no answer."""
    from connectors.config.producer import NoAnswer, SecretWritten
    from connectors.replica.base import NotReady
    from schemas.codec import TooLarge

    try:
        yield
    except (NoAnswer, NotReady) as fault:
        fail(str(fault), ExitCode.NO_ANSWER)
    except (TooLarge, SecretWritten) as fault:
        fail(str(fault))


def issuer() -> str:
    """Who sends: user and host, for the audit log."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def tell(result: ConfigResult, output: Output, locate_line: Callable[[int], str] = str) -> None:
    """Print an answer. `locate_line` turns a line into words, such as `cluster.yaml:7`."""
    if output is not Output.TABLE:
        print_data(result_data(result), output)
        return
    if not result.accepted:
        tell_rejections(result, locate_line)
        return
    for entity in result.entities[:20]:
        print(f"{KINDS[entity.kind].noun} {entity.name} (id {entity.entity_id})")
    if len(result.entities) > 20:
        print(f"and {len(result.entities) - 20:,} more")


def tell_rejections(result: ConfigResult, locate_line: Callable[[int], str] = str) -> None:
    """Every reason against a command, on standard error."""
    for rejection in result.rejections:
        where = f"{locate_line(rejection.line)}: " if rejection.line else ""
        note(f"refused: {where}{rejection.message}")


def result_data(result: ConfigResult) -> dict[str, object]:
    """An answer as plain data."""
    return {
        "accepted": result.accepted,
        "command_id": result.command_id,
        "command_offset": result.command_offset,
        "entities": [
            {"kind": entity.kind.value, "name": entity.name, "id": entity.entity_id} for entity in result.entities
        ],
        "rejections": [
            {"operation": one.operation, "line": one.line, "message": one.message} for one in result.rejections
        ],
    }
