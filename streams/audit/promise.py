"""The promise of the design, checked on the log: views in one line, and per service one owner at a time.

For a service s, a record is *effective* if its view was in force and its owner is an owner of s in that view. Safety:
effective records of s come in a non-decreasing order of views, within a view of one owner after the other, and strictly
rising (view, sequence) but for repetitions of the very same record (read repair). Liveness: `liveness`. Cleanliness:
the last record of a service is the greatest effective one, or becomes so within the time of a repair. A removed service
stays removed. Without `bounds` nothing is asked of time: then the last record of the log must be a clean one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.cluster import ViewChange
from schemas.identifiers import NO_VIEW, EntityId, NodeId, ViewId
from schemas.probes import ProbeResults
from schemas.states import ServiceState
from streams.audit.findings import Bounds, Breach, Fault, Stale, StateRecord, told
from streams.audit.liveness import Declared, late_owners
from streams.audit.past_config import PastConfig
from streams.audit.reigns import OwnersOf, Reign, hosted_everywhere, reigns
from streams.ownership.view import View


@dataclass(frozen=True, slots=True)
class Audit:
    """What the log says. `ineffective` records are no breach by themselves: readers ignore them, repair buries them."""

    reigns: tuple[Reign, ...]
    refused_views: int
    effective: int
    ineffective: tuple[StateRecord, ...]
    stale: tuple[Stale, ...]
    declared: Mapping[EntityId, Sequence[Declared]]
    breaches: tuple[Breach, ...]

    @property
    def views(self) -> tuple[View, ...]:
        """Every view that came into force, in order."""
        return tuple(reign.view for reign in self.reigns)

    @property
    def last_view(self) -> View:
        """The view in force at the end of the log."""
        return self.reigns[-1].view


@dataclass(slots=True)
class _Service:
    """What was met of one service so far. `turn`: how many of the view's owners have had their turn."""

    greatest: ServiceState | None = None
    last: StateRecord | None = None
    dirty: StateRecord | None = None
    dirty_from_ms: int = 0
    turn: int = 0
    removed: bool = False
    sequence: int = 0
    whole_since_ms: int = 0
    partitions: set[int] = field(default_factory=set)
    declared: list[Declared] = field(default_factory=list)


