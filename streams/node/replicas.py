"""Steps 2, 3 and 8 of the flow at run time: what the node reads, and how it comes from reader threads to the loop.

Rule: reader threads only decode; everything that decides runs on the loop, in the order in which the records came. Two
things are settled on the reader's thread, because they must not wait behind the loop: our own heartbeat that came back
renews the lease, and a bad record goes to quarantine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from structlog import get_logger

from connectors.kafka.ends import EndOffsets
from connectors.kafka.faults import LogFault
from connectors.kafka.places import BadRecord, Place
from connectors.kafka.settings import KafkaAccess
from connectors.replica.base import Replica
from connectors.replica.config_table import EntityChange
from connectors.replica.control import ControlReplica
from connectors.replica.path_table import PathChange
from connectors.replica.paths import PathReplica
from connectors.replica.states import Applied, StateReplica
from schemas.cluster import NodeStatus, ViewChange
from schemas.config import Kind
from schemas.identifiers import EntityId, NodeId, Partition
from schemas.inventory.entities import Change, Removed
from schemas.topics import SERVICE_STATES, VIEWS
from streams.agents.quarantine import Quarantine
from streams.audit.convergence import Convergence
from streams.faust_app.identity import NodeIdentity
from streams.node.lease import Lease
from streams.node.settings import NodeSettings
from streams.node.twins import is_other_run

log = get_logger()

KIND_OF = {kind.value: kind for kind in Kind}
CATCH_UP_S = 2.0
CATCH_UP_POLL_S = 0.002


class Listener(Protocol):
    """The node, as its readers see it. All of its methods are called on the loop."""

    settings: NodeSettings
    identity: NodeIdentity
    lease: Lease
    access: KafkaAccess

    def log_lost(self, fault: LogFault) -> None: ...
    def twin_heard(self, twin: NodeStatus) -> None: ...
    def view_read(self, offset: int, change: ViewChange) -> None: ...
    def states_applied(self, changes: Sequence[Applied]) -> None: ...
    def paths_read(self, changes: Sequence[PathChange]) -> None: ...
    def entities_read(self, changes: Sequence[Change], revision: int) -> None: ...


class Replicas:
    """The replicas of one node: control (configuration, nodes, views), states, and paths."""

    control: ControlReplica
    states: StateReplica
    paths: PathReplica

    def __init__(self, listener: Listener, loop: asyncio.AbstractEventLoop, quarantine: Quarantine) -> None:
        self._listener = listener
        self._loop = loop
        self._quarantine = quarantine
        settings = listener.settings
        self.convergence = Convergence()
        self.states = StateReplica(
            settings.bootstrap,
            settings.cluster,
            access=listener.access,
            read_ahead=True,
            digests=True,
            on_bad=self._bad,
            on_fault=self._fault,
        )
        self.paths = PathReplica(
            settings.bootstrap, settings.cluster, access=listener.access, on_bad=self._bad, on_fault=self._fault
        )
        self.control = ControlReplica(
            settings.bootstrap,
            settings.cluster,
            on_entities=self._entities,
            on_node=self._node,
            on_view=self._view,
            on_bad=self._bad,
            on_fault=self._fault,
            access=listener.access,
        )
        self._ends = EndOffsets(listener.access)

    def gates(self) -> Iterator[tuple[str, Replica]]:
        """What must have been read before the node may join, by name (V-9)."""
        yield "configuration, nodes and views", self.control
        yield "service states", self.states
        yield "path reports", self.paths

    def follow(self) -> None:
        """From now on states and paths are told to the listener as they come."""
        self.states.on_applied(self._states)
        self.paths.on_change(self._paths)

    def positions(self) -> dict[str, tuple[int, ...]]:
        """The next offset to apply, per topic and partition (T4)."""
        return {**self.control.positions(), **self.states.positions(), **self.paths.positions()}

    def all(self) -> tuple[Replica, ...]:
        """Every reader, for what is asked of each."""
        return self.control, self.states, self.paths

    def connected(self) -> bool:
        """Whether Kafka answers."""
        return all(replica.connected for replica in self.all())

    def answers(self) -> bool:
        """Whether Kafka answers at least one reader: each may have lost its own connection for a while."""
        return any(replica.connected for replica in self.all())

    def suspects(self) -> frozenset[NodeId]:
        """Other nodes that say they doubt themselves (U-8)."""
        own, nodes = self._listener.identity.node_id, self.control.nodes()
        return frozenset(node_id for node_id, status in nodes.items() if status.suspect and node_id != own)

    def catch_up(self, partitions: Iterable[Partition], stop_after_s: float = CATCH_UP_S) -> bool:
        """Wait until the states written before now in these partitions are applied; False if not in time. Blocks."""
        topic = self._listener.settings.topic(SERVICE_STATES)
        ends = self._ends.ask([Place(topic, partition) for partition in partitions])
        if ends is None:
            log.warning("cannot ask how far the states go: folding goes on from what is here")
            return False
        deadline_s = time.monotonic() + stop_after_s
        while self._behind(ends):
            if time.monotonic() > deadline_s:
                log.warning("states still behind", after_s=stop_after_s)
                return False
            time.sleep(CATCH_UP_POLL_S)
        return True

    def views_end(self) -> int | None:
        """The end of `views` as it is now; None if Kafka does not answer. Blocks."""
        place = Place(self._listener.settings.topic(VIEWS), 0)
        ends = self._ends.ask([place])
        return None if ends is None else ends[place]

    def close(self) -> None:
        """Stop reading."""
        for replica in self.all():
            replica.close()

    def _behind(self, ends: Mapping[Place, int]) -> bool:
        return any((self.states.position(SERVICE_STATES, place.partition) or 0) < end for place, end in ends.items())

    def _entities(self, changes: Sequence[EntityChange], revision: int) -> None:
        records = [change.after if change.after is not None else _removed(change.key) for change in changes]
        self._loop.call_soon_threadsafe(self._listener.entities_read, records, revision)

    def _view(self, offset: int, change: ViewChange) -> None:
        self._loop.call_soon_threadsafe(self._listener.view_read, offset, change)

    def _node(self, node_id: NodeId, status: NodeStatus | None) -> None:
        identity = self._listener.identity
        if status is not None:
            self.convergence.take(status)
        if status is not None and node_id == identity.node_id and status.incarnation == identity.incarnation:
            self._listener.lease.came_back(status.beat)
        elif is_other_run(status, identity) and status is not None and self.control.ready:
            self._loop.call_soon_threadsafe(self._listener.twin_heard, status)

    def _states(self, changes: Sequence[Applied]) -> None:
        self._loop.call_soon_threadsafe(self._listener.states_applied, changes)

    def _paths(self, changes: Sequence[PathChange]) -> None:
        self._loop.call_soon_threadsafe(self._listener.paths_read, changes)

    def _bad(self, bad: BadRecord) -> None:
        self._quarantine.put(bad.topic, bad.partition, bad.offset, bad.key, bad.value, bad.error)

    def _fault(self, fault: LogFault) -> None:
        log.warning("kafka", fault=fault.kind.value, why=fault.message)
        if fault.final:
            self._loop.call_soon_threadsafe(self._listener.log_lost, fault)


def _removed(key: str) -> Removed:
    kind, _, entity_id = key.partition("/")
    return Removed(KIND_OF.get(kind, Kind.UNKNOWN), EntityId(entity_id))
