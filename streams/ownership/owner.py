"""Step 4 of the flow, second half: which node monitors a service (its MOS).

Rule: the node that has the service's seat, if it hosts the service; else the first node of the seat's preference list
that is operational and hosts it (O-4). A node that does not host the service is skipped, never asked (A-1). Seats are
dealt out as partitions are, by the same function, but there are eight times as many: who probes is balanced and moved
more finely than who folds (O-9), and the two are mostly different nodes, which costs nothing, since results go through
Kafka either way. Why not hash each service by itself: balance would be left to chance, and each view change would
hash every service anew.

Services with a dynamic response time (DRTM) are the exception: the owner of the first of them, the one with the lowest
entity id, has them all (T12), and one that it does not host goes down the first one's list. What each learns of the
others' response times then never has to travel (¶670). The fold of each stays with its own partition all the same.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from schemas.identifiers import SEATS, EntityId, NodeId, Seat, seat_of
from streams.ownership.hashing import preference_list
from streams.ownership.placement import Placement, place
from streams.ownership.view import View


class Lead(NamedTuple):
    """What all DRTM services look their owner up by: the seat and node groups of the first of them (T12)."""

    seat: Seat
    node_groups: frozenset[str]


class OwnerKind(NamedTuple):
    """All that an owner depends on besides the view: services of one kind have one. `lead` is for DRTM services."""

    seat: Seat
    node_groups: frozenset[str]
    internal: bool = False
    lead: Lead | None = None


def owner_of_kind(kind: OwnerKind, seats: Placement, view: View) -> NodeId | None:
    """The owner of every service of a kind. An internal one is every node's own: this says who tells of it."""
    hosts = _hosts(kind.node_groups, view)
    if kind.lead is None:
        return owner_at(kind.seat, hosts, seats, view)
    first = owner_at(kind.lead.seat, _hosts(kind.lead.node_groups, view), seats, view)
    return first if first in hosts else owner_at(kind.lead.seat, hosts, seats, view)


def second_of_kind(
    kind: OwnerKind, seats: Placement, view: View, unfit: frozenset[NodeId] = frozenset()
) -> NodeId | None:
    """Who gives a second opinion of a service (U-8): the first of its preference list that is operational and hosts it,
    besides the owner and those that doubt themselves too (`unfit`). None where nobody is left, and for an internal
    service, which is every node's own.
    """
    if kind.internal:
        return None
    able = _hosts(kind.node_groups, view) - unfit - {owner_of_kind(kind, seats, view)}
    return next(iter(preference_list(kind.seat, able, seats.partitions)), None)


def _hosts(node_groups: frozenset[str], view: View) -> frozenset[NodeId]:
    return frozenset(member.node for member in view.members if member.hosts(node_groups) and not member.leaving)


def seating(view: View) -> Placement:
    """Which node has each of the SEATS in a view. One that is leaving has none, though it folds still (T5)."""
    return place(view.staying, SEATS)


def owner(service_id: EntityId, hosts: Collection[NodeId] | None, view: View) -> NodeId | None:
    """The owner of a service in a view. `hosts`: the nodes that have it configured, None for all of them.

    None as an answer: no operational node hosts the service, so nobody probes it and its state only ages.
    """
    return owner_at(seat_of(service_id), hosts, seating(view), view)


def owner_at(seat: Seat, hosts: Collection[NodeId] | None, seats: Placement, view: View) -> NodeId | None:
    """The owner of every service of this seat that these nodes host. Same answers as `owner`."""
    able = view.staying if hosts is None else tuple(node for node in view.staying if node in hosts)
    placed = seats.node_of(seat)
    if placed in able:
        return placed
    return next(iter(preference_list(seat, able, seats.partitions)), None)
