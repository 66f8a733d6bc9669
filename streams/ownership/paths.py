"""Step 5 of the flow for paths: which addresses a node pings, and for which services (P-2, T11).

Rule: a node pings for every service that is path-monitored and that it hosts, owner or not, while it is operational;
and each distinct address once, however many services share it. So this keeps services by address, and says at each
change which addresses came and went. Whether the node hosts a service depends on its own node groups alone, which a run
of a node never changes: a view change asks nothing of 70,000 services.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from schemas.identifiers import EntityId
from schemas.inventory.services import MonitoredService
from schemas.states import ServiceState
from streams.ownership.view import Member


@dataclass(frozen=True, slots=True)
class Moved:
    """Addresses that somebody needs from now on, and those that nobody needs any more."""

    came: tuple[str, ...] = ()
    went: tuple[str, ...] = ()


NOTHING_MOVED = Moved()


def pinged_address(service: MonitoredService | None, local: Member, record: ServiceState | None) -> str | None:
    """Where a node pings for a service; None: it does not.

    A domain-based service is where its record says: its owner alone asks DNS. Nothing of an internal service leaves the
    node, so nobody is told of its path.
    """
    if service is None or service.internal or not service.path_monitor:
        return None
    if not local.hosts(frozenset(service.node_groups)):
        return None
    if service.domain is None:
        return service.ip
    return (record.ip_address if record else "") or None


class Addresses:
    """The services that a node pings for, by address."""

    def __init__(self) -> None:
        self._address_of: dict[EntityId, str] = {}
        self._services_at: dict[str, dict[EntityId, None]] = {}

    def __len__(self) -> int:
        """How many services."""
        return len(self._address_of)

    def __contains__(self, service: object) -> bool:
        return service in self._address_of

    def of(self, service: EntityId) -> str | None:
        """A service's address; None if the node does not ping for it."""
        return self._address_of.get(service)

    def services_at(self, address: str) -> Collection[EntityId]:
        """The services at an address."""
        return self._services_at.get(address, {})

    def all(self) -> Iterable[str]:
        """Every address."""
        return list(self._services_at)

    def move(self, service: EntityId, address: str | None) -> Moved:
        """A service is at this address from now on; None: the node does not ping for it."""
        before = self._address_of.pop(service, None)
        if address is not None:
            self._address_of[service] = address
        if before == address:
            return NOTHING_MOVED
        return Moved(self._enter(service, address), self._leave(service, before))

    def _enter(self, service: EntityId, address: str | None) -> tuple[str, ...]:
        if address is None:
            return ()
        known = address in self._services_at
        self._services_at.setdefault(address, {})[service] = None
        return () if known else (address,)

    def _leave(self, service: EntityId, address: str | None) -> tuple[str, ...]:
        if address is None:
            return ()
        left = self._services_at[address]
        del left[service]
        if left:
            return ()
        del self._services_at[address]
        return (address,)
