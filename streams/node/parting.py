"""How a node ends its part in a cluster: in order, make before break (T5), or because it may not be there.

Rule: who gives partitions up waits until Kafka has what was folded of them, for the next one reads on from there: what
is on its way still would be a second record of one order. At SIGTERM leave the group first, and probe on until each
service's new owner has been heard. A node that runs with clustering off (V-12) is all there is: where its view has
another member, two configurations contradict each other, and this one ends and says so, because silently sharing the
services would be what its operator has switched off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from structlog import get_logger

from schemas.cluster import NodeStatus
from schemas.identifiers import EntityId, NodeId
from streams.node.twins import ACTIVE
from streams.ownership.view import View

log = get_logger()

LEAVE_DEADLINE_S = 5.0
HANDOVER_DEADLINE_S = 3.0
HANDOVER_POLL_S = 0.01
SETTLE_POLL_S = 0.002


class Leaver(Protocol):
    """The node, as far as its leaving goes."""

    @property
    def probed(self) -> frozenset[EntityId]: ...

    @property
    def has_successor(self) -> bool: ...


def others_in(view: View, node: NodeId) -> tuple[NodeId, ...]:
    """The other members of a view."""
    return tuple(member.node for member in view.members if member.node != node)


def has_successor(view: View, node: NodeId, nodes: dict[NodeId, NodeStatus]) -> bool:
    """Whether another member may take over; where all end at once, nobody waits for the other."""
    statuses = [nodes.get(other) for other in others_in(view, node)]
    return any(status is not None and status.phase in ACTIVE for status in statuses)


async def settled(waiting: Callable[[], int], may_send: Callable[[], bool], deadline_s: float) -> bool:
    """Wait until nothing that was sent is on its way; False after `deadline_s`, or if no more may be sent."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + deadline_s
    while waiting() and may_send() and loop.time() < until_s:
        await asyncio.sleep(SETTLE_POLL_S)
    return not waiting()


async def probe_on(leaver: Leaver) -> int:
    """Wait until every service is another's, at most HANDOVER_DEADLINE_S; how many are left without an owner."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + HANDOVER_DEADLINE_S
    while leaver.has_successor and leaver.probed and loop.time() < deadline_s:
        await asyncio.sleep(HANDOVER_POLL_S)
    return len(leaver.probed)
