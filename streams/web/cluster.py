"""Nodes and views in JSON.

Rule: a node is what its last heartbeat says, with the age of that; whether it is in the view is for the view to say. Of
views everything in the log is shown, the refused ones with the reason, because a lost race explains what an operator
saw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from schemas.cluster import NodeStatus
from streams.ownership.placement import moved, place
from streams.ownership.view import View
from streams.web.answers import Answer, Json, refused, seconds, time_pair
from streams.web.parameters import Pairs, Problem, no_parameters, views_query
from streams.web.source import JudgedView, Source


def nodes_page(source: Source, pairs: Pairs) -> Answer:
    """`/api/nodes`: every node ever heard of, by name."""
    wrong = no_parameters(pairs)
    if wrong is not None:
        return refused(wrong)
    view = source.held_view()
    partitions = source.partitions_of_nodes()
    statuses = sorted(source.nodes(), key=lambda status: status.node_id)
    now_ms = source.now_ms()
    rows = [
        {**_node(status, now_ms), "in_view": is_member(view, status), "partitions": partitions.get(status.node_id, 0)}
        for status in statuses
    ]
    return Answer(200, {"view_id": view.view_id, "count": len(rows), "nodes": rows})


def views_page(source: Source, pairs: Pairs) -> Answer:
    """`/api/views`: the view in force, and the records of the log, newest first; `next_before` asks for older ones."""
    query = views_query(pairs)
    if isinstance(query, Problem):
        return refused(query)
    judged = source.views()
    older = judged if query.before is None else [each for each in judged if each.offset < query.before]
    shown = older[: -query.limit - 1 : -1]
    more = len(older) > len(shown)
    moved_of = dict(moves(older, query.limit))
    return Answer(
        200,
        {
            "held": _held(source.held_view()),
            "accepted": sum(1 for each in judged if each.refused is None),
            "refused": sum(1 for each in judged if each.refused is not None),
            "next_before": shown[-1].offset if more else None,
            "views": [{**_view(each), "moved_partitions": moved_of.get(each.offset)} for each in shown],
        },
    )


def moves(judged: Sequence[JudgedView], newest: int) -> Iterator[tuple[int, int]]:
    """Of the newest views that came into force: the id, and how many partitions have another node than before."""
    accepted = [each for each in judged if each.refused is None][-newest - 1 :]
    for before, after in pairwise(accepted):
        old, new = (place(member.node_id for member in each.change.members) for each in (before, after))
        yield after.offset, moved(old, new)


def _node(status: NodeStatus, now_ms: int) -> Json:
    """`silent_s`: since the heartbeat was sent, by the two clocks."""
    return {
        "node_id": status.node_id,
        "phase": status.phase.value,
        "missing": list(status.missing),
        "suspect": status.suspect,
        "view_id": status.view_id,
        "incarnation": status.incarnation,
        "engines": status.engines,
        "node_groups": list(status.node_groups),
        "web_url": status.web_url,
        "version": status.version,
        "beat": status.beat,
        **time_pair("started_at", status.started_at_ms),
        **time_pair("sent_at", status.sent_at_ms),
        "silent_s": seconds(max(0, now_ms - status.sent_at_ms) / 1000),
        "applied": {topic: list(positions) for topic, positions in status.applied.items()},
    }


def is_member(view: View, status: NodeStatus) -> bool:
    """Whether this very run of the node is in the view."""
    member = view.member(status.node_id)
    return member is not None and member.incarnation == status.incarnation


def _held(view: View) -> Json:
    return {
        "view_id": view.view_id,
        "generation": view.generation,
        "proposer": view.proposer,
        "members": [_member(each.node, each.incarnation, each.node_groups, each.leaving) for each in view.members],
    }


def _view(judged: JudgedView) -> Json:
    change = judged.change
    return {
        "offset": judged.offset,
        "accepted": judged.refused is None,
        "refused": None if judged.refused is None else judged.refused.name,
        "why": None if judged.refused is None else judged.refused.value,
        "prev_view": change.prev_view,
        "generation": change.generation,
        "proposer": change.proposer,
        **time_pair("proposed_at", change.proposed_at_ms),
        "members": [_member(each.node_id, each.incarnation, each.node_groups, each.leaving) for each in change.members],
    }


def _member(node_id: str, incarnation: str, node_groups: Any, leaving: bool) -> Json:
    return {
        "node_id": node_id,
        "incarnation": incarnation,
        "node_groups": sorted(node_groups),
        "leaving": leaving,
    }
