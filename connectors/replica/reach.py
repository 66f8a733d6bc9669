"""Step 8 of the flow for a consumer's program: a service or a vserver node by node, from what every node knows.

Rule: four logs are read (configuration and views, states, paths) and the pure functions of `schemas.reach` asked; the
view is judged by the rule that the nodes judge by. Everything answers from memory: without Kafka by the last that was
read (U-9). Why not ask a node: a load balancer whose node is gone needs the answer most.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from connectors.kafka.settings import KafkaAccess
from connectors.replica.config_table import EntityChange
from connectors.replica.control import ControlReplica
from connectors.replica.paths import PathReplica
from connectors.replica.states import StateReplica
from connectors.replica.vservers import change_of
from schemas.cluster import ViewChange
from schemas.config import Kind
from schemas.identifiers import NodeId
from schemas.inventory.entities import Entities
from schemas.inventory.services import MonitoredService, service
from schemas.inventory.vservers import vserver_named
from schemas.reach import ServiceReach, VserverReach, service_reach, vserver_reach
from schemas.states import State
from schemas.topics import DEFAULT_CLUSTER
from schemas.views import EMPTY_VIEW, View, accept, proposed_view


class Reach:
    """Begins to read when it is made; `close` (or leaving its `with` block) ends it. Methods: from any thread."""

    def __init__(
        self,
        bootstrap: str,
        cluster: str = DEFAULT_CLUSTER,
        *,
        client_id: str = "watchbill-reach",
        access: KafkaAccess | None = None,
    ) -> None:
        self._entities = Entities()
        self.view: View = EMPTY_VIEW
        """The view in force."""
        self.states = StateReplica(bootstrap, cluster, client_id=client_id, access=access)
        self.paths = PathReplica(bootstrap, cluster, client_id=client_id, access=access)
        self._control = ControlReplica(
            bootstrap,
            cluster,
            client_id=client_id,
            access=access,
            on_entities=self._configured,
            on_view=self._viewed,
        )

    def wait_ready(self, deadline_s: float) -> None:
        """Until everything written so far is read. Raises NotReady, which says why not."""
        deadline = time.monotonic() + deadline_s
        for replica in (self._control, self.states, self.paths):
            replica.wait_ready(max(0.0, deadline - time.monotonic()))

    def service(self, name: str) -> ServiceReach:
        """A service or member on each operational node that hosts it. Raises KeyError."""
        return self._reach(self._service(name))

    def vserver(self, name: str) -> VserverReach:
        """Who can process a vserver's traffic, and where every other node sends it. Raises KeyError."""
        vserver = vserver_named(self._entities, name)
        if vserver is None:
            raise KeyError(f"no vserver {name}")
        bound = (service(self._entities, each.entity.entity_id) for each in vserver.services)
        served = [self._reach(each).served for each in bound if each is not None and not each.internal]
        return vserver_reach(vserver.entity_id, vserver.node_groups, served, self._hosts)

    def effective(self, name: str, node: NodeId) -> State | None:
        """By which state a node serves a service (P-4); None if it does not host it. Raises KeyError."""
        return next((each.state for each in self.service(name).nodes if each.node == node), None)

    def close(self) -> None:
        """Stops reading."""
        for replica in (self._control, self.states, self.paths):
            replica.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _service(self, name: str) -> MonitoredService:
        entity = self._entities.find(Kind.SERVICE, name) or self._entities.find(Kind.MEMBER, name)
        found = None if entity is None else service(self._entities, entity.entity_id)
        if found is None:
            raise KeyError(f"no service {name}")
        return found

    def _reach(self, monitored: MonitoredService) -> ServiceReach:
        record, paths = self.states.get(monitored.entity_id), self.paths.paths(monitored.entity_id)
        return service_reach(monitored, record, self._hosts, paths)

    def _hosts(self, node_groups: frozenset[str]) -> frozenset[NodeId]:
        return frozenset(member.node for member in self.view.members if member.hosts(node_groups))

    def _configured(self, changes: Sequence[EntityChange], _revision: int) -> None:
        """On the replica's thread; readers see the snapshot before or after, never half of a command."""
        self._entities = self._entities.updated([found for change in changes if (found := change_of(change))])

    def _viewed(self, offset: int, change: ViewChange) -> None:
        outcome = accept(self.view, proposed_view(change), offset)
        if isinstance(outcome, View):
            self.view = outcome
