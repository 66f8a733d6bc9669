"""The pulse of a node for those who watch: once a second the time, the node's own health, the nodes and the view.

Rule: what a person must see before any service: does who tells me this know what it tells, and how old is it? A page
that hears no pulse says so by itself. Pure.
"""

from __future__ import annotations

from streams.web.answers import Json, seconds
from streams.web.cluster import is_member
from streams.web.health import reasons
from streams.web.source import Source


def pulse(source: Source) -> Json:
    """As of now."""
    now_ms, health, view = source.now_ms(), source.health(), source.held_view()
    why_not = list(reasons(health, now_ms))
    partitions = source.partitions_of_nodes()
    nodes = [
        {
            "node_id": status.node_id,
            "phase": status.phase.value,
            "missing": list(status.missing),
            "suspect": status.suspect,
            "in_view": is_member(view, status),
            "partitions": partitions.get(status.node_id, 0),
            "view_id": status.view_id,
            "web_url": status.web_url,
            "engines": status.engines,
            "version": status.version,
            "started_at_ms": status.started_at_ms,
            "silent_s": seconds(max(0, now_ms - status.sent_at_ms) / 1000),
        }
        for status in sorted(source.nodes(), key=lambda each: each.node_id)
    ]
    silent_s = seconds(health.kafka.silent_s)
    return {
        "now_ms": now_ms,
        "node_id": health.node_id,
        "phase": health.phase.value,
        "complete": source.complete(),
        "ok": not why_not,
        "reasons": why_not,
        "states_age_s": seconds(source.states_age_s()),
        "kafka": {"connected": health.kafka.connected, "silent_s": silent_s},
        "lease_held": health.lease_held,
        "lag_ms": max((engine.lag_ms for engine in health.engines), default=None),
        "engines": len(health.engines),
        "owned_services": health.owned_services,
        "outbox_pending": health.outbox_pending,
        "view": {"view_id": view.view_id, "members": list(view.nodes), "proposer": view.proposer},
        "nodes": nodes,
    }
