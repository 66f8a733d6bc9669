"""Step 8 of the flow, put together: a service or a vserver node by node, and who can process its traffic (P-4, PS-1,
PS-2).

Rule: one function for each, pure, from the configuration, the operational nodes, the last records and the reports of
paths; web views, command line and SDK ask the same ones, so they cannot tell different stories. The record says how
paths are decided, for it is what the other consumers see; before the first one the configuration does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from schemas.effective import effective
from schemas.identifiers import EntityId, NodeId
from schemas.inventory.services import MonitoredService
from schemas.probes import PathState
from schemas.processing import Served, ServicePaths, redirect, service_set, vserver_set
from schemas.states import PathMonitoring, ServiceState, State

Hosts = Callable[[frozenset[str]], frozenset[NodeId]]
"""The operational nodes that have what these node groups have; all of them for no group (A-1)."""


@dataclass(frozen=True, slots=True)
class OnNode:
    """A service on one node that hosts it: the node's path, by which state it serves, and where it sends traffic."""

    node: NodeId
    path: PathState
    state: State
    redirect: NodeId | None


@dataclass(frozen=True, slots=True)
class ServiceReach:
    """A service on every operational node that hosts it. `told` is what its owner told, the backup of each (P-11)."""

    told: State
    monitoring: PathMonitoring
    nodes: tuple[OnNode, ...]
    processing_set: tuple[NodeId, ...]

    @property
    def served(self) -> Served:
        """As its vservers see it."""
        able = frozenset(self.processing_set)
        return Served(able, frozenset(each.node for each in self.nodes if each.state is State.UP and each.node in able))


@dataclass(frozen=True, slots=True)
class VserverReach:
    """A vserver: its hosts that can process its traffic, and where each of the others sends it (None: nowhere)."""

    processing_set: tuple[NodeId, ...]
    redirects: Mapping[NodeId, NodeId | None]


def service_reach(
    service: MonitoredService, record: ServiceState | None, hosts: Hosts, paths: ServicePaths
) -> ServiceReach:
    """A service, node by node."""
    able = hosts(frozenset(service.node_groups))
    told = record.state if record else State.UNKNOWN
    monitoring = record.path_monitoring if record else service.path_monitoring
    nodes = service_set(able, monitoring, paths)
    each = tuple(
        OnNode(
            node,
            PathState.UNKNOWN if monitoring is PathMonitoring.OFF else paths.of(node),
            effective(told, monitoring, paths.of(node)),
            redirect(service.entity_id, node, nodes),
        )
        for node in sorted(able)
    )
    return ServiceReach(told, monitoring, each, tuple(sorted(nodes)))


def vserver_reach(
    entity: EntityId, node_groups: frozenset[str], services: Iterable[Served], hosts: Hosts
) -> VserverReach:
    """A vserver of these services. Every operational node is told where to, for a client may come to any of them."""
    nodes = vserver_set(hosts(node_groups), list(services))
    others = sorted(hosts(frozenset()) - nodes)
    return VserverReach(tuple(sorted(nodes)), {node: redirect(entity, node, nodes) for node in others})
