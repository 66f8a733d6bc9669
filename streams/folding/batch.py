"""Step 7 for a whole batch: a node's ProbeResults, service by service.

Rule: claims first, then what DNS said, then runs in their order; neighbouring runs of one service are folded together,
so that a service whose monitors all turned makes one record. A service that is not folded here refuses, and its
neighbours are folded all the same. Why not one event per service: a batch of a hundred runs folds in the time that
Faust needs for one event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import ProbeResults
from streams.folding.events import Sender, Source
from streams.folding.facts import Fact, Refusal, Refuse
from streams.folding.service import ServiceFold

OwnerOf = Callable[[EntityId, ViewId], NodeId | None]
"""The owner of a service under a view; None where there is none, or the view has not been read here."""


def fold_results(
    folds: Mapping[EntityId, ServiceFold], results: ProbeResults, source: Source, owner_of: OwnerOf, now_ms: int
) -> list[Fact]:
    """Fold a batch into the folds of its services; what is now so, in order."""
    sender = Sender(results.node_id, results.incarnation, results.view_id, source)
    view_id, runs = results.view_id, results.runs
    facts: list[Fact] = []
    for service_id in results.claims:
        fold = folds.get(service_id)
        if fold is None:
            facts.append(_not_here(service_id))
        else:
            facts += fold.claimed(sender, owner_of(service_id, view_id), now_ms)
    for said in results.resolutions:
        fold = folds.get(said.service_id)
        if fold is None:
            facts.append(_not_here(said.service_id))
        else:
            facts += fold.resolved(sender, owner_of(said.service_id, view_id), said, now_ms)
    start, end = 0, len(runs)
    while start < end:
        service_id = runs[start].service_id
        stop = start + 1
        while stop < end and runs[stop].service_id == service_id:
            stop += 1
        fold = folds.get(service_id)
        if fold is None:
            facts.append(_not_here(service_id))
        else:
            facts += fold.reported(sender, owner_of(service_id, view_id), runs[start:stop], now_ms)
        start = stop
    return facts


def _not_here(service_id: EntityId) -> Refuse:
    return Refuse(service_id, Refusal.UNKNOWN_SERVICE, f"{service_id} is not folded here")
