"""Another process with our node id: who stays, who goes (F15).

Rule: a node listens before it speaks: where the log's last heartbeat under its id is another run's and fresh, it waits
for one more. Later, of two runs the one in the view stays, and where neither is in it the earlier one; so a woken
zombie goes when it finds itself replaced, and a newcomer never drives out a node that serves.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from schemas.cluster import NodeStatus, Phase
from schemas.identifiers import NodeId
from streams.faust_app.identity import NodeIdentity
from streams.node.refusals import MayNotServe
from streams.ownership.view import View

LISTEN_POLL_S = 0.02
ACTIVE = (Phase.JOINING, Phase.SERVING)


class NodeIdTaken(MayNotServe):
    """Another live process uses this node id. Nothing was changed; the message says what to do."""

    def __init__(self, twin: NodeStatus) -> None:
        super().__init__(
            f"node id {twin.node_id!r} is in use by another process (incarnation {twin.incarnation}, started at "
            f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(twin.started_at_ms / 1000))} UTC): "
            "stop that one, or give this node another --id"
        )


def is_other_run(status: NodeStatus | None, identity: NodeIdentity) -> bool:
    """Whether this is the heartbeat of another active run of our node id."""
    return (
        status is not None
        and status.node_id == identity.node_id
        and status.incarnation != identity.incarnation
        and status.phase in ACTIVE
    )


def listen(
    last: Callable[[], NodeStatus | None], identity: NodeIdentity, session_s: float, now_ms: Callable[[], int]
) -> NodeStatus | None:
    """The live twin, if one beats while we listen: at most a session, and only where its last beat is fresh. Blocks."""
    first = last()
    if first is None or not is_other_run(first, identity) or now_ms() - first.sent_at_ms > session_s * 1000:
        return None
    deadline_s = time.monotonic() + session_s
    while time.monotonic() < deadline_s:
        status = last()
        if status is not None and is_other_run(status, identity) and status.beat != first.beat:
            return status
        time.sleep(LISTEN_POLL_S)
    return None


def must_yield(twin: NodeStatus, identity: NodeIdentity, view: View) -> bool:
    """Whether this run goes, now that a twin was heard beside it."""
    member = view.member(NodeId(identity.node_id))
    if member is not None:
        return member.incarnation == twin.incarnation
    return twin.incarnation < identity.incarnation
