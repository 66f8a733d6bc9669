"""Services as the rest of the system sees them: resolved, with their bindings and every setting with its default.

Rule: services, domain-based services and members of groups are one thing here (S-2, G-1). A member takes its group's
settings, monitors and node groups (G-2); a monitor bound to the member itself holds instead of the same one bound to
the group. Of vservers a service knows one thing: whether one of them chooses by its response time (L-2).

Everything is derived from the snapshot, so nothing of it is stored or sent; after a change, `affected` names the
services to look at again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from schemas.config import BoundTo, ConfigEntity, Kind, Setting
from schemas.identifiers import EntityId
from schemas.inventory.entities import Change, Entities
from schemas.inventory.names import member_name
from schemas.parameters.kinds import table_of
from schemas.parameters.monitors import MONITOR_TYPES
from schemas.parameters.parameter import Shape
from schemas.parameters.reading import code_ranges, is_domain
from schemas.states import PathMonitoring

LEAST_RESPONSE = "LRTM"
"""The method of a vserver that chooses by response time."""
NOTHING = Entities()
ProbeSetting: TypeAlias = "Setting | tuple[tuple[int, int], ...]"


@dataclass(frozen=True, slots=True)
class MonitorBinding:
    """One monitor of one service. `counts` is off where monitor or binding is disabled, where the binding is a shadow
    (U-7: probed, folded, shown), or where the type never decides.

    `settings` are all of the monitor's, by key, with defaults, shared by every binding of the monitor; `probe` are
    those that only its type has, as its probe takes them (status codes as number ranges).
    """

    monitor_id: EntityId
    monitor_name: str
    type: str
    weight: int
    counts: bool
    enabled: bool
    settings: Mapping[str, Setting]
    probe: Mapping[str, ProbeSetting]
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class DomainName:
    """The server of a domain-based service: what its owner asks DNS, and how soon again after no answer."""

    name: str
    query_type: str
    """A or AAAA."""
    retry_ms: int


@dataclass(frozen=True, slots=True)
class MonitoredService:
    """A service or a member, as placement, engines and the fold need it. `node_groups` empty: every node hosts it."""

    entity_id: EntityId
    kind: Kind
    name: str
    ip: str
    """Empty for a domain-based service: which address it has is known at run time only, from its owner."""
    port: int
    enabled: bool
    threshold: int
    health_monitor: bool
    path_monitor: bool
    path_monitor_individual: bool
    internal: bool
    node_groups: tuple[str, ...]
    bindings: tuple[MonitorBinding, ...]
    domain: DomainName | None = None
    leave_ms: int = 0
    """Disabled with a delay: how long it is going out of service first. 0 without."""
    graceful: bool = False
    flap_changes: int = 0
    """Changes within `flap_window_ms` that are borne; one more holds it DOWN. 0: it is never held."""
    flap_window_ms: int = 0
    least_response: bool = False
    """L-2: a monitor in use says `lrtm`, and a vserver that chooses by response time has the service, or its group."""

    @property
    def path_monitoring(self) -> PathMonitoring:
        """Who decides by the paths to it."""
        if not self.path_monitor:
            return PathMonitoring.OFF
        return PathMonitoring.INDIVIDUAL if self.path_monitor_individual else PathMonitoring.TOGETHER


def effective(entity: ConfigEntity) -> Mapping[str, Setting]:
    """The entity's settings by key, with the defaults of what was not given."""
    return table_of(entity.kind, entity.settings).effective(entity.settings)


def services(entities: Entities) -> Iterator[MonitoredService]:
    """Every service and every member, in no promised order."""
    view = _View(entities)
    for entity in entities.by_id.values():
        if entity.kind in (Kind.SERVICE, Kind.MEMBER):
            yield view.service(entity)


def service(entities: Entities, entity_id: EntityId) -> MonitoredService | None:
    """One service or member; None if there is none of that id."""
    entity = entities.get(entity_id)
    return _View(entities).service(entity) if entity and entity.kind in (Kind.SERVICE, Kind.MEMBER) else None


def some_services(entities: Entities, wanted: Iterable[EntityId]) -> Iterator[tuple[EntityId, MonitoredService | None]]:
    """The services of some ids, such as those `affected` by a change; None for one that is gone."""
    view = _View(entities)
    for entity_id in wanted:
        entity = entities.get(entity_id)
        known = entity is not None and entity.kind in (Kind.SERVICE, Kind.MEMBER)
        yield entity_id, view.service(entity) if known and entity else None


def affected(entities: Entities, changes: Iterable[Change], before: Entities = NOTHING) -> frozenset[EntityId]:
    """Services and members that the changes add, change or remove; `entities` is the snapshot after the changes.

    `before` is the one before them: only there stands what a vserver no longer has.
    """
    found: set[EntityId] = set()
    spreading: list[EntityId] = []
    for change in changes:
        if change.kind in (Kind.SERVICE, Kind.MEMBER):
            found.add(change.entity_id)
        elif change.kind is Kind.VSERVER:
            found |= _chosen_by_response(before, change.entity_id) ^ _chosen_by_response(entities, change.entity_id)
        else:
            spreading.append(change.entity_id)
    seen = set(spreading)
    while spreading:
        for holder in entities.referring_to(spreading.pop()):
            kind = entities.by_id[holder].kind
            if kind in (Kind.SERVICE, Kind.MEMBER):
                found.add(holder)
            elif kind is Kind.SERVICE_GROUP and holder not in seen:
                seen.add(holder)
                spreading.append(holder)
    return frozenset(found)