class Promise:
    """One pass over `service-states`: `take` each record, in offset order per partition, then `audit`.

    `views` is the whole of the topic, in offset order. `config` None: every node hosts every service, and there is a
    service from its first record to its tombstone.
    """

    def __init__(
        self,
        views: Iterable[tuple[int, ViewChange]],
        config: PastConfig | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        proposals = list(views)
        self.reigns = reigns(proposals)
        self.refused_views = len(proposals) - len(self.reigns)
        self.by_id = {reign.view.view_id: reign for reign in self.reigns}
        self.config, self.bounds = config, bounds
        self.owners_of: OwnersOf = hosted_everywhere if config is None else config.owners
        self.met: dict[EntityId, _Service] = defaultdict(_Service)
        self.latest_ms: dict[int, int] = {}
        self.breaches: list[Breach] = []
        self.ineffective: list[StateRecord] = []
        self.stale: list[Stale] = []
        self.effective = 0

    def take(self, record: StateRecord) -> None:
        """The next record of its partition."""
        at_ms = max(record.at_ms, self.latest_ms.get(record.partition, 0))
        self.latest_ms[record.partition] = at_ms
        service = self.met[record.entity_id]
        service.partitions.add(record.partition)
        service.last = record
        if record.state is None:
            service.removed = True
            self._clean(service, at_ms)
            return
        if record.state.sequence > service.sequence + 1:
            service.whole_since_ms = at_ms
        service.sequence = max(service.sequence, record.state.sequence)
        if service.removed:
            self._breach(Fault.RESURRECTED, record, f"{record.state.name} was removed before")
        elif is_effective(record.state, self.by_id, self.owners_of):
            self.effective += 1
            self._take_effective(service, record, record.state, at_ms)
        else:
            self.ineffective.append(record)
        if not service.removed and record.state == service.greatest:
            self._clean(service, at_ms)
        elif service.dirty is None:
            service.dirty, service.dirty_from_ms = record, at_ms

    def audit(self, until_ms: int | None = None, compacted: Collection[int] = (), calm_since_ms: int = 0) -> Audit:
        """What the records say, once the last one is taken.

        `until_ms` is the instant up to which the log was read (None: its last record's). `compacted`: partitions in
        which records are missing; there an owner is asked for no record from before the service's sequence is whole.
        `calm_since_ms`: the end of the last fault that was injected, from which on owners are expected in time.
        """
        if until_ms is None:
            until_ms = max([*self.latest_ms.values(), *(reign.from_ms for reign in self.reigns[-1:])], default=0)
        self._end(until_ms)
        declared = {entity_id: service.declared for entity_id, service in self.met.items()}
        if self.bounds is not None:
            removed = {entity_id for entity_id, service in self.met.items() if service.removed}
            whole = {
                entity_id: service.whole_since_ms
                for entity_id, service in self.met.items()
                if not service.partitions.isdisjoint(compacted)
            }
            self.breaches += late_owners(
                self.reigns, declared, removed, self.config, self.bounds.failover_ms, until_ms, whole, calm_since_ms
            )
        return Audit(
            tuple(self.reigns),
            self.refused_views,
            self.effective,
            tuple(self.ineffective),
            tuple(self.stale),
            declared,
            tuple(self.breaches),
        )

    def _end(self, until_ms: int) -> None:
        for service in self.met.values():
            last = service.last
            assert last is not None, "a service is met by a record"
            if len(service.partitions) > 1:
                self._breach(Fault.WRONG_PARTITION, last, f"partitions {sorted(service.partitions)}")
            if service.dirty is None or service.removed:
                continue
            assert last.state is not None, "a tombstone is clean"
            for_ms = max(0, until_ms - service.dirty_from_ms)
            self.stale.append(Stale(service.dirty, for_ms, False))
            if self.bounds is None or for_ms > self.bounds.repair_ms:
                greatest = "no effective record at all" if service.greatest is None else told(service.greatest)
                self._breach(Fault.STALE_LAST, last, f"{told(last.state)}, the greatest is {greatest}")

    def _take_effective(self, service: _Service, record: StateRecord, state: ServiceState, at_ms: int) -> None:
        before = service.greatest
        if before is not None and state != before:
            self._check_order(service, before, record, state)
        if before is None or _order(state) > _order(before):
            if before is None or before.view_id != state.view_id:
                service.turn = 0
            service.greatest = state
            declared = Declared(at_ms, state.view_id, state.owner, state.incarnation)
            if not service.declared or service.declared[-1].run != declared.run:
                service.declared.append(declared)

    def _check_order(self, service: _Service, before: ServiceState, record: StateRecord, state: ServiceState) -> None:
        text = f"{state.name}: {told(state)} behind {told(before)}"
        if state.view_id < before.view_id:
            self._breach(Fault.VIEW_WENT_BACK, record, text)
        elif state.view_id == before.view_id and state.sequence < before.sequence:
            self._breach(Fault.SEQUENCE_WENT_BACK, record, text)
        elif _order(state) == _order(before):
            self._breach(Fault.FORKED, record, text)
        elif state.view_id == before.view_id and state.owner != before.owner:
            self._take_turn(service, before, record, state)

    def _take_turn(self, service: _Service, before: ServiceState, record: StateRecord, state: ServiceState) -> None:
        """Within one view a service moves only as its node groups do: from one owner to a later one."""
        owners = list(self.owners_of(record.entity_id, self.by_id[state.view_id]))
        left = owners[service.turn :]
        turn = service.turn + left.index(before.owner) + 1 if before.owner in left else len(owners)
        if state.owner in owners[turn:]:
            service.turn = turn
        else:
            self._breach(Fault.TWO_OWNERS, record, f"{state.name}: {told(state)} behind {told(before)}")

    def _clean(self, service: _Service, at_ms: int) -> None:
        if service.dirty is None:
            return
        stale = Stale(service.dirty, at_ms - service.dirty_from_ms, True)
        service.dirty = None
        self.stale.append(stale)
        if self.bounds is not None and stale.for_ms > self.bounds.repair_ms:
            self._breach(Fault.STALE_TOO_LONG, stale.record, f"it was the last one for {stale.for_ms} ms")

    def _breach(self, fault: Fault, record: StateRecord, text: str) -> None:
        self.breaches.append(Breach(fault, record.entity_id, record.partition, record.offset, text, record.at_ms))


def audit(
    views: Iterable[tuple[int, ViewChange]],
    states: Iterable[StateRecord],
    config: PastConfig | None = None,
    bounds: Bounds | None = None,
    until_ms: int | None = None,
    compacted: Collection[int] = (),
    calm_since_ms: int = 0,
) -> Audit:
    """The whole of `views` and of `service-states` at once: see `Promise`."""
    promise = Promise(views, config, bounds)
    for record in states:
        promise.take(record)
    return promise.audit(until_ms, compacted, calm_since_ms)


def is_effective(state: ServiceState, by_id: Mapping[ViewId, Reign], owners_of: OwnersOf = hosted_everywhere) -> bool:
    """Whether the record's view was in force, and its owner was an owner then."""
    reign = by_id.get(state.view_id)
    if reign is None:
        return False
    member = reign.view.member(state.owner)
    if member is None or member.incarnation != state.incarnation:
        return False
    return state.owner in owners_of(state.entity_id, reign)


def foreign_results(
    in_force: Sequence[Reign], batches: Iterable[ProbeResults], owners_of: OwnersOf = hosted_everywhere
) -> list[tuple[EntityId, NodeId, ViewId]]:
    """Reports and claims by a node that was not the service's owner in the view it names: the fold must refuse them.

    Of a view that came into force after `in_force` was read nothing is said.
    """
    by_id = {reign.view.view_id: reign for reign in in_force}
    newest = max(by_id, default=NO_VIEW)
    found: list[tuple[EntityId, NodeId, ViewId]] = []
    for batch in batches:
        if batch.opinion or batch.view_id > newest:
            continue
        reign = by_id.get(batch.view_id)
        found += [
            (service, batch.node_id, batch.view_id)
            for service in {*batch.claims, *(run.service_id for run in batch.runs)}
            if reign is None or batch.node_id not in owners_of(service, reign)
        ]
    return found


def _order(state: ServiceState) -> tuple[int, int]:
    return state.view_id, state.sequence
