"""What a node says of itself with each heartbeat.

Rule: it is asked on the heartbeat's own thread, so it reads plain attributes and copies, and waits for nothing: a node
whose loop is busy must still be able to say that it is alive. Why not have the loop prepare it: then a slow loop would
look like a dead node, and the lease would go with it.
"""

from __future__ import annotations

import time
from typing import Protocol

from connectors.engine.ping_access import access_text, ping_access
from connectors.replica.digest import packed
from schemas.cluster import NodeStatus, Phase
from streams.faust_app.identity import NodeIdentity
from streams.node.monitoring import Monitoring
from streams.node.replicas import Replicas
from streams.node.settings import NodeSettings
from streams.node.views import Views

VERSION = "0.1.0"


class Beating(Protocol):
    """The node, as far as its status goes."""

    settings: NodeSettings
    identity: NodeIdentity
    phase: Phase
    missing: tuple[str, ...]
    started_at_ms: int
    views: Views
    replicas: Replicas
    monitoring: Monitoring


def status_of(node: Beating, beat: int) -> NodeStatus:
    """Heartbeat number `beat`."""
    settings = node.settings
    digest_offsets, digests = packed(node.replicas.states.digests())
    return NodeStatus(
        node_id=settings.node_id,
        incarnation=node.identity.incarnation,
        phase=node.phase,
        node_groups=settings.hosted_groups,
        engines=settings.engines,
        web_url=settings.web_url,
        view_id=node.views.held.view_id,
        applied=node.replicas.positions(),
        missing=node.missing,
        beat=beat,
        started_at_ms=node.started_at_ms,
        sent_at_ms=time.time_ns() // 1_000_000,
        version=VERSION,
        suspect=node.monitoring.own_health.said,
        pings=access_text(ping_access()),
        digest_offsets=digest_offsets,
        digests=digests,
    )
