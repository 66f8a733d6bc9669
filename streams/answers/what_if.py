"""What would be (U-3): another member, an entity more, another setting, through the functions of production.

Rule: nothing here estimates. Owners come from the rule of owners over the view with a member more or less; states from
a copy of each service's fold that is given the configuration as the command would make it. What only probes can say (a
service that was never probed, a target that was never asked) is left open and said so. Nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from schemas.identifiers import EntityId, NodeId
from schemas.inventory.entities import Entities
from schemas.inventory.services import MonitoredService, services
from schemas.states import ServiceState, State
from streams.answers.trial import Trial
from streams.answers.views_then import elected
from streams.folding.configured import service_config
from streams.folding.events import NO_SOURCE, Configured
from streams.folding.service import ServiceFold, apply
from streams.ownership.dynamic import is_dynamic, lead_of
from streams.ownership.placement import place
from streams.ownership.view import Member, View

HYPOTHETICAL = "what-if"
"""The incarnation of a member that is only thought of."""


@dataclass(frozen=True, slots=True)
class Move:
    """A service that another node would own; None: nobody, or not there."""

    entity_id: EntityId
    name: str
    before: NodeId | None
    after: NodeId | None


@dataclass(frozen=True, slots=True)
class Load:
    """What a node has and would have: services to monitor, partitions to fold."""

    node: NodeId
    services: int
    services_then: int
    partitions: int
    partitions_then: int


@dataclass(frozen=True, slots=True)
class StateChange:
    """A service that the command would make another state of, or of which it says why it cannot be known."""

    entity_id: EntityId
    name: str
    before: State | None
    after: State | None
    why: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """`reached`: services that the command changes at all. `unowned`: that no node of the view could monitor then."""

    before: View
    after: View
    moves: tuple[Move, ...]
    loads: tuple[Load, ...]
    states: tuple[StateChange, ...]
    unowned: tuple[str, ...]
    services: int
    reached: int = 0


class Unthinkable(Exception):
    """The question makes no sense; the message says why."""


def joined(view: View, node: NodeId, node_groups: Iterable[str]) -> View:
    """The view with a member more. Raises Unthinkable."""
    if view.member(node) is not None:
        raise Unthinkable(f"{node} is in view {view.view_id} already: ask what if it left")
    member = Member(node, HYPOTHETICAL, frozenset(node_groups))
    return replace(view, members=tuple(sorted((*view.members, member), key=lambda one: one.node)))


def left(view: View, node: NodeId) -> View:
    """The view with a member less. Raises Unthinkable."""
    if view.member(node) is None:
        raise Unthinkable(f"{node} is not in view {view.view_id}: there are {', '.join(view.nodes) or 'none'}")
    return replace(view, members=tuple(member for member in view.members if member.node != node))


def of_membership(entities: Entities, before: View, after: View) -> WhatIf:
    """Who would own what in another view."""
    return _answer(owners(entities, before), owners(entities, after), entities, entities, before, after)


def of_command(tried: Trial, view: View, states: Mapping[EntityId, ServiceState], now_ms: int) -> WhatIf:
    """Who would own what after a command, and which states it would change by itself."""
    found = _answer(owners(tried.before, view), owners(tried.after, view), tried.before, tried.after, view, view)
    reached = tried.services()
    changes = [
        change
        for entity_id, (was, now) in sorted(reached.items())
        if (change := state_change(entity_id, was, now, states.get(entity_id), now_ms)) is not None
    ]
    return replace(found, states=tuple(changes), reached=len(reached))


def owners(entities: Entities, view: View) -> dict[EntityId, NodeId | None]:
    """The owner of every service that is distributed."""
    known = [one for one in services(entities) if not one.internal]
    lead = lead_of(known)
    return {one.entity_id: elected(one, view, lead if is_dynamic(one) else None) for one in known}


def _answer(
    before: Mapping[EntityId, NodeId | None],
    after: Mapping[EntityId, NodeId | None],
    entities: Entities,
    entities_then: Entities,
    view: View,
    view_then: View,
) -> WhatIf:
    moves = [
        Move(one, _name(one, entities_then, entities), before.get(one), after.get(one))
        for one in {*before, *after}
        if before.get(one) != after.get(one)
    ]
    return WhatIf(
        before=view,
        after=view_then,
        moves=tuple(sorted(moves, key=lambda move: move.name)),
        loads=_loads(before, after, view, view_then),
        states=(),
        unowned=tuple(sorted(_name(one, entities_then, entities) for one, owner in after.items() if owner is None)),
        services=len(after),
    )


def _loads(
    before: Mapping[EntityId, NodeId | None], after: Mapping[EntityId, NodeId | None], view: View, view_then: View
) -> tuple[Load, ...]:
    had, has = Counter(before.values()), Counter(after.values())
    placed, placed_then = place(view.nodes), place(view_then.nodes)
    return tuple(
        Load(node, had[node], has[node], len(placed.partitions_of(node)), len(placed_then.partitions_of(node)))
        for node in sorted({*view.nodes, *view_then.nodes})
    )


def _name(entity_id: EntityId, *snapshots: Entities) -> str:
    found = (entities.get(entity_id) for entities in snapshots)
    return next((entity.name for entity in found if entity is not None), entity_id)


def state_change(
    entity_id: EntityId,
    was: MonitoredService | None,
    now: MonitoredService | None,
    record: ServiceState | None,
    now_ms: int,
) -> StateChange | None:
    """What a changed configuration makes of a service's state at once; None: it stays."""
    known = now or was
    assert known is not None, "it was, or it will be"
    if now is None:
        return StateChange(entity_id, known.name, record.state if record else None, None, "it is removed")
    if record is None:
        return StateChange(entity_id, now.name, None, None, "no state yet: its first probes decide")
    fold = ServiceFold(entity_id, record)
    if was is not None:
        fold.configured(service_config(was), NO_SOURCE, now_ms)
    after, _ = apply(fold, Configured(service_config(now)), now_ms)
    assert after.record is not None, "it had one"
    if after.record.state is record.state:
        return None
    return StateChange(entity_id, now.name, record.state, after.record.state, after.record.cause.text)