def _chosen_by_response(entities: Entities, vserver_id: EntityId) -> set[EntityId]:
    """The services and members of a vserver of method LRTM; none of any other."""
    vserver = entities.get(vserver_id)
    if vserver is None or not _by_response(vserver):
        return set()
    direct = {bound.entity_id for bound in vserver.bindings if bound.kind is Kind.SERVICE}
    groups = [bound.entity_id for bound in vserver.bindings if bound.kind is Kind.SERVICE_GROUP]
    return direct | {member.entity_id for group in groups for member in entities.members_of(group)}


def _by_response(entity: ConfigEntity) -> bool:
    return entity.kind is Kind.VSERVER and entity.settings.get("method") == LEAST_RESPONSE


@dataclass(slots=True)
class _View:
    """Derives services from one snapshot; what many services share is worked out once."""

    entities: Entities
    _shared: dict[tuple[EntityId, int, bool, bool], MonitorBinding] = field(default_factory=dict)
    _monitors: dict[EntityId, tuple[Mapping[str, Setting], Mapping[str, ProbeSetting]]] = field(default_factory=dict)
    _groups: dict[EntityId, Mapping[str, Setting]] = field(default_factory=dict)
    _chosen: dict[EntityId, bool] = field(default_factory=dict)

    def service(self, entity: ConfigEntity) -> MonitoredService:
        if entity.kind is Kind.MEMBER:
            return self._member(entity)
        settings = effective(entity)
        host, port = str(settings["address"]), _number(settings["port"])
        return self._made(entity, entity, settings, host, port, entity.bindings)

    def _member(self, entity: ConfigEntity) -> MonitoredService:
        name = member_name(entity.name)
        group = next(self.entities.by_id[b.entity_id] for b in entity.bindings if b.kind is Kind.SERVICE_GROUP)
        assert name is not None, f"member {entity.entity_id} has the name {entity.name!r}: the fold lets none such in"
        settings = self._groups.get(group.entity_id)
        if settings is None:
            settings = self._groups[group.entity_id] = effective(group)
        bound = {b.entity_id: b for b in (*group.bindings, *entity.bindings)}
        return self._made(entity, group, settings, name.address, name.port, bound.values())

    def _made(
        self,
        entity: ConfigEntity,
        head: ConfigEntity,
        settings: Mapping[str, Setting],
        host: str,
        port: int,
        bound: Iterable[BoundTo],
    ) -> MonitoredService:
        """`head` is a member's group, and of a service itself."""
        domain = _domain(host, settings)
        bindings = tuple([self._binding(b) for b in bound if b.kind is Kind.MONITOR])
        leaving = entity.settings if not entity.enabled else settings
        return MonitoredService(
            entity_id=entity.entity_id,
            kind=entity.kind,
            name=entity.name,
            ip="" if domain else host,
            port=port,
            enabled=entity.enabled and head.enabled,
            threshold=_number(settings["threshold"]),
            health_monitor=settings["health_monitor"] is True,
            path_monitor=settings["path_monitor"] is True,
            path_monitor_individual=settings["path_monitor_individual"] is True,
            internal=settings["internal"] is True,
            node_groups=tuple(
                sorted([self.entities.by_id[b.entity_id].name for b in bound if b.kind is Kind.NODE_GROUP])
            ),
            bindings=bindings,
            domain=domain,
            leave_ms=_number(leaving.get("delay_ms", 0)),
            graceful=leaving.get("graceful") is True,
            flap_changes=_number(settings["flap_changes"]),
            flap_window_ms=_number(settings["flap_window_ms"]),
            least_response=any(b.enabled and b.settings.get("lrtm") is True for b in bindings)
            and self._is_chosen_by_response(head.entity_id),
        )

    def _is_chosen_by_response(self, head: EntityId) -> bool:
        known = self._chosen.get(head)
        if known is None:
            holders = self.entities.referring_to(head)
            known = self._chosen[head] = any(_by_response(self.entities.by_id[holder]) for holder in holders)
        return known

    def _binding(self, bound: BoundTo) -> MonitorBinding:
        key = (bound.entity_id, bound.weight, bound.enabled, bound.shadow)
        made = self._shared.get(key)
        if made is None:
            made = self._shared[key] = self._new_binding(bound, self.entities.by_id[bound.entity_id])
        return made

    def _new_binding(self, bound: BoundTo, monitor: ConfigEntity) -> MonitorBinding:
        if monitor.entity_id not in self._monitors:
            settings = effective(monitor)
            self._monitors[monitor.entity_id] = settings, _probe_settings(settings)
        settings, probe = self._monitors[monitor.entity_id]
        kind, enabled = str(settings["type"]), monitor.enabled and bound.enabled
        return MonitorBinding(
            monitor_id=monitor.entity_id,
            monitor_name=monitor.name,
            type=kind,
            weight=bound.weight,
            counts=enabled and not bound.shadow and (kind not in MONITOR_TYPES or MONITOR_TYPES[kind].sets_state),
            enabled=enabled,
            settings=settings,
            probe=probe,
            shadow=bound.shadow,
        )


def _probe_settings(settings: Mapping[str, Setting]) -> Mapping[str, ProbeSetting]:
    monitor_type = MONITOR_TYPES.get(str(settings["type"]))
    own = monitor_type.own if monitor_type else ()  # a type that a newer release wrote has no probe here
    return {
        row.name: code_ranges(settings[row.key]) if row.shape is Shape.STATUS_CODES else settings[row.key]
        for row in own
        if row.key in settings
    }


def _domain(host: str, settings: Mapping[str, Setting]) -> DomainName | None:
    """What there is to resolve; None for an address."""
    if not is_domain(host):
        return None
    return DomainName(host, str(settings["query_type"]), _number(settings["domain_resolve_retry_ms"]))


def _number(value: Setting) -> int:
    assert isinstance(value, int), f"{value!r} where a number was checked"
    return value
