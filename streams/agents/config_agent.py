"""Step 2 of the flow: the Faust agent of `config-commands`, which answers each command and writes the entities.

Rule: decode, one pure call, write in this order: entities, the mark behind them, the answer. Nothing else writes these
topics. A node that becomes the agent rebuilds the fold from what was written, or, where a command was written in part,
from the audit log: the fold is deterministic, so doing it again writes the same records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from structlog import get_logger

from connectors.kafka.producer import Delivery
from schemas.codec import TooLarge, Unreadable, decode, encode
from schemas.config import ConfigCommand, ConfigResult, ConfigRevision, Rejection
from schemas.inventory.entities import Change, Removed, entity_key
from schemas.topics import CONFIG_COMMANDS, CONFIG_ENTITIES, CONFIG_RESULTS
from streams.agents.quarantine import Quarantine
from streams.folding.config.fold import ConfigFold
from streams.tables.outbox import Sender

log = get_logger()

REVISION_KEY = b"revision"
RETRY_S = 0.2
LEASE_POLL_S = 0.02
QUEUE_POLL_S = 0.005
IN_THREAD_OPERATIONS = 200
"""A command with more operations is folded beside the event loop, not on it."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to write."""

    topic: str
    key: bytes
    value: bytes | None


class ConfigAgent:
    """`recover` reads the topics (it blocks, and runs beside the loop); `topics` are the names in Kafka."""

    def __init__(
        self,
        sender: Sender,
        entities_topic: str,
        results_topic: str,
        recover: Callable[[], ConfigFold],
        may_act: Callable[[], bool],
        quarantine: Quarantine,
    ) -> None:
        self._sender = sender
        self._entities_topic = entities_topic
        self._results_topic = results_topic
        self._recover = recover
        self._may_act = may_act
        self._quarantine = quarantine
        self._fold: ConfigFold | None = None
        self.serving = False

    def attach(self, app: Any, topic: Any) -> None:
        """Register the agent with the app."""
        app.agent(topic, name="config", concurrency=1)(self.body)

    def assigned(self, serving: bool) -> None:
        """Whether the commands are this node's to fold from now on; what it knew before may be outdated."""
        self.serving = serving
        self._fold = None

    async def body(self, stream: Any) -> None:
        """Faust's agent body: one command at a time, each answered before the next is taken."""
        async for event in stream.events():
            message = event.message
            try:
                await self.take(message.topic, message.offset, message.key, message.value)
            except Exception as fault:
                log.exception("a command broke the fold", offset=message.offset)
                text = f"the fold failed: {type(fault).__name__}: {fault}"
                self._quarantine.put(message.topic, 0, message.offset, message.key, message.value, text)

    async def take(self, topic: str, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Fold one record of `config-commands`, and write what comes of it."""
        try:
            command = decode(ConfigCommand, value, CONFIG_COMMANDS.record_bytes)
        except Unreadable as fault:
            self._quarantine.put(topic, 0, offset, key, value, str(fault))
            return
        if not await self._may_fold():
            return
        fold = self._fold
        if fold is None:
            fold = self._fold = await asyncio.to_thread(self._recover)
        if offset <= fold.offset:
            return
        if len(command.operations) > IN_THREAD_OPERATIONS:
            outgoing = await asyncio.to_thread(self._decide, fold, command, offset)
        else:
            outgoing = self._decide(fold, command, offset)
        await self._write(outgoing)

    def _decide(self, fold: ConfigFold, command: ConfigCommand, offset: int) -> list[Outgoing]:
        result, changes = fold.take(command, offset)
        log.info("command", id=command.command_id, issuer=command.issuer, accepted=result.accepted, offset=offset)
        return [*self._entities(changes, command, offset), self._answer(result)]

    def _entities(self, changes: Iterable[Change], command: ConfigCommand, offset: int) -> list[Outgoing]:
        topic = self._entities_topic
        written = [
            Outgoing(
                topic,
                entity_key(change.kind, change.entity_id).encode(),
                None if isinstance(change, Removed) else encode(change, CONFIG_ENTITIES.record_bytes),
            )
            for change in changes
        ]
        if written:
            written.append(Outgoing(topic, REVISION_KEY, encode(ConfigRevision(offset, command.command_id))))
        return written

    def _answer(self, result: ConfigResult) -> Outgoing:
        key = result.command_id.encode()
        try:
            return Outgoing(self._results_topic, key, encode(result, CONFIG_RESULTS.record_bytes))
        except TooLarge as fault:
            short = ConfigResult(
                result.command_id, result.command_offset, result.accepted, (), (Rejection(0, 0, str(fault)),)
            )
            return Outgoing(self._results_topic, key, encode(short))

    async def _may_fold(self) -> bool:
        """Wait for the lease; False when the commands are another node's meanwhile."""
        while self.serving:
            if self._may_act():
                return True
            await asyncio.sleep(LEASE_POLL_S)
        return False

    async def _write(self, outgoing: list[Outgoing]) -> None:
        """Write in order until Kafka has all of it. Writing a record again is harmless: it is the same record."""
        while await self._may_fold():
            if await self._write_once(outgoing):
                return
            log.warning("the answer to a command was not delivered, trying again", records=len(outgoing))
            await asyncio.sleep(RETRY_S)

    async def _write_once(self, outgoing: list[Outgoing]) -> bool:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        failures: list[str] = []
        waiting = len(outgoing)

        def settle(error: str | None) -> None:
            nonlocal waiting
            waiting -= 1
            if error is not None:
                failures.append(error)
            if waiting == 0 and not done.done():
                done.set_result(None)

        def on_delivery(delivery: Delivery) -> None:
            loop.call_soon_threadsafe(settle, delivery.error)

        for record in outgoing:
            while not self._sender.send(record.topic, 0, record.key, record.value, on_delivery):
                await asyncio.sleep(QUEUE_POLL_S)
        await done
        return not failures
