"""What `audit` answers, as plain data: the handovers in figures, and every broken promise with its record.

Rule: times are epoch milliseconds and durations seconds, by the units in the names; a list holds every item, and a
table what of it a person reads first. A percentile is the smallest value that so many of the values do not pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from schemas.identifiers import EntityId
from schemas.states import ServiceTransition
from streams.audit.beats import Run
from streams.audit.findings import OWNED_TWICE, Breach, Fault
from streams.audit.monitoring import HandoverFigures, Measured
from streams.audit.past_config import PastConfig
from streams.audit.promise import Audit
from streams.cli.audit_digests import Diverged, service_of

Data = dict[str, Any]
LARGEST = 10


def report(
    cluster: str,
    span_ms: tuple[int, int],
    audited: Audit,
    breaches: Sequence[Breach],
    figures: Sequence[HandoverFigures],
    foreign_lines: Sequence[ServiceTransition],
    unreadable: dict[str, int],
    config: PastConfig,
) -> Data:
    """The whole answer.

    `{"cluster", "from_ms", "to_ms", "kept" (no promise was broken), "views", "views_refused", "records":
    {"effective", "ineffective", "unreadable": {topic: records}}, "double_owners" (services), "handovers": [...],
    "gap": spread, "overlap": spread, "breaches": [...], "ineffective": [...], "stale": [...],
    "foreign_transitions"}`, to which `audit` adds "digests": {"compared", "diverged": [...]}. A spread is
    `{"services", "p50_s", "p99_s", "max_s"}`, null where there is nothing to measure.
    """
    from_ms, to_ms = span_ms
    measured = [one for each in figures if not each.cold for one in each.measured]
    owned_twice = {breach.entity_id for breach in breaches if breach.fault in OWNED_TWICE}
    return {
        "cluster": cluster,
        "from_ms": from_ms,
        "to_ms": to_ms,
        "kept": not breaches,
        "views": sum(from_ms <= reign.from_ms <= to_ms for reign in audited.reigns),
        "views_refused": audited.refused_views,
        "records": {
            "effective": audited.effective,
            "ineffective": len(audited.ineffective),
            "unreadable": unreadable,
        },
        "double_owners": len(owned_twice),
        "handovers": [_handover(each) for each in figures],
        "gap": spread_of([one.gap_ms for one in measured if one.gap_ms]),
        "overlap": spread_of([one.overlap_ms for one in measured if one.overlap_ms]),
        "breaches": [_breach(breach, config) for breach in breaches],
        "ineffective": [
            {
                "service": config.name(record.entity_id),
                "entity_id": record.entity_id,
                "partition": record.partition,
                "offset": record.offset,
                "at_ms": record.at_ms,
                "view_id": record.state.view_id,
                "owner": record.state.owner,
            }
            for record in audited.ineffective
            if record.state is not None and from_ms <= record.at_ms <= to_ms
        ],
        "stale": [
            {
                "service": config.name(one.record.entity_id),
                "partition": one.record.partition,
                "offset": one.record.offset,
                "at_ms": one.record.at_ms,
                "last_for_s": one.for_ms / 1000,
                "repaired": one.repaired,
            }
            for one in audited.stale
            if from_ms <= one.record.at_ms <= to_ms
        ],
        "foreign_transitions": len(foreign_lines),
    }


def spread_of(values_ms: Sequence[int]) -> Data | None:
    """Percentiles in seconds."""
    if not values_ms:
        return None
    ordered = sorted(values_ms)

    def at(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] / 1000

    return {"services": len(ordered), "p50_s": at(0.5), "p99_s": at(0.99), "max_s": ordered[-1] / 1000}


def _handover(figures: HandoverFigures) -> Data:
    handover = figures.handover
    gaps = sorted(figures.measured, key=lambda one: (-one.gap_ms, one.move.life.name))
    return {
        "view_id": handover.after.view.view_id,
        "before_view_id": handover.before.view.view_id,
        "at_ms": handover.after.from_ms,
        "members": list(handover.after.view.nodes),
        "joined": [_run(run) for run in handover.joined],
        "left": [{**_run(run), "in_order": figures.in_order[run]} for run in handover.left],
        "cold": figures.cold,
        "moved": len(handover.moves),
        "unmeasured": figures.unmeasured,
        "unended": sum(not one.ended for one in figures.measured),
        "gap": spread_of([one.gap_ms for one in figures.measured if one.gap_ms]),
        "overlap": spread_of([one.overlap_ms for one in figures.measured if one.overlap_ms]),
        "largest_gaps": [_gap(one) for one in gaps[:LARGEST] if one.gap_ms],
    }


def _run(run: Run) -> Data:
    return {"node_id": run[0], "incarnation": run[1]}


def _gap(one: Measured) -> Data:
    return {
        "service": one.move.life.name,
        "entity_id": one.move.service,
        "before": one.move.before[0],
        "after": one.move.after[0],
        "gap_s": one.gap_ms / 1000,
        "ended": one.ended,
    }


def _breach(breach: Breach, config: PastConfig) -> Data:
    return {
        "fault": breach.fault.name,
        "meaning": breach.fault.value,
        "service": config.name(breach.entity_id),
        "entity_id": breach.entity_id,
        "partition": breach.partition,
        "offset": breach.offset,
        "at_ms": breach.at_ms,
        "text": breach.text,
    }


def diverged_breaches(diverged: Iterable[Diverged], now_ms: int) -> list[Breach]:
    """A node that holds other states than the log gives breaks the promise, whenever that began."""
    return [
        Breach(
            Fault.DIVERGED,
            EntityId("") if one.explained is None else service_of(one.explained),
            one.partition,
            one.offset if one.explained is None else one.explained.offset,
            diverged_text(one),
            now_ms,
        )
        for one in diverged
    ]


def diverged_text(one: Diverged) -> str:
    """What a person is told: who, where, and by which record."""
    where = f"{one.node_id} differs in partition {one.partition} by the records before offset {one.offset}"
    found = one.explained
    if found is None:
        return f"{where}: more than one record, or one that the log never had"
    held = "nothing" if found.held is None else f"the record at {found.held.offset}"
    wanted = "nothing" if found.wanted is None else f"that at {found.wanted.offset}"
    return f"{where}: of {service_of(found)} it holds {held}, the log gives {wanted}"


def diverged_data(one: Diverged) -> Data:
    """`{"node_id", "partition", "offset", "node_digest", "log_digest", "record": {"entity_id", "first_offset",
    "held_offset", "log_offset"} or null}`: the digests in hexadecimal.
    """
    found = one.explained
    return {
        "node_id": one.node_id,
        "partition": one.partition,
        "offset": one.offset,
        "node_digest": f"{one.node_digest:016x}",
        "log_digest": f"{one.log_digest:016x}",
        "record": None
        if found is None
        else {
            "entity_id": service_of(found),
            "first_offset": found.offset,
            "held_offset": None if found.held is None else found.held.offset,
            "log_offset": None if found.wanted is None else found.wanted.offset,
        },
    }


def in_span(breaches: Iterable[Breach], from_ms: int, to_ms: int) -> list[Breach]:
    """Those of the time that is asked for."""
    return [breach for breach in breaches if from_ms <= breach.at_ms <= to_ms]
