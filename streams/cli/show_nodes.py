"""Nodes and views as `show` tells them: who serves, how far behind each is, and what became of every proposed view.

Rule: a node's own heartbeat is shown as it was told, and beside it what follows from the log: its partitions by the
view in force, how far its applied offsets are behind the ends (T4), and how old its last word is. A node that was
killed still reads SERVING in its last heartbeat, so an old one is marked stale.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from schemas.cluster import NodeStatus, Phase
from schemas.identifiers import PARTITIONS, NodeId
from schemas.inventory.services import services
from schemas.topics import NODES
from streams.cli.show_lag import TimesOf, behind_since_ms, lag_of, unapplied
from streams.cli.show_read import Knowledge, ViewRecord
from streams.cli.show_services import elected_owner
from streams.ownership.placement import moved, place
from streams.ownership.view import View

STALE_MS = 3_000
"""A living node tells itself every half second; after so long without a word it may be dead."""
Data = dict[str, Any]


def node_list(known: Knowledge) -> list[Data]:
    """Every node that ever told itself and was not forgotten, and members of the view that never did; by id.

    One: `{"node_id", "phase", "incarnation", "view_id", "engines", "node_groups", "web_url", "version",
    "started_at_ms", "sent_at_ms", "beat", "missing": [...], "in_view", "partitions": [...], "owned" (services that
    the view in force gives it), "told" (states that name it), "heartbeat_age_ms", "stale", "suspect" (it doubts itself,
    U-8), "pings" (with which socket it pings, or the cure), "behind": {topic: records}, "behind_records"}`. The `nodes`
    topic is left out of `behind_records`: every heartbeat is one behind itself.
    """
    elected = Counter(elected_owner(known, service) for service in services(known.entities))
    told = Counter(state.owner for state in known.states.values())
    names = sorted({*known.nodes, *known.view.nodes})
    return [
        {
            **_status(known.nodes.get(node)),
            **_standing(known, node),
            "owned": elected[node],
            "told": told[node],
        }
        for node in names
    ]


def node_detail(known: Knowledge, one: Data, times_of: TimesOf) -> Data:
    """One row of `node_list`, and how far its node is behind: with "lag" (see `show_lag.lag_of`), "behind_since_ms" and
    "behind_for_ms" (null where it has applied all that counts).
    """
    status = known.nodes.get(one["node_id"])
    applied = {} if status is None else status.applied
    lags = lag_of(applied, known.positions, times_of(unapplied(applied, known.positions)))
    since_ms = behind_since_ms(lags)
    for_ms = None if since_ms is None else max(0, known.now_ms - since_ms)
    return {**one, "lag": lags, "behind_since_ms": since_ms, "behind_for_ms": for_ms}


def _status(status: NodeStatus | None) -> Data:
    if status is None:
        return {
            "phase": None,
            "suspect": False,
            "pings": "",
            "missing": [],
            "sent_at_ms": None,
            "web_url": None,
            "engines": None,
            "node_groups": [],
        }
    return {
        "phase": status.phase.value,
        "suspect": status.suspect,
        "pings": status.pings,
        "incarnation": status.incarnation,
        "view_id": status.view_id,
        "engines": status.engines,
        "node_groups": list(status.node_groups),
        "web_url": status.web_url,
        "version": status.version,
        "started_at_ms": status.started_at_ms,
        "sent_at_ms": status.sent_at_ms,
        "beat": status.beat,
        "missing": list(status.missing),
    }


def _standing(known: Knowledge, node: NodeId) -> Data:
    status = known.nodes.get(node)
    age_ms = None if status is None else known.now_ms - status.sent_at_ms
    behind = {} if status is None else behind_of(status.applied, known.positions)
    alive = status is None or status.phase is not Phase.LEFT
    return {
        "node_id": node,
        "in_view": node in known.view.nodes,
        "partitions": list(place(known.view.nodes).partitions_of(node)),
        "heartbeat_age_ms": age_ms,
        "stale": alive and (age_ms is None or age_ms > STALE_MS),
        "behind": behind,
        "behind_records": sum(records for topic, records in behind.items() if topic != NODES.name),
    }


def behind_of(applied: Mapping[str, tuple[int, ...]], ends: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Per topic, the records that stand in the log and the node has not applied; never below 0."""
    return {
        topic: sum(max(0, end - done) for end, done in zip(ends[topic], offsets, strict=False))
        for topic, offsets in applied.items()
        if topic in ends
    }


def view_list(known: Knowledge) -> list[Data]:
    """Every record of `views`, newest first.

    One: `{"view_id" (its offset), "prev_view", "generation", "members": [{"node_id", "incarnation", "node_groups",
    "leaving"}], "proposer", "proposed_at_ms", "accepted", "in_force", "refusal" (such as "LOST_RACE", null if
    accepted), "refusal_text", "partitions_moved" (null if refused)}`.
    """
    return [_view(record, known.view) for record in reversed(known.views)]


def _view(record: ViewRecord, in_force: View) -> Data:
    change, outcome = record.change, record.outcome
    accepted = isinstance(outcome, View)
    return {
        "view_id": record.offset,
        "prev_view": change.prev_view,
        "generation": change.generation,
        "members": [
            {
                "node_id": member.node_id,
                "incarnation": member.incarnation,
                "node_groups": list(member.node_groups),
                "leaving": member.leaving,
            }
            for member in change.members
        ],
        "proposer": change.proposer,
        "proposed_at_ms": change.proposed_at_ms,
        "accepted": accepted,
        "in_force": accepted and record.offset == in_force.view_id,
        "refusal": None if isinstance(outcome, View) else outcome.reason.name,
        "refusal_text": None if isinstance(outcome, View) else outcome.reason.value,
        "partitions_moved": partitions_moved(record.before, outcome) if isinstance(outcome, View) else None,
    }


def partitions_moved(before: View, after: View) -> int:
    """How many partitions have another node; all of them when there was none before or is none after."""
    if not before.members or not after.members:
        return PARTITIONS if before.members or after.members else 0
    return moved(place(before.nodes), place(after.nodes))
