"""Steps 4 and 5 of the flow at run time: the configured services, as placement, fold and engines each need them.

Rule: one snapshot of the entities is the truth; the three readings of a service are derived when it changes, and only
for the services that a change reaches. Bindings get small numbers of this node alone, so that engines and frames stay
small; a binding that changed gets a new number, and whatever an engine still says of the old one names nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from connectors.engine.binding import Binding
from schemas.identifiers import EntityId
from schemas.inventory.entities import Change, Entities
from schemas.inventory.services import MonitorBinding, MonitoredService, affected, some_services
from schemas.parameters.monitors import MONITOR_TYPES
from schemas.states import PathMonitoring
from streams.folding.configured import follows_address, service_config, whole
from streams.folding.events import ServiceConfig
from streams.ownership.distribution import Placeable, placeable
from streams.ownership.dynamic import DynamicServices


@dataclass(frozen=True, slots=True)
class Numbered:
    """A binding of this node: what engines get, and whether a success means DOWN (`reverse`).

    `ip_address` is for a monitor of a domain-based service that follows its address: the one that it probes.
    """

    binding: Binding
    reverse: bool
    ip_address: str = ""


@dataclass(frozen=True, slots=True)
class InventoryChange:
    """Services that a command touched, and the binding numbers that came and went."""

    services: frozenset[EntityId]
    placement_changed: bool
    added: tuple[Binding, ...]
    removed: tuple[int, ...]


class Inventory:
    """The loop's thread."""

    def __init__(self) -> None:
        self.entities = Entities()
        self.services: dict[EntityId, MonitoredService] = {}
        self.placeables: dict[EntityId, Placeable] = {}
        self.numbered: dict[int, Numbered] = {}
        self.timed: set[EntityId] = set()
        """Services whose state time alone may change: disabled ones whose disable takes a while, and damped ones."""
        self.together: set[EntityId] = set()
        """Services that are DOWN for all where one node has no path to them (P-5)."""
        self._numbers: dict[EntityId, tuple[int, ...]] = {}
        self._addresses: dict[EntityId, tuple[str, ...]] = {}
        """Of domain-based services that this node watches: where they are probed now (D-1)."""
        self._configs: dict[EntityId, ServiceConfig] = {}
        self._dynamic = DynamicServices()
        self._next_number = 1

    def apply(self, changes: Iterable[Change]) -> InventoryChange:
        """Take the entities of one or more whole commands."""
        changes = list(changes)
        before_ids = {change.entity_id for change in changes}
        former, self.entities = self.entities, self.entities.updated(changes)
        touched = affected(self.entities, changes, former) | (before_ids & self.services.keys())
        added: list[Binding] = []
        removed: list[int] = []
        placement_changed = False
        for service_id, service in some_services(self.entities, touched):
            before = self.services.get(service_id)
            if service == before:
                continue
            placement_changed |= self._replace(service_id, service)
            if before is None or service is None or _probing(before) != _probing(service):
                removed += self._forget_numbers(service_id)
                if service is not None:
                    added += self._number(service)
        placement_changed |= self._follow_lead()
        return InventoryChange(touched, placement_changed, tuple(added), tuple(removed))

    def config_of(self, service_id: EntityId) -> ServiceConfig | None:
        """The service as its fold needs it; None if it is not configured."""
        return self._configs.get(service_id)

    def numbers_of(self, services: Iterable[EntityId]) -> list[int]:
        """Binding numbers of these services; a disabled service or monitor has none."""
        return [number for service in services for number in self._numbers.get(service, ())]

    def move(self, service_id: EntityId, addresses: tuple[str, ...]) -> tuple[list[Binding], list[int]]:
        """A domain-based service is probed at these addresses from now on: the bindings that come, and go."""
        before = self._addresses.pop(service_id, ())
        if addresses:
            self._addresses[service_id] = addresses
        held = self._numbers.get(service_id, ())
        removed = [number for number in held if self.numbered[number].ip_address not in ("", *addresses)]
        if removed:
            self._numbers[service_id] = tuple(number for number in held if number not in removed)
        for number in removed:
            del self.numbered[number]
        service, fresh = self.services.get(service_id), [ip for ip in addresses if ip not in before]
        return ([] if service is None else self._number_at(service, fresh)), removed

    def _replace(self, service_id: EntityId, service: MonitoredService | None) -> bool:
        """Whether placement sees a difference."""
        before = self.placeables.get(service_id)
        self._configs.pop(service_id, None)
        self.timed.discard(service_id)
        self.together.discard(service_id)
        self._dynamic.note(service_id, service)
        if service is None:
            del self.services[service_id]
            del self.placeables[service_id]
            return True
        self.services[service_id] = service
        self._configs[service_id] = service_config(service)  # now, and not in the middle of a takeover
        if service.flap_changes if service.enabled else service.leave_ms:
            self.timed.add(service_id)
        if service.path_monitoring is PathMonitoring.TOGETHER:
            self.together.add(service_id)
        lead = self._dynamic.lead if service_id in self._dynamic else None
        after = placeable(service_id, service.name, frozenset(service.node_groups), service.internal, lead=lead)
        self.placeables[service_id] = after
        return before != after

    def _follow_lead(self) -> bool:
        """DRTM services have one owner: whether they are placed anew because another of them is the first (T12)."""
        moved = self._dynamic.settle()
        for service_id in moved:
            self.placeables[service_id] = replace(self.placeables[service_id], lead=self._dynamic.lead)
        return bool(moved)

    def _forget_numbers(self, service_id: EntityId) -> tuple[int, ...]:
        numbers = self._numbers.pop(service_id, ())
        for number in numbers:
            del self.numbered[number]
        return numbers

    def _number(self, service: MonitoredService) -> list[Binding]:
        if not (service.enabled and service.health_monitor):
            return []
        fixed = [bound for bound in service.bindings if service.domain is None or not follows_address(bound)]
        made = [self._numbered(service, bound) for bound in fixed if bound.enabled]
        return made + self._number_at(service, self._addresses.get(service.entity_id, ()))

    def _number_at(self, service: MonitoredService, addresses: Iterable[str]) -> list[Binding]:
        """The bindings of a domain-based service that follow its address, at each of these."""
        if service.domain is None or not (service.enabled and service.health_monitor):
            return []
        following = [bound for bound in service.bindings if bound.enabled and follows_address(bound)]
        return [self._numbered(service, bound, ip) for ip in addresses for bound in following]

    def _numbered(self, service: MonitoredService, bound: MonitorBinding, ip: str = "") -> Binding:
        binding = engine_binding(self._next_number, replace(service, ip=ip) if ip else service, bound)
        self.numbered[binding.number] = Numbered(binding, bound.settings["reverse"] is True, ip)
        self._numbers[service.entity_id] = (*self._numbers.get(service.entity_id, ()), binding.number)
        self._next_number += 1
        return binding


