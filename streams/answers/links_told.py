"""The second half of the chain: who owns the service and why, what was told, and what each node has of it.

Rule: the owner is worked out by the rule of production from the view and the configuration of then, and beside it
stands who told the record; where the two differ, a handover is under way. Every node in the preference list before the
owner is named with the reason why it is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.effective import effective
from schemas.identifiers import SEATS, NodeId, partition_of, seat_of
from schemas.probes import PathState
from schemas.states import State
from streams.answers.chain import Link, NodeState, Step
from streams.answers.evidence import Evidence
from streams.answers.history import Told
from streams.answers.nodes_then import Applied, Position, position_of
from streams.answers.placed import Where
from streams.answers.views_then import hosts_of
from streams.ownership.dynamic import is_dynamic
from streams.ownership.hashing import preference_list
from streams.ownership.owner import seating
from streams.ownership.placement import place
from streams.ownership.view import View

DYNAMIC = "is not the owner of the first DRTM service"


def owner_link(evidence: Evidence) -> Link:
    """Who is to monitor the service in the view of then: the preference list, and who is passed over, and why."""
    service = evidence.service
    view, where = evidence.views.at(evidence.at_ms)
    if service.internal:
        return Link(Step.OWNER, "an internal service: every node probes its own", where, {"internal": True})
    seat, partition = seat_of(service.entity_id), partition_of(service.entity_id)
    candidates = candidates_of(evidence, view)
    folder = place(view.nodes).node_of(partition)
    passed = [f"{node} {why}" for node, why in candidates if why]
    text = f"{evidence.owner or 'nobody'} in view {view.view_id} of {len(view.nodes)} nodes, seat {seat}"
    text += f"; {', '.join(passed)}" if passed else ""
    values = {
        "owner": evidence.owner,
        "view_id": view.view_id,
        "members": list(view.nodes),
        "seat": seat,
        "seated": seating(view).node_of(seat),
        "partition": partition,
        "folder": folder,
        "node_groups": list(service.node_groups),
        "preference_list": [{"node_id": node, "passed_over": why or None} for node, why in candidates],
    }
    return Link(Step.OWNER, f"{text}; {folder or 'nobody'} folds partition {partition}", where, values)


def candidates_of(evidence: Evidence, view: View) -> list[tuple[NodeId, str]]:
    """Every known node in the order of preference, and why it is passed over; empty for the owner and those behind."""
    service, owner = evidence.service, evidence.owner
    hosts, seat = hosts_of(service, view), seat_of(service.entity_id)
    found: list[tuple[NodeId, str]] = []
    before_owner = True
    for node in preference_list(seat, {*view.nodes, *evidence.beats}, SEATS):
        before_owner = before_owner and node != owner
        if node not in view.nodes:
            found.append((node, "is not in the view"))
        elif node in view.leaving:
            found.append((node, "is leaving"))
        elif node not in hosts:
            found.append((node, "does not host it"))
        elif before_owner:
            found.append((node, DYNAMIC if is_dynamic(service) else "has its share of seats"))
        else:
            found.append((node, ""))
    return found


def told_links(evidence: Evidence, told: Told) -> Iterator[Link]:
    """The state record, and the record that caused it."""
    cause = told.cause
    text = f"{told.state.value} by {told.owner} under view {told.order[0]}, sequence {told.sequence}"
    if evidence.owner not in (None, told.owner):
        text += f"; {evidence.owner} is owner by the view, and has not told anything yet"
    values: dict[str, object] = {
        "state": told.state.value,
        "owner": told.owner,
        "view_id": told.order[0],
        "sequence": told.sequence,
        "changed_at_ms": told.changed_at_ms,
        "updated_at_ms": told.record.updated_at_ms if told.record else told.where.at_ms,
        "incarnation": told.record.incarnation if told.record else None,
        "cause": {
            "kind": cause.kind.value,
            "text": cause.text,
            "topic": cause.topic,
            "partition": cause.partition,
            "offset": cause.offset,
        },
    }
    yield Link(Step.TOLD, text, told.where, values)
    yield Link(Step.CAUSE, cause.text, Where(cause.topic, cause.partition, cause.offset), {"kind": cause.kind.value})


def node_links(evidence: Evidence, told: Told | None, node: NodeId | None) -> Iterator[tuple[Link, NodeState]]:
    """Per node of the view, and per node that was heard of lately: what it has of the record, and what it holds."""
    view, _ = evidence.views.at(evidence.at_ms)
    names = sorted({*view.nodes, *evidence.beats}) if node is None else [node]
    for name in names:
        position = position_of(
            evidence.beats.get(name, ()),
            told.where if told is not None and told.record is not None else None,
            evidence.configured_at,
            evidence.at_ms,
        )
        yield node_link(evidence, told, name, position, name in view.nodes)


def node_link(
    evidence: Evidence, told: Told | None, name: NodeId, position: Position, in_view: bool
) -> tuple[Link, NodeState]:
    """One node's line, and the state it held."""
    held, path = held_record(evidence, told, position), evidence.path_of(name)
    state = None if held is None else _served(held, path)
    beat = position.beat
    phase = beat.record.phase.value if beat else "never heard"
    where_text = f"{phase}, {'in' if in_view else 'not in'} the view"
    told_text = f", told {held.state.value}" if held and held.state is not state else ""
    text = f"{name}: {state.value if state else 'nothing'}{told_text}; {position.applied.value}; {where_text}"
    values = {
        "node_id": name,
        "state": state.value if state else None,
        "told": held.state.value if held else None,
        "path": path.value,
        "applied": position.applied.name,
        "next_offset": position.next_offset,
        "phase": beat.record.phase.value if beat else None,
        "view_id": beat.record.view_id if beat else None,
        "in_view": in_view,
        "heartbeat_age_ms": position.age_ms,
    }
    if beat is None:
        return Link(Step.NODES, text, values=values), NodeState(name, state)
    return Link(Step.NODES, text, beat.where, values), NodeState(name, state)


def held_record(evidence: Evidence, told: Told | None, position: Position) -> Told | None:
    """What a node held: the record if it had applied it, else the one before as far as it had read."""
    if told is None or position.applied is Applied.CACHED:
        return None
    if position.applied in (Applied.NOT_YET, Applied.UNSURE) and position.next_offset is not None:
        return evidence.history.before(told, position.next_offset)
    return told


def _served(held: Told, path: PathState) -> State:
    """The state by which a node serves (P-4)."""
    return held.state if held.record is None else effective(held.state, held.record.path_monitoring, path)
