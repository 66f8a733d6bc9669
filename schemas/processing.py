"""Step 8 of the flow: which nodes can process traffic for a service or a vserver, and where the others send it (PS-1,
PS-2).

Rule: everything follows from who hosts, who reported a path, and the states that owners told; any consumer that reads
the same records works out the same sets. A path that nobody reported yet is not there: traffic goes where it is known
to arrive. Redirects follow each entity's own preference list, by highest-random-weight hashing, so that the traffic of
a node that lost its paths spreads over all that have theirs. Why not the next node by name: one node would get it all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from schemas.identifiers import EntityId, NodeId, stable_hash
from schemas.probes import PathState
from schemas.states import PathMonitoring

NOBODY: frozenset[NodeId] = frozenset()


@dataclass(frozen=True, slots=True)
class ServicePaths:
    """What nodes reported of their paths to one service (P-13); who is in neither set has reported nothing."""

    up: frozenset[NodeId] = NOBODY
    down: frozenset[NodeId] = NOBODY

    def of(self, node: NodeId) -> PathState:
        """The path of one node."""
        if node in self.down:
            return PathState.DOWN
        return PathState.UP if node in self.up else PathState.UNKNOWN

    def with_path(self, node: NodeId, path: PathState) -> ServicePaths:
        """The same, where this node's path is known to be this one."""
        if path is PathState.UNKNOWN or self.of(node) is path:
            return self
        one = frozenset({node})
        return (
            ServicePaths(self.up | one, self.down - one)
            if path is PathState.UP
            else ServicePaths(self.up - one, self.down | one)
        )


NO_PATHS = ServicePaths()


@dataclass(frozen=True, slots=True)
class Served:
    """One service, by node: who can process its traffic, and for whom of them it is effectively UP."""

    nodes: frozenset[NodeId]
    up: frozenset[NodeId]


def service_set(hosts: Iterable[NodeId], monitoring: PathMonitoring, paths: ServicePaths) -> frozenset[NodeId]:
    """The processing set of a service: operational nodes that host it (`hosts`) and reach it."""
    return frozenset(hosts) if monitoring is PathMonitoring.OFF else paths.up.intersection(hosts)


def vserver_set(hosts: Iterable[NodeId], services: Collection[Served]) -> frozenset[NodeId]:
    """The processing set of a vserver: operational nodes that host it and have one of its services UP.

    Where none is UP for anyone: those that reach one, for what is asked of the vserver is to be answered somewhere.
    """
    able = frozenset(hosts)
    up = able.intersection(NOBODY.union(*(each.up for each in services)))
    return up or able.intersection(NOBODY.union(*(each.nodes for each in services)))


def redirect(entity: EntityId, node: NodeId, nodes: Collection[NodeId]) -> NodeId | None:
    """Where `node` sends traffic for a service or vserver with this processing set; None: it processes it itself.

    None also where the set is empty: then there is nobody to send it to.
    """
    return None if node in nodes else next(iter(preferred(entity, nodes)), None)


def preferred(entity: EntityId, nodes: Iterable[NodeId]) -> tuple[NodeId, ...]:
    """The nodes in the order in which this entity's traffic prefers them; another entity has another order."""
    return tuple(sorted(nodes, key=lambda node: (-stable_hash(f"{entity}/{node}"), node)))
