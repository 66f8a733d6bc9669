"""Single probes again from the runs that were reported of a service (U-6).

Rule: a run is reported at each probe until its count reaches the binding's window, then once a minute, and whole when
it ends; so which probes there were, in which order, is known exactly. When they were is known of the first and last one
of each report; those between are placed evenly, and marked. Only what the owner of the sender's view reported counts,
as in the fold; second opinions and refused reports are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import MeasuredLoad, ProbeResults, ProbeRun, Reason, Verdict
from streams.answers.placed import Placed, Where

OwnerIn = Callable[[ViewId], NodeId | None]
"""The service's owner in a view; None where there was none, or the view never was in force."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe. `placed` is off where its time was reported, on where it was worked out."""

    at_ms: int
    monitor_id: EntityId
    verdict: Verdict
    reason: Reason
    detail: str
    response_us: int
    load: MeasuredLoad | None
    where: Where
    placed: bool


def probes_of(batches: Iterable[Placed[ProbeResults]], service: EntityId, owner_in: OwnerIn) -> list[Probe]:
    """Every probe of a service that counted, by time."""
    known: dict[tuple[str, EntityId], tuple[int, ProbeRun]] = {}
    found: list[Probe] = []
    for batch in batches:
        results = batch.record
        if results.opinion or owner_in(results.view_id) != results.node_id:
            continue
        for run in results.runs:
            if run.service_id == service:
                key = (results.incarnation, run.monitor_id)
                found += _new(run, known.get(key), batch.where)
                known[key] = (run.count, run)
    return sorted(found, key=lambda probe: probe.at_ms)


def _new(run: ProbeRun, known: tuple[int, ProbeRun] | None, where: Where) -> Iterator[Probe]:
    """The probes that a report adds to the one before."""
    if known is not None and known[1].run == run.run:
        if run.sequence <= known[1].sequence:
            return
        counted, since_ms = known[0], known[1].last_at_ms
    else:
        counted, since_ms = 1, run.first_at_ms
        yield _probe(run, run.first_at_ms, where, placed=False)
    fresh = run.count - counted
    for number in range(1, fresh + 1):
        last = number == fresh
        at_ms = run.last_at_ms if last else since_ms + (run.last_at_ms - since_ms) * number // fresh
        yield _probe(run, at_ms, where, placed=not last)


def _probe(run: ProbeRun, at_ms: int, where: Where, placed: bool) -> Probe:
    return Probe(
        at_ms, run.monitor_id, run.verdict, run.reason, run.detail, run.response_avg_us, run.load, where, placed
    )