def usual_port(monitor_type: str) -> int | None:
    """Where a type asks another server than the service's own; None if it does not, or if a newer release wrote it."""
    known = MONITOR_TYPES.get(monitor_type)
    return known.port if known else None


def engine_binding(number: int, service: MonitoredService, bound: MonitorBinding) -> Binding:
    """A binding as engines take it. Windows are what the fold looks back at: more it cannot learn from a run."""
    settings = bound.settings
    retries, successes = whole(settings, "retries"), whole(settings, "success_retries")
    failures = max(retries, whole(settings, "alert_retries"))
    if settings["reverse"] is True:
        failures, successes = successes, failures
    else:  # a run of announcements is no run of UP, but the fold counts it towards success_retries
        failures = max(failures, successes)
    return Binding(
        number=number,
        service_id=service.entity_id,
        service_name=service.name,
        monitor_id=bound.monitor_id,
        monitor_name=bound.monitor_name,
        kind=bound.type,
        ip=str(settings.get("destination_ip") or service.ip),
        port=whole(settings, "destination_port", usual_port(bound.type) or service.port),
        interval_ms=whole(settings, "interval_ms"),
        timeout_ms=whole(settings, "response_timeout_ms"),
        window=failures,
        up_window=successes,
        down_time_ms=whole(settings, "down_time_ms"),
        down_after=whole(settings, "failure_retries") or retries,
        reverse=settings["reverse"] is True,
        weight=bound.weight,
        deviation_ms=whole(settings, "deviation_ms"),
        tells_response=service.least_response and bound.counts,
        source_ip=str(settings.get("source_ip") or ""),
        parameters={name: value for name, value in bound.probe.items() if value is not None},  # type: ignore[misc]
    )


def _probing(service: MonitoredService) -> tuple[object, ...]:
    """What of a service its engine bindings depend on."""
    at = (service.ip, service.port, service.domain is None)
    return service.name, at, service.enabled, service.health_monitor, service.bindings, service.least_response
