"""What `show` knows: everything that Kafka holds of a cluster, read once to the end of now.

Rule: three replicas read side by side, and what they hold when all are ready is the answer; a Kafka that is away or a
topic that is missing is told with its fix and exit code 3, never shown as an empty cluster. The logs' ends need no
question of their own: a replica that is ready has just read up to them.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.cluster import NodeStatus, ViewChange
from schemas.identifiers import EntityId, NodeId
from schemas.inventory.entities import Entities
from schemas.processing import NO_PATHS, ServicePaths
from schemas.states import ServiceState
from streams.cli.output import ExitCode, fail
from streams.ownership.view import EMPTY_VIEW, Refused, View, accept, proposed_view

CONNECT_S = 3.0


PathsOf = Callable[[EntityId], ServicePaths]


def no_paths(_service: EntityId) -> ServicePaths:
    """Where nobody reports a path."""
    return NO_PATHS


@dataclass(frozen=True, slots=True)
class ViewRecord:
    """A record of `views`: its offset, what was proposed, the view held before it, and what became of it."""

    offset: int
    change: ViewChange
    before: View
    outcome: View | Refused


@dataclass(frozen=True, slots=True)
class Knowledge:
    """One reading. `positions` give, per topic without the cluster's prefix, the next offset of each partition."""

    cluster: str
    states: Mapping[EntityId, ServiceState]
    entities: Entities
    nodes: Mapping[NodeId, NodeStatus]
    views: tuple[ViewRecord, ...]
    positions: Mapping[str, tuple[int, ...]]
    now_ms: int
    paths_of: PathsOf = no_paths
    """Every node's path to a service."""
    exactness: Mapping[EntityId, str] = field(default_factory=dict)
    """Of a past instant: how exact the state of each service is (`streams.answers.history.Exactness`)."""

    @property
    def view(self) -> View:
        """The view in force."""
        if not self.views:
            return EMPTY_VIEW
        last = self.views[-1]
        return last.outcome if isinstance(last.outcome, View) else last.before

    def hosts(self, node_groups: frozenset[str]) -> frozenset[NodeId]:
        """The operational nodes that have what these groups have."""
        return frozenset(member.node for member in self.view.members if member.hosts(node_groups))


def read(bootstrap: str | None, cluster: str, data_dir: Path | None, deadline_s: float) -> Knowledge:
    """Everything, as of now. Ends the verb with exit code 3 when Kafka gives no whole answer in time."""
    from connectors.replica.base import NotReady

    quiet_logs()
    address = kafka_address(bootstrap, data_dir)
    refuse_silence(address)
    try:
        return known_of(address, cluster, deadline_s)
    except NotReady as fault:
        fail(str(fault), ExitCode.NO_ANSWER)


def known_of(address: str, cluster: str, deadline_s: float) -> Knowledge:
    """Everything, as of now. Raises NotReady."""
    from connectors.replica.control import ControlReplica
    from connectors.replica.paths import PathReplica
    from connectors.replica.states import StateReplica

    deadline = time.monotonic() + deadline_s
    with (
        ControlReplica(address, cluster) as control,
        StateReplica(address, cluster) as states,
        PathReplica(address, cluster) as paths,
    ):
        for replica in (control, states, paths):
            replica.wait_ready(max(0.1, deadline - time.monotonic()))
        return Knowledge(
            cluster=cluster,
            states=dict(states.items()),
            entities=Entities().updated(control.entities().values()),
            nodes=control.nodes(),
            views=decided(control.views()),
            positions={**control.positions(), **states.positions(), **paths.positions()},
            now_ms=time.time_ns() // 1_000_000,
            paths_of=paths.paths,
        )


def decided(records: list[tuple[int, ViewChange]]) -> tuple[ViewRecord, ...]:
    """Each record of `views` with what became of it, in offset order."""
    held, found = EMPTY_VIEW, []
    for offset, change in records:
        outcome = accept(held, proposed_view(change), offset)
        found.append(ViewRecord(offset, change, held, outcome))
        held = outcome if isinstance(outcome, View) else held
    return tuple(found)


def kafka_address(bootstrap: str | None, data_dir: Path | None = None) -> str:
    """The address given, or that of our own broker if it runs. Ends the verb with 3 when there is neither."""
    if bootstrap:
        return bootstrap
    from infra.errors import InfraError
    from infra.kafka.locate import locate

    try:
        return locate(None, data_dir).bootstrap
    except InfraError as error:
        fail(str(error), ExitCode.NO_ANSWER)


def refuse_silence(address: str) -> None:
    """Ends the verb with 3 at once where nothing listens."""
    silence = is_silent(address)
    if silence is not None:
        fail(silence, ExitCode.NO_ANSWER)


def is_silent(address: str) -> str | None:
    """Why nobody answers where nothing listens: a client would try again until its deadline. None: somebody does."""
    from connectors.kafka.faults import no_answer

    return None if any(_listens(one) for one in address.split(",")) else no_answer(address).message


def _listens(address: str) -> bool:
    host, _, port = address.strip().rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_S):
            return True
    except (OSError, ValueError, OverflowError):
        return False


def quiet_logs() -> None:
    """Keeps the clients' own warnings off the terminal: what matters of them is told as the verb's answer."""
    import logging
    import sys

    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
