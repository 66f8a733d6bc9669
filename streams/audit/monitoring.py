"""Gaps and overlaps of monitoring at each handover (U-4): who probed which service when.

Rule: the old owner is taken to probe until its successor's first effective record (make before break) if it lived so
long by its heartbeats, and else until its last beat; the new owner probes from the first probe that it reports, which
may take a while: where none has come yet, the log's last REPORT_WAIT_MS prove nothing. A gap is what lies between,
beyond the service's interval; an overlap is for how long both probed. Where the old owner's beats are no longer in the
log nothing is said: its reports alone are up to a minute old. Times are the nodes' own clocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.identifiers import EntityId, partition_of
from schemas.probes import ProbeResults, Verdict
from streams.audit.beats import Beats, Run
from streams.audit.findings import NO_OFFSET, Breach, Fault
from streams.audit.handovers import Handover, Move, runs_of
from streams.audit.liveness import Declared

REPORT_WAIT_MS = 8_000
"""So long a report from which nothing follows may be on its way: in the engine, and in a node that takes over."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One service at one handover. `gap_ms` and `overlap_ms`: one of them is 0; `ended`: somebody probes it again."""

    move: Move
    gap_ms: int
    overlap_ms: int
    ended: bool


@dataclass(frozen=True, slots=True)
class HandoverFigures:
    """A handover in figures. `cold`: nobody of the view before was left to hand over; `unmeasured`: services of which
    the log no longer tells who probed them.
    """

    handover: Handover
    cold: bool
    in_order: Mapping[Run, bool]
    measured: Sequence[Measured]
    unmeasured: int


@dataclass(slots=True)
class _Evidence:
    """What was met of a move so far."""

    move: Move
    old_until_ms: int | None = None
    old_said_ms: int = 0
    old_failed: bool = False
    new_from_ms: int | None = None


class Monitoring:
    """Takes every batch of `probe-results` of the time in question, in any order; then `figures`."""

    def __init__(
        self,
        handovers: Sequence[Handover],
        beats: Beats,
        declared: Mapping[EntityId, Sequence[Declared]],
        until_ms: int,
    ) -> None:
        self._beats, self._until_ms = beats, until_ms
        self._evidence: list[tuple[Handover, dict[EntityId, _Evidence]]] = []
        self._by_service: dict[EntityId, list[tuple[Handover, _Evidence]]] = defaultdict(list)
        for handover in handovers:
            found = {move.service: self._begin(handover, move, declared) for move in handover.moves.values()}
            self._evidence.append((handover, found))
            for service, evidence in found.items():
                self._by_service[service].append((handover, evidence))

    def take(self, batch: ProbeResults) -> None:
        """What one node says it probed; an opinion that was asked for is no monitoring."""
        if batch.opinion:
            return
        by: Run = (batch.node_id, batch.incarnation)
        for run in batch.runs:
            for handover, evidence in self._by_service.get(run.service_id, ()):
                if batch.view_id >= handover.after.view.view_id:
                    first_ms = max(run.first_at_ms, handover.after.from_ms)
                    evidence.new_from_ms = min(first_ms, evidence.new_from_ms or first_ms)
                elif by == evidence.move.before and run.last_at_ms >= evidence.old_said_ms:
                    evidence.old_said_ms, evidence.old_failed = run.last_at_ms, run.verdict is Verdict.DOWN

    def figures(self) -> list[HandoverFigures]:
        """What came of each handover."""
        found = []
        for handover, evidence in self._evidence:
            measured = [one for each in evidence.values() if (one := self._measure(each)) is not None]
            found.append(
                HandoverFigures(
                    handover,
                    not self._beats.was_alive(runs_of(handover.before.view), handover.after.from_ms),
                    {run: self._beats.left_in_order(run) for run in handover.left},
                    measured,
                    len(evidence) - len(measured),
                )
            )
        return found

    def _begin(self, handover: Handover, move: Move, declared: Mapping[EntityId, Sequence[Declared]]) -> _Evidence:
        view_id = handover.after.view.view_id
        first = next((one for one in declared.get(move.service, ()) if one.view_id >= view_id), None)
        at_ms = self._until_ms if first is None else first.at_ms
        return _Evidence(move, self._beats.alive_until(move.before, at_ms))

    def _measure(self, evidence: _Evidence) -> Measured | None:
        until_ms = evidence.old_until_ms
        if until_ms is None:
            return None
        life = evidence.move.life
        pause_ms = max(life.interval_ms, life.down_ms) if evidence.old_failed else life.interval_ms
        from_ms, ended = evidence.new_from_ms, evidence.new_from_ms is not None
        if from_ms is None:
            if life.until_ms is not None:
                return None
            from_ms = self._until_ms - REPORT_WAIT_MS
        gap_ms = max(0, from_ms - until_ms - pause_ms)
        overlap_ms = max(0, max(until_ms, evidence.old_said_ms) - from_ms) if ended else 0
        return Measured(evidence.move, gap_ms, 0 if gap_ms else overlap_ms, ended)


def long_gaps(figures: Iterable[HandoverFigures], failover_ms: int) -> list[Breach]:
    """Services that nobody probed for longer than the failover time, but for those of a cold start."""
    return [
        Breach(
            Fault.LONG_GAP,
            one.move.service,
            partition_of(one.move.service),
            NO_OFFSET,
            f"{one.move.life.name}: unprobed for {one.gap_ms} ms between {one.move.before[0]} and {one.move.after[0]}"
            + ("" if one.ended else ", and still"),
            each.handover.after.from_ms,
        )
        for each in figures
        if not each.cold
        for one in each.measured
        if one.gap_ms > failover_ms
    ]
