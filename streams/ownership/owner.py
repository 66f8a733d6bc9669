"""Step 4 of the flow, second half: which node monitors a service (its MOS).

Rule: the node that has the service's partition, if it hosts the service; else the first node of the partition's
preference list that is operational and hosts it (O-4). A node that does not host the service is skipped, never
asked (A-1). The fold stays with the partition's node either way; the owner is who probes. Why not hash each service
by itself: then a node would read the states of services whose fold it has not, and balance would be left to chance.
"""

from __future__ import annotations

from collections.abc import Collection

from schemas.identifiers import EntityId, NodeId, Partition, partition_of
from streams.ownership.hashing import preference_list
from streams.ownership.placement import Placement
from streams.ownership.view import View


def owner(service_id: EntityId, hosts: Collection[NodeId] | None, placement: Placement, view: View) -> NodeId | None:
    """The owner of a service in a view. `hosts`: the nodes that have it configured, None for all of them.

    None as an answer: no operational node hosts the service, so nobody probes it and its state only ages.
    """
    return owner_in_partition(partition_of(service_id, placement.partitions), hosts, placement, view)


def owner_in_partition(
    partition: Partition, hosts: Collection[NodeId] | None, placement: Placement, view: View
) -> NodeId | None:
    """The owner of every service of this partition that these nodes host. Same answers as `owner`."""
    able = view.nodes if hosts is None else tuple(node for node in view.nodes if node in hosts)
    placed = placement.node_of(partition)
    if placed in able:
        return placed
    return next(iter(preference_list(partition, able, placement.partitions)), None)
