"""Which view was in force from when until when, and who owned a service in it.

Rule: the order of the log decides which views were in force (`streams.ownership.view`); times only say how long. A
record's time is its producer's, so a time that went back is read as the one before it. A reign may have more than one
owner of a service, one after the other: a change of node groups, or of the first service with a dynamic response time,
moves ownership without a new view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from schemas.cluster import ViewChange
from schemas.identifiers import EntityId, NodeId, seat_of
from streams.ownership.owner import OwnerKind, owner_of_kind, seating
from streams.ownership.view import ProposedView, View, accepted_views, proposed_view


@dataclass(frozen=True, slots=True)
class Reign:
    """A view and its time in force, in epoch milliseconds; `until_ms` None: still in force at the end of the log."""

    view: View
    from_ms: int
    until_ms: int | None

    def lasted(self, at_ms: int) -> bool:
        """Whether it was still in force at an instant after its begin."""
        return self.until_ms is None or at_ms < self.until_ms


OwnersOf = Callable[[EntityId, Reign], Sequence[NodeId]]
"""Who owned a service in a reign, in the order in which they did; mostly one, none if no member hosts it."""


def reigns(changes: Iterable[tuple[int, ViewChange]]) -> list[Reign]:
    """Every view that came into force, from the (offset, record) pairs of `views` in offset order."""
    times: dict[int, int] = {}
    latest_ms = 0

    def proposals() -> Iterable[tuple[int, ProposedView]]:
        nonlocal latest_ms
        for offset, change in changes:
            latest_ms = times[offset] = max(latest_ms, change.proposed_at_ms)
            yield offset, proposed_view(change)

    in_force = list(accepted_views(proposals()))
    starts = [times[view.view_id] for view in in_force]
    ends = [*starts[1:], None]
    return [Reign(view, start, end) for view, start, end in zip(in_force, starts, ends[: len(starts)], strict=True)]


def owner_in(service: EntityId, view: View, kind: OwnerKind | None = None) -> NodeId | None:
    """Who monitors a service of this kind in a view; None: one that every node hosts."""
    return owner_of_kind(kind or OwnerKind(seat_of(service), frozenset()), seating(view), view)


def hosted_everywhere(service: EntityId, reign: Reign) -> Sequence[NodeId]:
    """The owner where no service has a node group."""
    found = owner_in(service, reign.view)
    return () if found is None else (found,)
