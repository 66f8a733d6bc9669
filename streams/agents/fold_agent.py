"""The Faust agent of `probe-results`: batches in, folds asked, states out through the table.

Rule: the body never raises, and folds only under the lease. While the lease does not hold the batch waits, as Faust's
buffers behind it do; when the partition is taken away meanwhile, the batch is left to the partition's next node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from structlog import get_logger

from schemas.codec import Unreadable, decode
from schemas.identifiers import Partition, ViewId
from schemas.probes import ProbeResults
from schemas.topics import PROBE_RESULTS
from streams.agents.folds import Folds
from streams.agents.quarantine import Quarantine
from streams.folding.events import Source

log = get_logger()

VIEW_WAIT_S = 2.0
POLL_S = 0.005

ReachView = Callable[[ViewId, float], Awaitable[bool]]


class FoldAgent:
    """What the agent's body needs; `position` gives per partition the next offset to fold."""

    def __init__(
        self, folds: Folds, reach_view: ReachView, may_act: Callable[[], bool], quarantine: Quarantine
    ) -> None:
        self._folds = folds
        self._reach_view = reach_view
        self._may_act = may_act
        self._quarantine = quarantine
        self._unreachable: ViewId | None = None
        self.awaited: frozenset[Partition] = frozenset()
        """Partitions that are ours as soon as the replica has caught up: their batches wait."""
        self.between = False
        """The group rebalances: a batch in hand waits to learn whose it is. Given up now, it would count as folded."""
        self.position: dict[Partition, int] = {}

    def attach(self, app: Any, topic: Any) -> None:
        """Register the agent with the app."""
        app.agent(topic, name="fold", concurrency=1)(self.body)

    async def body(self, stream: Any) -> None:
        """Faust's agent body: one batch at a time, in offset order per partition."""
        async for event in stream.events():
            message = event.message
            try:
                await self.take(message.topic, Partition(message.partition), message.offset, message.key, message.value)
            except Exception as fault:
                log.exception("a batch broke the fold", partition=message.partition, offset=message.offset)
                self._refuse(message, f"the fold failed: {type(fault).__name__}: {fault}")
            self.position[Partition(message.partition)] = message.offset + 1

    async def take(self, topic: str, partition: Partition, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Fold one record of `probe-results`, or quarantine it."""
        try:
            results = decode(ProbeResults, value, PROBE_RESULTS.record_bytes)
        except Unreadable as fault:
            self._quarantine.put(topic, partition, offset, key, value, str(fault))
            return
        while (
            self.between or partition in self.awaited or (partition in self._folds.partitions and not self._may_act())
        ):
            await asyncio.sleep(POLL_S)
        if not await self._view_is_known(results.view_id):
            reason = f"made under view {results.view_id}, which is not in the views topic"
            self._quarantine.put(topic, partition, offset, key, value, reason)
            return
        if partition in self._folds.partitions:
            self._folds.take(results, Source(topic, partition, offset))

    async def _view_is_known(self, view_id: ViewId) -> bool:
        """Wait for a view that this node has not read yet; for the same unknown one only once."""
        wait_s = 0.0 if view_id == self._unreachable else VIEW_WAIT_S
        if await self._reach_view(view_id, wait_s):
            return True
        self._unreachable = view_id
        return False

    def _refuse(self, message: Any, error: str) -> None:
        self._quarantine.put(message.topic, message.partition, message.offset, message.key, message.value, error)
