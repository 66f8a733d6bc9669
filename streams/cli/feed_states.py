"""The states behind every `watchbill feed`: read from Kafka by this process itself; those of one node, if it is named.

Rule: a feed begins when every state was read, and says so; from then on it answers from memory, and keeps the last
states while Kafka is away (U-9). So no feed tells an outside program of a mass DOWN because this process was cut off.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.effective import effective_state
from schemas.identifiers import NodeId
from schemas.probes import PathState
from schemas.states import ServiceState, State

if TYPE_CHECKING:
    from connectors.replica.paths import PathReplica
    from connectors.replica.states import Change, StateReplica

READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """Every service's state, as it holds on `node`; for all nodes alike where none is named. Safe from any thread."""

    states: StateReplica
    paths: PathReplica
    node: NodeId | None

    def __len__(self) -> int:
        return len(self.states)

    def answer_of(self, name: str) -> tuple[State, str] | None:
        """The effective state of the service of a name, and why; None if there is no such service."""
        record = self.states.by_name(name)
        return None if record is None else (self.effective(record), record.cause.text)

    def effective(self, record: ServiceState) -> State:
        """The state by which the node serves."""
        path = self.paths.of(record.entity_id, self.node) if self.node else PathState.UNKNOWN
        return effective_state(record, path)

    def wake(self, changed: asyncio.Event) -> None:
        """Set the event, on the loop that runs now, whenever some state or path has become another."""
        loop = asyncio.get_running_loop()

        def told(changes: Sequence[Change]) -> None:
            if any(_differs(change.before, change.after) for change in changes):
                waken(loop, changed)

        self.states.on_change(told)
        if self.node is not None:
            self.paths.on_change(lambda _: waken(loop, changed))


def waken(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    """Set an event of a loop, from another thread."""
    with suppress(RuntimeError):  # the loop has ended, and the replicas have not yet
        loop.call_soon_threadsafe(changed.set)


def _differs(before: ServiceState | None, after: ServiceState | None) -> bool:
    if before is None or after is None:
        return before is not after
    return (before.name, before.state, before.ip_address, before.port, before.path_monitoring) != (
        after.name,
        after.state,
        after.ip_address,
        after.port,
        after.path_monitoring,
    )


@asynccontextmanager
async def states_told(address: str, cluster: str, node: str | None) -> AsyncIterator[Told]:
    """Everything read, and kept current inside. Raises NotReady, which says why not."""
    from connectors.replica.paths import PathReplica
    from connectors.replica.states import StateReplica

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # before anything was told there is nothing to end
    with StateReplica(address, cluster) as states, PathReplica(address, cluster) as paths:
        for replica in (states, paths):
            await asyncio.to_thread(replica.wait_ready, READY_S)
        yield Told(states, paths, NodeId(node) if node else None)


async def until_told(*works: Coroutine[Any, Any, None]) -> None:
    """Run these until SIGTERM or SIGINT. One that ends by itself has failed: what it raised is raised here."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    stop: Callable[[], None] = told.set
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    tasks = [asyncio.create_task(work) for work in works]
    ending = asyncio.create_task(told.wait())
    done, _ = await asyncio.wait([ending, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in (ending, *tasks):
        task.cancel()
    await asyncio.gather(ending, *tasks, return_exceptions=True)
    for task in done - {ending}:
        task.result()


def show_logs() -> None:
    """A feed runs for months: what it logs from level info on goes to standard error, a line each."""
    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
