"""Step 8 of the flow for a load balancer's program: which service a vserver chooses now, from what every node knows.

Rule: states and configuration are read by the replicas, and the choice is the pure one of `schemas.choosing`; here
stands only the counting of turns. Every choice answers from memory: without Kafka it goes by the last states (U-9). A
program that serves from a node's place in the network names the node: then it chooses among what that node hosts and
reaches (P-4); else by what the owners told alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from connectors.kafka.settings import KafkaAccess
from connectors.replica.base import Replica, call
from connectors.replica.config_table import EntityChange
from connectors.replica.control import ControlReplica
from connectors.replica.paths import PathReplica
from connectors.replica.states import StateReplica
from schemas.candidates import bound_services, chosen
from schemas.choosing import Active, Choice
from schemas.config import ConfigEntity, Kind
from schemas.effective import effective_state
from schemas.identifiers import EntityId, NodeId
from schemas.inventory.entities import Change as EntityRecord
from schemas.inventory.entities import Entities, Removed
from schemas.probes import PathState
from schemas.states import ServiceState, State
from schemas.topics import DEFAULT_CLUSTER


@dataclass(frozen=True, slots=True)
class Bound:
    """A service that a vserver may choose: the weight of its binding, its record, and the state that holds here."""

    name: str
    weight: int
    record: ServiceState | None
    state: State


class VserverReader:
    """Begins to read when it is made; `close` (or leaving its `with` block) ends it. Methods: from any thread."""

    def __init__(
        self,
        bootstrap: str,
        cluster: str = DEFAULT_CLUSTER,
        *,
        node: str | None = None,
        client_id: str = "watchbill-vservers",
        access: KafkaAccess | None = None,
    ) -> None:
        self._node = None if node is None else NodeId(node)
        self._entities = Entities()
        self._turns: dict[EntityId, int] = {}
        self._counting = threading.Lock()
        self._listeners: tuple[Callable[[], None], ...] = ()
        self.states = StateReplica(bootstrap, cluster, client_id=client_id, access=access)
        self._control = ControlReplica(
            bootstrap, cluster, client_id=client_id, access=access, on_entities=self._configured
        )

        self._paths = None if node is None else PathReplica(bootstrap, cluster, client_id=client_id, access=access)

    def wait_ready(self, deadline_s: float) -> None:
        """Until everything written so far is read. Raises NotReady, which says why not."""
        until_s = time.monotonic() + deadline_s
        for replica in self._replicas():
            replica.wait_ready(max(0.0, until_s - time.monotonic()))

    def names(self) -> list[str]:
        """The configured vservers, by name."""
        return sorted(vserver.name for vserver in self._entities.of_kind(Kind.VSERVER))

    def choose(self, name: str, active: Active | None = None) -> Choice:
        """What the vserver of that name chooses now; with ROUNDROBIN, the next one each time. Raises KeyError.

        `active`: active connections by service id, as this program counts them.
        """
        entities = self._entities
        vserver = self._named(entities, name)
        turn = self._next_turn(vserver.entity_id)
        return chosen(entities, vserver, self.states.get, self._path_of, self._node_groups(), turn=turn, active=active)

    def bound(self, name: str) -> list[Bound]:
        """Every service that a vserver may choose, whatever its state, in the order of binding. Raises KeyError."""
        entities = self._entities
        vserver = self._named(entities, name)
        found = []
        for service, _, weight in bound_services(entities, vserver):
            record = self.states.get(service.entity_id)
            found.append(Bound(service.name, weight, record, effective_state(record, self._path_of(service.entity_id))))
        return found

    def on_change(self, callback: Callable[[], None]) -> None:
        """Calls this, on a replica's thread, whenever another choice may be right: often, so it should only note it."""
        self._listeners = (*self._listeners, callback)
        if len(self._listeners) == 1:
            self.states.on_applied(lambda _: self._tell())
            if self._paths is not None:
                self._paths.on_change(lambda _: self._tell())

    def close(self) -> None:
        """Stops reading."""
        for replica in self._replicas():
            replica.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _named(self, entities: Entities, name: str) -> ConfigEntity:
        vserver = entities.find(Kind.VSERVER, name)
        if vserver is None:
            raise KeyError(f"no vserver {name}: there are {', '.join(self.names()) or 'none'}")
        return vserver

    def _tell(self) -> None:
        for callback in self._listeners:
            call(callback)

    def _replicas(self) -> tuple[Replica, ...]:
        return (self._control, self.states) if self._paths is None else (self._control, self.states, self._paths)

    def _path_of(self, service: EntityId) -> PathState:
        return PathState.UNKNOWN if self._paths is None or self._node is None else self._paths.of(service, self._node)

    def _node_groups(self) -> tuple[str, ...] | None:
        """Of the node; None where none was named, and before its first heartbeat: then it hosts everything."""
        told = None if self._node is None else self._control.nodes().get(self._node)
        return None if told is None else told.node_groups

    def _next_turn(self, vserver_id: EntityId) -> int:
        with self._counting:
            turn = self._turns.get(vserver_id, 0)
            self._turns[vserver_id] = turn + 1
            return turn

    def _configured(self, changes: Sequence[EntityChange], _revision: int) -> None:
        """On the replica's thread; readers see the snapshot before or after, never half of a command."""
        self._entities = self._entities.updated([found for change in changes if (found := change_of(change))])
        self._tell()


def change_of(change: EntityChange) -> EntityRecord | None:
    """A change as the snapshot of entities takes it; None for what came and went unseen."""
    if change.after is not None:
        return change.after
    return None if change.before is None else Removed(change.before.kind, change.before.entity_id)
