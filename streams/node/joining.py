"""How a node begins: everything that others know is read before it may own anything (V-9).

Rule: one gate after the other, named in the node's status while it waits (`missing`): the control topics, then, with
the heartbeat on, all the others; at the end it is asked whether the topics belong together. Only then the node joins
the group. Why the heartbeat so early: an operator who waits for a long replay sees for what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from structlog import get_logger

from connectors.replica.base import NotReady, Replica
from schemas.cluster import NodeStatus
from streams.faust_app.identity import NodeIdentity
from streams.node.heartbeat import Heartbeat
from streams.node.refusals import TopicsDisagree, disagreement, told_by
from streams.node.replicas import Replicas
from streams.node.settings import NodeSettings
from streams.node.twins import NodeIdTaken, listen
from streams.node.views import Views

log = get_logger()

REPLAY_DEADLINE_S = 600.0
REPLAY_POLL_S = 5.0
AGREEMENT_S = 5.0
"""How long states may be ahead of the views and commands that this node has read."""
AGREEMENT_POLL_S = 0.1


class Joiner(Protocol):
    """The node, as far as its beginning goes."""

    settings: NodeSettings
    identity: NodeIdentity
    missing: tuple[str, ...]
    replicas: Replicas
    heartbeat: Heartbeat
    views: Views
    stopping: asyncio.Event
    revision: int

    def now_ms(self) -> int: ...


async def replay(node: Joiner) -> None:
    """Read all that is there. Raises NotReady, NodeIdTaken or TopicsDisagree; returns early if the node is to stop."""
    for name, replica in node.replicas.gates():
        node.missing = (name,)
        await _wait_ready(node, name, replica)
        if replica is node.replicas.control and not node.stopping.is_set():
            await _begin_to_beat(node)
    if not node.stopping.is_set():
        node.missing = ("topics that belong together",)
        await _check_histories(node)
    node.missing = ("group",)
    node.replicas.follow()


async def _wait_ready(node: Joiner, name: str, replica: Replica) -> None:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + REPLAY_DEADLINE_S
    while not (replica.ready or node.stopping.is_set()):
        try:
            await asyncio.to_thread(replica.wait_ready, REPLAY_POLL_S)
        except NotReady as fault:
            if fault.fault.final or loop.time() > deadline_s:
                raise
            log.warning("still replaying", waiting_for=name, why=str(fault))


async def _begin_to_beat(node: Joiner) -> None:
    """Listen first: the heartbeat begins when nobody else beats under this id."""
    nodes, node_id = node.replicas.control.nodes, node.settings.node_id
    last: Callable[[], NodeStatus | None] = lambda: nodes().get(node_id)  # noqa: E731 - typed, and used once
    twin = await asyncio.to_thread(listen, last, node.identity, node.settings.session_timeout_s, node.now_ms)
    if twin is not None:
        raise NodeIdTaken(twin)
    node.heartbeat.start()


async def _check_histories(node: Joiner) -> None:
    """States of views and services that there never were: a topic was made anew."""
    loop = asyncio.get_running_loop()
    told = await asyncio.to_thread(lambda: told_by(node.replicas.states.orders()))
    deadline_s = loop.time() + AGREEMENT_S
    while True:
        why = disagreement(told, node.views.next_offset - 1, node.revision, node.settings.cluster)
        if why is None or node.stopping.is_set():
            return
        if loop.time() > deadline_s:
            raise TopicsDisagree(why)
        await asyncio.sleep(AGREEMENT_POLL_S)
