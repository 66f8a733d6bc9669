"""What a node does at the end of its lease, and how it has it back.

Rule: at the end nothing that waits may leave: it comes back to those who sent it, and waits there. When heartbeats come
back, the node acts again once it has read all views that there are by then: one may be without it. A node that stays
without its lease says every IDLE_TOLD_S what a person needs to find out why.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from structlog import get_logger

from connectors.kafka.producer import OwnProducer
from schemas.cluster import Phase
from schemas.topics import VIEWS
from streams.node.lease import Lease
from streams.node.replicas import Replicas

log = get_logger()

IDLE_TOLD_S = 10.0


class Host(Protocol):
    """The node."""

    lease: Lease
    phase: Phase
    replicas: Replicas
    sss: OwnProducer
    bulk: OwnProducer
    pulse: OwnProducer
    loop: asyncio.AbstractEventLoop


class LeaseKeeper:
    """The loop's thread; `look` ten times a second."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._had = False
        self._resuming: asyncio.Task[None] | None = None
        self._told_s = 0.0

    def look(self) -> None:
        """See whether the lease ended, or may be had back."""
        host = self._host
        holds = host.lease.holds()
        if self._had and not holds:
            log.warning("the lease ended: publishing stops", **self._ages())
            host.sss.purge()
            host.bulk.purge()
        self._had = holds
        self._say_why_idle(holds)
        if host.lease.is_back() and not self._is_resuming():
            self._resuming = asyncio.create_task(self._take_back(), name="take-lease-back")

    def _is_resuming(self) -> bool:
        return self._resuming is not None and not self._resuming.done()

    def _say_why_idle(self, holds: bool) -> None:
        host, now_s = self._host, self._host.loop.time()
        if holds or host.phase is not Phase.SERVING:
            self._told_s = now_s
        elif now_s - self._told_s >= IDLE_TOLD_S:
            self._told_s = now_s
            log.warning(
                "still without the lease: this node acts for nobody",
                **self._ages(),
                heartbeats_on_their_way=host.pulse.waiting(),
                kafka_answers=host.replicas.answers(),
                reading_views=self._is_resuming(),
            )

    def _ages(self) -> dict[str, float | None]:
        lease = self._host.lease
        return {"last_heartbeat_age_s": lease.age_s(), "last_answer_of_the_group_age_s": lease.group_age_s()}

    async def _take_back(self) -> None:
        replicas = self._host.replicas
        end = await asyncio.to_thread(replicas.views_end)
        position = replicas.control.position(VIEWS, 0) or 0
        if end is None or position < end:
            return
        await asyncio.sleep(0)  # what was read before the position moved is taken by the loop first
        self._host.lease.resume()
        log.info("the lease is back", read=position, end=end)
