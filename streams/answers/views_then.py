"""Step 3 of the flow, looked back at: which view was in force when, and by which record.

Rule: the order of the log decides which views were in force (`streams.ownership.view`); a record's time only says since
when. Owners follow from a view and a service's node groups by the rule of production, so who owned a service in a view
that is long gone needs no record of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.cluster import ViewChange
from schemas.identifiers import NodeId, ViewId, seat_of
from schemas.inventory.entities import Entities
from schemas.inventory.services import MonitoredService, services
from streams.answers.placed import NOWHERE, Placed, Where
from streams.ownership.dynamic import is_dynamic, lead_of
from streams.ownership.owner import Lead, OwnerKind, owner_of_kind, seating, second_of_kind
from streams.ownership.view import EMPTY_VIEW, View, accept, proposed_view


@dataclass(frozen=True, slots=True)
class ViewsThen:
    """Every view that came into force, in order, with its record."""

    views: tuple[View, ...]
    places: tuple[Where, ...]

    def at(self, at_ms: int) -> tuple[View, Where]:
        """The view in force at an instant, and its record; the empty one, at no place, before the first."""
        index = bisect_right(self.places, at_ms, key=lambda where: where.at_ms) - 1
        return (self.views[index], self.places[index]) if index >= 0 else (EMPTY_VIEW, NOWHERE)

    def until_ms(self, view_id: ViewId) -> int | None:
        """When the next view came into force; None: it is still in force, or never was."""
        index = bisect_right(self.views, view_id, key=lambda view: view.view_id)
        return self.places[index].at_ms if 0 < index < len(self.places) else None

    def by_id(self, view_id: ViewId) -> View | None:
        """A view by its id; None if it was never in force."""
        index = bisect_right(self.views, view_id, key=lambda view: view.view_id) - 1
        return self.views[index] if index >= 0 and self.views[index].view_id == view_id else None


def views_then(records: Iterable[Placed[ViewChange]]) -> ViewsThen:
    """The views of the `views` topic, from its first record on, in offset order."""
    held, views, places = EMPTY_VIEW, [], []
    for placed in records:
        outcome = accept(held, proposed_view(placed.record), placed.where.offset)
        if isinstance(outcome, View):
            held = outcome
            views.append(outcome)
            places.append(placed.where)
    return ViewsThen(tuple(views), tuple(places))


def hosts_of(service: MonitoredService, view: View) -> frozenset[NodeId]:
    """The members of a view that have the service configured (A-1)."""
    groups = frozenset(service.node_groups)
    return frozenset(member.node for member in view.members if member.hosts(groups))


def elected(service: MonitoredService, view: View, lead: Lead | None) -> NodeId | None:
    """Who is to monitor a service in a view; None for an internal one, and where nobody can. `lead`: see `lead_for`."""
    if service.internal:
        return None
    kind = OwnerKind(seat_of(service.entity_id), frozenset(service.node_groups), lead=lead)
    return owner_of_kind(kind, seating(view), view)


def second(service: MonitoredService, view: View, lead: Lead | None) -> NodeId | None:
    """Who is asked for a second opinion of a service in a view (U-8)."""
    kind = OwnerKind(seat_of(service.entity_id), frozenset(service.node_groups), service.internal, lead)
    return second_of_kind(kind, seating(view), view)


def lead_for(service: MonitoredService, entities: Entities) -> Lead | None:
    """The lead of a DRTM service (T12); None for every other."""
    return lead_of(services(entities)) if is_dynamic(service) else None
