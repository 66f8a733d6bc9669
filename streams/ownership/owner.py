"""Step 4 of the flow, second half: which node monitors a service (its MOS).

Rule: the node that has the service's partition, if it hosts the service; else the first node of the partition's
preference list that is operational and hosts it (O-4). A node that does not host the service is skipped, never
asked (A-1). The fold stays with the partition's node either way; the owner is who probes. Why not hash each service
by itself: then a node would read the states of services whose fold it has not, and balance would be left to chance.

Services with a dynamic response time (DRTM) are the exception: the owner of the first of them, the one with the lowest
entity id, has them all (T12), and one that it does not host goes down the first one's list. What each learns of the
others' response times then never has to travel (¶670). The fold of each stays with its own partition all the same.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from schemas.identifiers import EntityId, NodeId, Partition, partition_of
from streams.ownership.hashing import preference_list
from streams.ownership.placement import Placement
from streams.ownership.view import View


class Lead(NamedTuple):
    """What all DRTM services look their owner up by: the partition and node groups of the first of them (T12)."""

    partition: Partition
    node_groups: frozenset[str]


class OwnerKind(NamedTuple):
    """All that an owner depends on besides the view: services of one kind have one. `lead` is for DRTM services."""

    partition: Partition
    node_groups: frozenset[str]
    internal: bool = False
    lead: Lead | None = None


def owner_of_kind(kind: OwnerKind, placement: Placement, view: View) -> NodeId | None:
    """The owner of every service of a kind. An internal one is every node's own: this says who tells of it."""
    hosts = _hosts(kind.node_groups, view)
    if kind.lead is None:
        return owner_in_partition(kind.partition, hosts, placement, view)
    first = owner_in_partition(kind.lead.partition, _hosts(kind.lead.node_groups, view), placement, view)
    return first if first in hosts else owner_in_partition(kind.lead.partition, hosts, placement, view)


def _hosts(node_groups: frozenset[str], view: View) -> frozenset[NodeId]:
    return frozenset(member.node for member in view.members if member.hosts(node_groups))


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
