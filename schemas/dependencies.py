"""Which services a service depends on, and which of them explain that it is DOWN (M-20).

Rule: a dependency never changes a state. It only says, of a service that is DOWN while something it depends on is DOWN
too, however far away, that the latter is the cause to look at: the root, which depends on nothing that is DOWN. Whoever
tells people (`show`, the web views, alerts) then names the root once instead of all that hangs on it.

A dependency is a binding of one service to another, so its ends have ids that survive a rename, and a service that
others depend on cannot be removed. A group's dependencies are those of its members. Configuration lets no cycle in; if
there were one, the walks here would still end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from schemas.config import Kind
from schemas.identifiers import EntityId
from schemas.inventory.entities import Entities
from schemas.states import State

DependsOn = Callable[[EntityId], Iterable[EntityId]]
"""What a service depends on directly."""
StateOf = Callable[[EntityId], State | None]


def dependencies(entities: Entities, service: EntityId) -> tuple[EntityId, ...]:
    """What a service depends on directly; a member, on what its group does too. No such service: nothing."""
    entity = entities.get(service)
    if entity is None:
        return ()
    found = {bound.entity_id: None for bound in entity.bindings if bound.kind is Kind.SERVICE}
    if entity.kind is Kind.MEMBER:
        groups = [entities.get(bound.entity_id) for bound in entity.bindings if bound.kind is Kind.SERVICE_GROUP]
        found |= {
            bound.entity_id: None for group in groups if group for bound in group.bindings if bound.kind is Kind.SERVICE
        }
    return tuple(found)


def root_causes(service: EntityId, depends_on: DependsOn, state_of: StateOf) -> tuple[EntityId, ...]:
    """The roots that explain why a service is DOWN; none if it is not DOWN, or if it is the root itself."""
    return down_roots(service, depends_on, state_of) if state_of(service) is State.DOWN else ()


def down_roots(service: EntityId, depends_on: DependsOn, state_of: StateOf) -> tuple[EntityId, ...]:
    """Of all that a service depends on, what is DOWN and depends on nothing that is; nearest first."""
    down = [each for each in _all_below(service, depends_on) if state_of(each) is State.DOWN]
    return tuple(each for each in down if not any(other in down for other in _all_below(each, depends_on)))


def _all_below(service: EntityId, depends_on: DependsOn) -> list[EntityId]:
    """Everything that a service depends on, nearest first, each once, and itself not."""
    found = dict.fromkeys(depends_on(service))
    for each in (order := list(found)):
        for further in depends_on(each):
            if further not in found and further != service:
                found[further] = None
                order.append(further)
    return [each for each in order if each != service]
