"""What may stand next on a command line: names of services, monitors, nodes, as the cluster has them now.

Rule: a Tab never waits long and never prints a fault: without a Kafka that answers in two seconds there is nothing to
offer, and the shell goes on with file names. Options that stand before on the line (`--bootstrap`, `--cluster`) hold,
and so does the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import typer

from schemas.config import Kind
from schemas.parameters.kinds import KINDS
from schemas.topics import DEFAULT_CLUSTER
from streams.cli.words import JOINTS, Misspoken, kind_of

DEADLINE_S = 2.0
MONITORED = (Kind.SERVICE, Kind.MEMBER)
KIND_WORDS = tuple(row.noun.replace(" ", "-") for row in KINDS.values())


@dataclass(frozen=True, slots=True)
class Known:
    """Names by kind, and nodes."""

    names: dict[Kind, list[str]] = field(default_factory=dict)
    nodes: tuple[str, ...] = ()

    def of(self, kinds: Iterable[Kind]) -> list[str]:
        """The names of some kinds, in order."""
        return sorted(name for kind in kinds for name in self.names.get(kind, ()))


def services(context: typer.Context, incomplete: str) -> list[str]:
    """Services and members of groups."""
    return _beginning(incomplete, lambda: known(context).of(MONITORED))


def shown(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the kind that a command is called after: `show monitor`, `show node`; of services with members."""
    word = context.command.name or ""
    return services(context, incomplete) if word == "service" else named(context, incomplete)


def named(context: typer.Context, incomplete: str) -> list[str]:
    """Names of exactly that kind: `set service` changes no member."""
    word = context.command.name or ""
    return nodes(context, incomplete) if word == "node" else _of(_kind(word), context, incomplete)


def nodes(context: typer.Context, incomplete: str) -> list[str]:
    """Node ids."""
    return _beginning(incomplete, lambda: sorted(known(context).nodes))


def kinds(incomplete: str) -> list[str]:
    """Words for kinds."""
    return _beginning(incomplete, lambda: KIND_WORDS)


def of_kind(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the kind that stands before."""
    return _of(_kind(str(context.params.get("kind") or "")), context, incomplete)


def pair(context: typer.Context, incomplete: str) -> list[str]:
    """Of `bind KIND NAME to KIND NAME` what comes next."""
    words = [word for word in context.params.get("words") or () if "=" not in word and word not in JOINTS]
    if len(words) % 2 == 0:
        return kinds(incomplete) if len(words) < 4 else []
    return _of(_kind(words[-1]), context, incomplete)


def known(context: typer.Context) -> Known:
    """What the cluster has; nothing where it does not answer in time."""
    from connectors.replica.base import NotReady
    from connectors.replica.control import ControlReplica
    from infra.errors import InfraError
    from infra.kafka.locate import locate
    from streams.cli.show_read import is_silent, quiet_logs

    quiet_logs()
    bootstrap = context.params.get("bootstrap") or os.environ.get("WATCHBILL_BOOTSTRAP")
    cluster = context.params.get("cluster") or os.environ.get("WATCHBILL_CLUSTER") or DEFAULT_CLUSTER
    data_dir = context.params.get("data_dir")
    try:
        address = bootstrap or locate(None, Path(data_dir) if data_dir else None).bootstrap
        if is_silent(address) is not None:
            return Known()
        with ControlReplica(address, cluster) as control:
            control.wait_ready(DEADLINE_S)
            names: dict[Kind, list[str]] = {}
            for entity in control.entities().values():
                names.setdefault(entity.kind, []).append(entity.name)
            return Known(names, tuple(control.nodes()))
    except (NotReady, InfraError):
        return Known()


def _of(kind: Kind | None, context: typer.Context, incomplete: str) -> list[str]:
    return [] if kind is None else _beginning(incomplete, lambda: known(context).of((kind,)))


def _beginning(incomplete: str, words: Callable[[], Iterable[str]]) -> list[str]:
    return [word for word in words() if word.startswith(incomplete)]


def _kind(word: str) -> Kind | None:
    try:
        return kind_of(word)
    except Misspoken:
        return None
