"""Step 7 for a whole batch: a node's ProbeResults, service by service.

Rule: claims first, then what DNS said and what was learnt of links, then runs in their order; neighbouring runs of one
service are folded together, so that a service whose monitors all turned makes one record. A service that is not folded
here refuses, and its neighbours are folded all the same. Why not one event per service: a batch of a hundred runs folds
in the time that Faust needs for one event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from schemas.identifiers import EntityId, NodeId, Partition, ViewId, partition_of
from schemas.probes import ProbeResults, ProbeRun
from streams.folding.events import Sender, Source
from streams.folding.facts import Fact, Refusal, Refuse
from streams.folding.service import ServiceFold

Ask = Callable[[EntityId, ViewId], NodeId | None]
"""Whom to ask for a second opinion of a service under a view; None where there is nobody."""

OwnerOf = Callable[[EntityId, ViewId], NodeId | None]
"""The owner of a service under a view; None where there is none, or the view has not been read here."""

OneFolder = Callable[[Partition, ViewId, ViewId], Sequence[ViewId]]
"""The views behind one up to another, if the same run of a node writes the partition in all of them; else none."""


def nobody(_service: EntityId, _view: ViewId) -> NodeId | None:
    """For senders that do not doubt themselves."""
    return None


def fold_results(
    folds: Mapping[EntityId, ServiceFold],
    results: ProbeResults,
    source: Source,
    owner_of: OwnerOf,
    now_ms: int,
    ask: Ask = nobody,
    of_one_folder: OneFolder = lambda *_: (),
) -> list[Fact]:
    """Fold a batch into the folds of its services; what is now so, in order."""
    sender = Sender(results.node_id, results.incarnation, results.view_id, source)
    ask = ask if results.suspect else nobody
    if results.opinion:
        return fold_opinions(folds, results.runs, sender, now_ms, ask)
    view_id, runs = results.view_id, results.runs
    facts: list[Fact] = []
    for service_id in results.claims:
        fold = folds.get(service_id)
        if fold is None:
            facts.append(_not_here(service_id))
        else:
            facts += fold.claimed(sender, owner_of(service_id, view_id), now_ms, ask(service_id, view_id))
    for said in results.resolutions:
        fold = folds.get(said.service_id)
        if fold is None:
            facts.append(_not_here(said.service_id))
        else:
            service_id = said.service_id
            facts += fold.resolved(sender, owner_of(service_id, view_id), said, now_ms, ask(service_id, view_id))
    for link in results.links:
        fold = folds.get(link.service_id)
        if fold is not None:  # its runs, which come with it, say so if it is not here
            fold.linked(sender, owner_of(link.service_id, view_id), link)
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
            some, asked = runs[start:stop], ask(service_id, view_id) if results.suspect else None
            owner = owner_of(service_id, view_id)
            on = owner == sender.node_id and goes_on(fold, sender, owner_of, of_one_folder)
            facts += fold.reported(sender, owner, some, now_ms, asked, on)
        start = stop
    return facts


def goes_on(fold: ServiceFold, sender: Sender, owner_of: OwnerOf, of_one_folder: OneFolder) -> bool:
    """Whether the sender, an owner, has been that in every view since its last record's, with one run as the writer."""
    record = fold.record
    if record is None or record.view_id >= sender.view_id or record.incarnation != sender.incarnation:
        return False
    views = of_one_folder(partition_of(fold.entity_id), record.view_id, sender.view_id)
    return bool(views) and all(owner_of(fold.entity_id, view) == sender.node_id for view in views)


def fold_opinions(
    folds: Mapping[EntityId, ServiceFold], runs: tuple[ProbeRun, ...], sender: Sender, now_ms: int, ask: Ask
) -> list[Fact]:
    """Fold a batch of second opinions (U-8)."""
    facts: list[Fact] = []
    for service_id, some in groupby(runs, key=lambda run: run.service_id):
        fold = folds.get(service_id)
        if fold is None:
            facts.append(_not_here(service_id))
        else:
            facts += fold.opined(sender, tuple(some), now_ms, ask(service_id, sender.view_id))
    return facts


def _not_here(service_id: EntityId) -> Refuse:
    return Refuse(service_id, Refusal.UNKNOWN_SERVICE, f"{service_id} is not folded here")
