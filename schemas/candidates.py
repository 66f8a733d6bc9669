"""Step 8 of the flow: which services a vserver may choose among on a node, before its method chooses.

Rule: of the services bound to it, and the members of the groups bound to it, those that the node hosts and that are
effectively UP there: by what the owner told, and by the node's own path (P-4). So one that is disabled, or goes out of
service, is none: it gets no new traffic. A member has the weight of its group's binding. Everything is an argument, so
that a node, a load balancer's program and a what-if choose among the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from schemas.choosing import Active, Candidate, Choice, choose
from schemas.config import ConfigEntity, Kind
from schemas.effective import effective_state
from schemas.identifiers import EntityId
from schemas.inventory.entities import Entities
from schemas.inventory.services import effective
from schemas.probes import PathState
from schemas.states import ServiceState, State

StateOf = Callable[[EntityId], ServiceState | None]
PathOf = Callable[[EntityId], PathState]


def no_path_known(_service: EntityId) -> PathState:
    """For who chooses by what the owners told alone."""
    return PathState.UNKNOWN


def chosen(
    entities: Entities,
    vserver: ConfigEntity,
    state_of: StateOf,
    path_of: PathOf = no_path_known,
    node_groups: Collection[str] | None = None,
    *,
    turn: int = 0,
    active: Active | None = None,
) -> Choice:
    """What a vserver chooses on a node of these groups (None: on one that hosts everything), by its method."""
    method = str(effective(vserver)["method"])
    if not vserver.enabled:
        return Choice(method, (), "the vserver is disabled")
    return choose(method, list(candidates(entities, vserver, state_of, path_of, node_groups)), turn, active)


def candidates(
    entities: Entities,
    vserver: ConfigEntity,
    state_of: StateOf,
    path_of: PathOf = no_path_known,
    node_groups: Collection[str] | None = None,
) -> Iterator[Candidate]:
    """The services that a vserver may choose, in no promised order."""
    for service, head, weight in bound_services(entities, vserver):
        record = state_of(service.entity_id)
        if record is None or effective_state(record, path_of(service.entity_id)) is not State.UP:
            continue
        if node_groups is None or _hosts(entities, (service, head), node_groups):
            at = record.ip_address, record.port
            yield Candidate(service.entity_id, service.name, *at, weight, record.response_time_us, record.load)


def bound_services(entities: Entities, vserver: ConfigEntity) -> Iterator[tuple[ConfigEntity, ConfigEntity, int]]:
    """(service or member, itself or its group, weight of the binding) in the order of binding, members by name."""
    for bound in vserver.bindings:
        head = entities.get(bound.entity_id)
        if head is None:
            continue
        if bound.kind is Kind.SERVICE:
            yield head, head, bound.weight
        elif bound.kind is Kind.SERVICE_GROUP:
            for member in sorted(entities.members_of(head.entity_id), key=lambda one: one.name):
                yield member, head, bound.weight


def _hosts(entities: Entities, holders: Collection[ConfigEntity], node_groups: Collection[str]) -> bool:
    wanted = {bound.entity_id for holder in holders for bound in holder.bindings if bound.kind is Kind.NODE_GROUP}
    names = {entities.by_id[group].name for group in wanted}
    return not names or not names.isdisjoint(node_groups)
