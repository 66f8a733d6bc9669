"""A node's membership of the consumer group: the Faust app, started, watched, and started again if it ends by itself.

Rule: an app that dies takes its partitions with it (the group gives them to others), not the node: the replica, the
engines and the heartbeat go on, so the last states stay visible, and a new app joins as soon as Kafka lets it. Joining
the group is joining the operational view; leaving it is leaving the view.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from structlog import get_logger

from schemas.identifiers import Partition

log = get_logger()

RESTART_S = (0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the group gave this node in one generation."""

    generation: int
    results: frozenset[Partition]
    commands: bool


class GroupMembership:
    """`build` makes a fresh app with the agents attached; `on_assigned` and `on_revoked` are called on the loop."""

    def __init__(
        self,
        build: Callable[[], Any],
        results_topic: str,
        commands_topic: str,
        on_assigned: Callable[[Assignment], Awaitable[None]],
        on_revoked: Callable[[], Awaitable[None]],
    ) -> None:
        self._build = build
        self._results_topic = results_topic
        self._commands_topic = commands_topic
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._app: Any = None
        self._leaving = False
        self._task: asyncio.Task[None] | None = None
        self._restarting: asyncio.Task[None] | None = None
        self.restarts = 0
        self.clings = False
        """The app did not end in time: its tasks are there still, and nobody should wait for them."""

    def join(self) -> None:
        """Start the app and keep it running until `leave`."""
        self._task = asyncio.get_running_loop().create_task(self._keep(), name="group-membership")

    def restart(self) -> None:
        """End the app, so that a fresh one joins: it has stopped reading."""
        if self._app is not None and not self._leaving:
            self._restarting = asyncio.get_running_loop().create_task(self._app.stop(), name="restart-app")

    async def leave(self, deadline_s: float) -> None:
        """Leave the group; the others rebalance at once. An app that clings to a rebalance is left behind (`clings`).

        Waited for with `asyncio.wait`: `wait_for` waits on for a task that takes its time over being cancelled.
        """
        self._leaving = True
        tasks = [] if self._app is None else [asyncio.create_task(self._app.stop(), name="stop-app")]
        if tasks:
            await asyncio.wait(tasks, timeout=deadline_s)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1.0)
            tasks.append(self._task)
        self.clings = not all(task.done() for task in tasks)
        if self.clings:
            log.warning("the app did not stop in time", deadline_s=deadline_s)

    async def _keep(self) -> None:
        while not self._leaving:
            try:
                await self._run_once()
            except asyncio.CancelledError:
                raise
            except Exception as fault:  # Faust's own, of any kind: the node outlives it
                log.warning("the Faust app ended", error=f"{type(fault).__name__}: {fault}")
            await self._on_revoked()
            if not self._leaving:
                await asyncio.sleep(RESTART_S[min(self.restarts, len(RESTART_S) - 1)])
                self.restarts += 1

    async def _run_once(self) -> None:
        app = self._app = self._build()
        app.on_partitions_assigned.connect(self._assigned, weak=False)
        app.on_partitions_revoked.connect(self._revoked, weak=False)
        try:
            await app.start()
            await app.wait_until_stopped()
        finally:
            if not (self._leaving or self._restarting):
                await asyncio.wait_for(app.stop(), 5)
            self._restarting = None

    async def _assigned(self, app: Any, assigned: Collection[Any], **_: Any) -> None:
        if app is not self._app:
            return
        results = frozenset(Partition(tp.partition) for tp in assigned if tp.topic == self._results_topic)
        commands = any(tp.topic == self._commands_topic for tp in assigned)
        await self._on_assigned(Assignment(app.consumer_generation_id, results, commands))

    async def _revoked(self, app: Any, _revoked: Collection[Any], **_: Any) -> None:
        if app is self._app:
            await self._on_revoked()
