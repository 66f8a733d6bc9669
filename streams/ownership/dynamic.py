"""Step 4 of the flow: which services have a dynamic response time (DRTM), and which one leads them (T12, DR-1).

Rule: of all DRTM services that can be distributed, the one with the lowest entity id is the first, and where its owner
is looked up (`Lead`) all others' is. So redistribution asks of each service whether it is DRTM before it asks for its
own seat (DR-4). Ids are compared as numbers and never reused, so the lead moves only when the first one goes,
comes before, or changes its node groups, and then the whole set is placed anew; every other change touches one service.
Why not a node named for them in the view: then placement would be one more thing that a leader says and others believe.
"""

from __future__ import annotations

from collections.abc import Iterable

from sortedcontainers import SortedKeyList

from schemas.identifiers import EntityId, order_of, seat_of
from schemas.inventory.services import MonitoredService
from streams.ownership.owner import Lead


def is_dynamic(service: MonitoredService) -> bool:
    """Whether one of its monitors that is in use learns its time-out; an internal service is never distributed."""
    learning = (bound for bound in service.bindings if bound.enabled and bound.settings.get("deviation_ms"))
    return not service.internal and next(learning, None) is not None


def lead_of(services: Iterable[MonitoredService]) -> Lead | None:
    """The lead among these services, None if none is dynamic."""
    first = min((one for one in services if is_dynamic(one)), key=lambda one: order_of(one.entity_id), default=None)
    return None if first is None else _lead(first.entity_id, frozenset(first.node_groups))


class DynamicServices:
    """The DRTM services of a configuration, kept up to date as it changes."""

    def __init__(self) -> None:
        self._node_groups: dict[EntityId, frozenset[str]] = {}
        self._ordered: SortedKeyList = SortedKeyList(key=order_of)
        self.lead: Lead | None = None
        """As of the last `settle`."""

    def __contains__(self, entity_id: EntityId) -> bool:
        return entity_id in self._node_groups

    def note(self, entity_id: EntityId, service: MonitoredService | None) -> None:
        """A service came, changed, or is gone (None). `settle` says what follows from all that were noted."""
        if service is not None and is_dynamic(service):
            if entity_id not in self._node_groups:
                self._ordered.add(entity_id)
            self._node_groups[entity_id] = frozenset(service.node_groups)
        elif self._node_groups.pop(entity_id, None) is not None:
            self._ordered.remove(entity_id)

    def settle(self) -> tuple[EntityId, ...]:
        """The services to place anew because the lead is another one; none if it is not."""
        first = self._ordered[0] if self._ordered else None
        lead = None if first is None else _lead(first, self._node_groups[first])
        if lead == self.lead:
            return ()
        self.lead = lead
        return tuple(self._ordered)


def _lead(first: EntityId, node_groups: frozenset[str]) -> Lead:
    return Lead(seat_of(first), node_groups)
