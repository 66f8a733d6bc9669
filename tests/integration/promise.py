"""The promise of reliability.md, checked on the log: views in one line, and per service one owner at a time.

For a service s, a record is *effective* if its view was in force and its owner is owner(s, view). Safety: effective
records of s come in a non-decreasing order of views, and strictly rising (view, sequence) but for repetitions of the
very same record (read repair). Cleanliness: the last record of a service is an effective one, and the greatest. A
removed service stays removed. Pure: records in, breaches out, so that tests on real Kafka, chaos runs and a simulator
are judged by the same lines; it shares only `accept` and `owner` with the product, which have tests of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from schemas.cluster import ViewChange
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import ProbeResults
from schemas.states import ServiceState
from streams.ownership.owner import owner
from streams.ownership.placement import place
from streams.ownership.view import Member, ProposedView, View, accepted_views

HostsOf = Callable[[EntityId, View], Collection[NodeId] | None]
"""The nodes of a view that have a service configured; None: all of them."""


def everywhere(_: EntityId, __: View) -> None:
    """Every node hosts every service."""
    return


@dataclass(frozen=True, slots=True)
class StateRecord:
    """One record of `service-states`; `state` None is a tombstone."""

    entity_id: EntityId
    partition: int
    offset: int
    at_ms: int
    state: ServiceState | None


class Fault(Enum):
    """How the promise can be broken."""

    VIEW_WENT_BACK = "an effective record of an older view stands behind one of a newer view"
    SEQUENCE_WENT_BACK = "an effective record of a smaller sequence stands behind a greater one of its view"
    FORKED = "two different records have one (view, sequence)"
    STALE_LAST = "the last record is not the greatest effective one"
    RESURRECTED = "a record stands behind the service's tombstone"
    WRONG_PARTITION = "two partitions hold records of one service"


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken promise, and the record that breaks it."""

    fault: Fault
    entity_id: EntityId
    partition: int
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What the log says. `ineffective` records are no breach by themselves: readers ignore them, repair buries them."""

    views: tuple[View, ...]
    refused_views: int
    effective: int
    ineffective: tuple[StateRecord, ...]
    breaches: tuple[Breach, ...]

    @property
    def last_view(self) -> View:
        """The view in force at the end of the log."""
        return self.views[-1]


@dataclass(slots=True)
class _Service:
    """What was met of one service so far."""

    greatest: ServiceState | None = None
    last: StateRecord | None = None
    removed: bool = False
    partitions: set[int] = field(default_factory=set)


def audit(
    views: Iterable[tuple[int, ViewChange]], states: Iterable[StateRecord], hosts_of: HostsOf = everywhere
) -> Audit:
    """Check the whole of `views`, in offset order, and of `service-states`, in offset order per partition."""
    proposals = list(views)
    in_force = list(accepted_views((offset, proposed(change)) for offset, change in proposals))
    by_id = {view.view_id: view for view in in_force}
    met: dict[EntityId, _Service] = defaultdict(_Service)
    breaches: list[Breach] = []
    ineffective: list[StateRecord] = []
    effective = 0
    for record in states:
        service = met[record.entity_id]
        service.partitions.add(record.partition)
        service.last = record
        if record.state is None:
            service.removed = True
        elif service.removed:
            breaches.append(_breach(Fault.RESURRECTED, record, f"{record.state.name} was removed before"))
        elif not is_effective(record.state, by_id, hosts_of):
            ineffective.append(record)
        else:
            effective += 1
            breaches += _order_breaches(service, record, record.state)
            if service.greatest is None or _order(record.state) > _order(service.greatest):
                service.greatest = record.state
    breaches += [breach for service in met.values() for breach in _end_breaches(service)]
    return Audit(tuple(in_force), len(proposals) - len(in_force), effective, tuple(ineffective), tuple(breaches))


def is_effective(state: ServiceState, by_id: dict[ViewId, View], hosts_of: HostsOf = everywhere) -> bool:
    """Whether the record's view was in force, and its owner was the owner then."""
    view = by_id.get(state.view_id)
    if view is None:
        return False
    member = view.member(state.owner)
    if member is None or member.incarnation != state.incarnation:
        return False
    return owner_in(state.entity_id, view, hosts_of) == state.owner


def owner_in(service: EntityId, view: View, hosts_of: HostsOf = everywhere) -> NodeId | None:
    """Who monitors the service in a view."""
    return owner(service, hosts_of(service, view), place(view.nodes), view)


def foreign_results(
    views: Sequence[View], batches: Iterable[ProbeResults], hosts_of: HostsOf = everywhere
) -> list[tuple[EntityId, NodeId, ViewId]]:
    """Reports and claims by a node that was not the service's owner in the view it names: the fold must refuse them."""
    by_id = {view.view_id: view for view in views}
    found: list[tuple[EntityId, NodeId, ViewId]] = []
    for batch in batches:
        view = by_id.get(batch.view_id)
        found += [
            (service, batch.node_id, batch.view_id)
            for service in {*batch.claims, *(run.service_id for run in batch.runs)}
            if view is None or owner_in(service, view, hosts_of) != batch.node_id
        ]
    return found


def proposed(change: ViewChange) -> ProposedView:
    """The record as the pure rule takes it."""
    members = tuple(
        Member(member.node_id, member.incarnation, frozenset(member.node_groups)) for member in change.members
    )
    return ProposedView(change.prev_view, change.generation, members, change.proposer)


def _order(state: ServiceState) -> tuple[int, int]:
    return state.view_id, state.sequence


def _order_breaches(service: _Service, record: StateRecord, state: ServiceState) -> list[Breach]:
    before = service.greatest
    if before is None or state == before:
        return []
    text = f"{state.name}: {_told(state)} behind {_told(before)}"
    if state.view_id < before.view_id:
        return [_breach(Fault.VIEW_WENT_BACK, record, text)]
    if state.view_id == before.view_id and state.sequence < before.sequence:
        return [_breach(Fault.SEQUENCE_WENT_BACK, record, text)]
    return [_breach(Fault.FORKED, record, text)] if _order(state) == _order(before) else []


def _end_breaches(service: _Service) -> list[Breach]:
    last = service.last
    assert last is not None, "a service is met by a record"
    found = []
    if len(service.partitions) > 1:
        found.append(_breach(Fault.WRONG_PARTITION, last, f"partitions {sorted(service.partitions)}"))
    if last.state is not None and not service.removed and last.state != service.greatest:
        greatest = _told(service.greatest) if service.greatest is not None else "no effective record at all"
        found.append(_breach(Fault.STALE_LAST, last, f"{_told(last.state)}, the greatest is {greatest}"))
    return found


def _breach(fault: Fault, record: StateRecord, text: str) -> Breach:
    return Breach(fault, record.entity_id, record.partition, record.offset, text)


def _told(state: ServiceState) -> str:
    return f"(view {state.view_id}, sequence {state.sequence}, owner {state.owner}, {state.state.value})"
