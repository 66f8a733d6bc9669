"""What this node has to do with each service under a view: the V-3 decision, and the difference between two views.

Rule: five questions in a fixed order, the table `_QUESTIONS`; the first that says no gives the role, and only who
passes them all is judged as owner. The answer depends on the service's kind (`owner.OwnerKind`) and not on itself, so
it is worked out once for each such kind and looked up for 70,000 services: a view change costs tens of
milliseconds. Why not keep it up to date in place: a full recomputation at each view change and at each add, delete
and rename (O-5) has no state that could drift, and the difference of two results is what the engines need anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from schemas.identifiers import SEATS, EntityId, NodeId, Seat, ViewId, seat_of
from streams.ownership.owner import Lead, OwnerKind, owner_of_kind
from streams.ownership.placement import Placement, place
from streams.ownership.view import Member, View


class Role(Enum):
    """What a node is to a service."""

    STANDALONE = "clustering is off: this node has everything (V-12)"
    OUTSIDE_VIEW = "this node is not operational: it keeps state current and owns nothing (V-9, V-10)"
    INTERNAL = "an internal service: every node probes its own, nobody distributes it (O-11)"
    NOT_HOSTED = "this node does not have the service configured (A-1)"
    OWNER = "this node monitors the service for all"
    NOT_OWNER = "another node monitors it, or none can"


PROBING_ROLES = frozenset({Role.STANDALONE, Role.INTERNAL, Role.OWNER})
"""The roles in which this node probes by right, without regard to any handover."""


@dataclass(frozen=True, slots=True)
class Placeable:
    """What placement needs of a service, group member or domain-based service (G-1). Build it with `placeable`."""

    entity_id: EntityId
    name: str
    node_groups: frozenset[str]
    internal: bool
    seat: Seat
    lead: Lead | None = None
    """Of a DRTM service: where its owner is looked up (T12, DR-4)."""
    kind: OwnerKind = field(init=False, repr=False, compare=False)
    """All that its owner depends on: services of one kind have one standing."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", OwnerKind(self.seat, self.node_groups, self.internal, self.lead))


def placeable(
    entity_id: EntityId,
    name: str,
    node_groups: frozenset[str] = frozenset(),
    internal: bool = False,
    seats: int = SEATS,
    lead: Lead | None = None,
) -> Placeable:
    """A placeable with its seat computed, once, when the entity is folded. No node group: every node hosts it."""
    return Placeable(entity_id, name, node_groups, internal, seat_of(entity_id, seats), lead)


@dataclass(frozen=True, slots=True)
class Standing:
    """A service as seen from one node: this node's role, and who the owner is (None: no operational host)."""

    role: Role
    owner: NodeId | None


@dataclass(frozen=True, slots=True)
class Distribution:
    """Every service's standing on one node under one view. `probed`: those whose role is a probing one."""

    view_id: ViewId
    node: NodeId
    standings: Mapping[EntityId, Standing]
    probed: frozenset[EntityId] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Moves:
    """What changes for a node between two distributions. Lost ones pass through `handover`; removed ones just end."""

    gained: frozenset[EntityId]
    kept: frozenset[EntityId]
    lost: frozenset[EntityId]
    removed: frozenset[EntityId]


@dataclass(frozen=True, slots=True)
class _Case:
    """One kind of service on one node under one view: everything that V-3 asks about."""

    clustering: bool
    local: Member | None
    node_groups: frozenset[str]
    internal: bool


_QUESTIONS: tuple[tuple[Callable[[_Case], bool], Role], ...] = (
    (lambda case: case.clustering, Role.STANDALONE),
    (lambda case: case.local is not None, Role.OUTSIDE_VIEW),
    (lambda case: not case.internal, Role.INTERNAL),
    (lambda case: case.local is not None and case.local.hosts(case.node_groups), Role.NOT_HOSTED),
)
"""V-3 in its order: clustering on? local in OVS? not internal? hosted here? Beside each, the role if it is no."""


def distribute(
    view: View,
    node: NodeId,
    services: Iterable[Placeable],
    *,
    incarnation: str | None = None,
    clustering: bool = True,
    seats: int = SEATS,
) -> Distribution:
    """The standing of every service on `node`. With clustering off the view is not looked at (V-12).

    `incarnation`: which run of the node asks; a member of its name but of another run is not it (a node that replays
    a view of its earlier life is outside it). None asks about the node by name, as a what-if question does.
    """
    placement = place(view.staying, seats)
    local = _local_member(view, node, incarnation)
    known: dict[OwnerKind, tuple[Standing, bool]] = {}
    standings: dict[EntityId, Standing] = {}
    probed: list[EntityId] = []
    for service in services:
        found = known.get(service.kind)
        if found is None:
            standing = _decide(service, view, placement, node, local, clustering)
            found = known[service.kind] = standing, standing.role in PROBING_ROLES
        standings[service.entity_id], probes = found
        if probes:
            probed.append(service.entity_id)
    return Distribution(view.view_id, node, standings, frozenset(probed))


def standing_of(
    service: Placeable,
    view: View,
    placement: Placement,
    node: NodeId,
    *,
    incarnation: str | None = None,
    clustering: bool = True,
) -> Standing:
    """The V-3 decision for one service, as `distribute` makes it for all."""
    return _decide(service, view, placement, node, _local_member(view, node, incarnation), clustering)


def _local_member(view: View, node: NodeId, incarnation: str | None) -> Member | None:
    local = view.member(node)
    return local if local is None or incarnation in (None, local.incarnation) else None


def _decide(
    service: Placeable, view: View, placement: Placement, node: NodeId, local: Member | None, clustering: bool
) -> Standing:
    """Internal and standalone services are owned by the node that asks; every other by one node of the view."""
    case = _Case(clustering, local, service.node_groups, service.internal)
    refusal = next((role for holds, role in _QUESTIONS if not holds(case)), None)
    if refusal in (Role.STANDALONE, Role.INTERNAL):
        return Standing(refusal, node)
    elected = None if service.internal else owner_of_kind(service.kind, placement, view)
    if refusal is not None:
        return Standing(refusal, elected)
    return Standing(Role.OWNER if elected == node else Role.NOT_OWNER, elected)


def moves(before: Distribution, after: Distribution) -> Moves:
    """What the node gains, keeps and loses. Lost: exists still and is another's; removed: exists no longer."""
    ended = before.probed - after.probed
    removed = frozenset(entity_id for entity_id in ended if entity_id not in after.standings)
    return Moves(after.probed - before.probed, before.probed & after.probed, ended - removed, removed)
