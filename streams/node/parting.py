"""How a node ends its part in a cluster: in order, make before break (T5), or because it may not be there.

Rule: who gives partitions up waits until Kafka has what was folded of them, for the next one reads on from there: what
is on its way still would be a second record of one order. At SIGTERM a node has the view say that it is leaving: others
own and claim what it owned, while everybody folds what they folded, and no rebalance of the group stands between a
service and its next owner. It probes on until each of them has been heard, and only then leaves the group. A node that
runs with clustering off (V-12) is all there is: where its view has another member, two configurations contradict each
other, and this one ends and says so, because silently sharing the services would be what its operator has switched off.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from structlog import get_logger

from schemas.cluster import NodeStatus
from schemas.identifiers import EntityId, NodeId, ViewId
from streams.node.leader import Wanted
from streams.node.twins import ACTIVE
from streams.ownership.view import Member, View

log = get_logger()

LEAVE_DEADLINE_S = 5.0
HANDOVER_DEADLINE_S = 3.0
"""So long a leaving node waits without one more of its services being another's,"""
HANDOVER_LATEST_S = 8.0
"""and so long in all: who stopped it has patience, but not for ever (ten seconds, with Docker)."""
HANDOVER_POLL_S = 0.01
LONG_POLL_S = 0.2
COUNTED = 50
"""With so many more services left they are counted at twice the distance, and so on."""
SETTLE_POLL_S = 0.002


class Leaver(Protocol):
    """The node, as far as its leaving goes."""

    def unrelieved(self) -> Iterator[EntityId]: ...

    @property
    def has_successor(self) -> bool: ...


def others_in(view: View, node: NodeId) -> tuple[NodeId, ...]:
    """The other members of a view."""
    return tuple(member.node for member in view.members if member.node != node)


def has_successor(view: View, node: NodeId, nodes: dict[NodeId, NodeStatus]) -> bool:
    """Whether another member may take over; where all end at once, nobody waits for the other."""
    statuses = [nodes.get(other) for other in view.staying if other != node]
    return any(status is not None and status.phase in ACTIVE for status in statuses)


class Farewell:
    """Proposes the view held with this node leaving, until one that says so is in force. The loop's thread."""

    def __init__(self, local: Member, propose: Callable[[Wanted], None]) -> None:
        self._run = local.run
        self._propose = propose
        self._begun = False
        self._proposed_on: ViewId | None = None

    def begin(self, held: View) -> None:
        """The node is to leave."""
        self._begun = True
        self.reconsider(held)

    def reconsider(self, held: View) -> None:
        """After each record of `views`: does the view in force say it, or is it to be proposed (again)?"""
        inside = held.member(self._run[0])
        if not self._begun or inside is None or inside.run != self._run or inside.leaving:
            return
        if self._proposed_on != held.view_id:
            self._proposed_on = held.view_id
            members = tuple(replace(each, leaving=each.leaving or each is inside) for each in held.members)
            self._propose(Wanted(members, held.generation))

    def again(self, held: View) -> None:
        """A proposal may not have arrived: propose once more if need be. Readers refuse the second of two."""
        self._proposed_on = None
        self.reconsider(held)


async def settled(waiting: Callable[[], int], may_send: Callable[[], bool], deadline_s: float) -> bool:
    """Wait until nothing that was sent is on its way; False after `deadline_s`, or if no more may be sent."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + deadline_s
    while waiting() and may_send() and loop.time() < until_s:
        await asyncio.sleep(SETTLE_POLL_S)
    return not waiting()


async def probe_on(leaver: Leaver) -> int:
    """Wait until every service is another's, as long as more and more are; how many others have not taken."""
    now_s = asyncio.get_running_loop().time
    latest_s = now_s() + HANDOVER_LATEST_S
    until_s, fewest = latest_s, sys.maxsize
    while (left := sum(1 for _ in leaver.unrelieved())) and leaver.has_successor and now_s() < until_s:
        if left < fewest:
            until_s, fewest = min(latest_s, now_s() + HANDOVER_DEADLINE_S), left
        await asyncio.sleep(min(LONG_POLL_S, HANDOVER_POLL_S * (1 + left / COUNTED)))
    return left
