"""Step 2 of the flow: the Faust agent of `config-commands`, which answers each command and writes the entities.

Rule: decode, one pure call, write in this order, each delivered before the next is sent: entities, the mark behind
them, the answer. So an answer that Kafka has is true. Nothing else writes these topics. A node that becomes the agent
rebuilds the fold from what was written, or, where a command was written in part, from the audit log: the fold is
deterministic, so doing it again writes the same records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class _Round:
    """One try at writing some records: how many are on their way, and what failed. The loop's thread."""

    waiting: int = 0
    failures: list[str] = field(default_factory=list)
    _settled: asyncio.Event = field(default_factory=asyncio.Event)

    def settle(self, error: str | None) -> None:
        """The fate of one record is known."""
        self.waiting -= 1
        if error is not None:
            self.failures.append(error)
        self._settled.set()

    async def delivered(self) -> bool:
        """Wait until the fate of every record is known; whether Kafka has all of them."""
        while self.waiting:
            self._settled.clear()
            await self._settled.wait()
        return not self.failures


class ConfigAgent:
    """`recover(offset)` reads the topics, and gives the fold as it stood before the command at `offset`.

    It blocks, and runs beside the loop; a RuntimeError of it means: Kafka does not answer, ask again.
    """

    def __init__(
        self,
        sender: Sender,
        entities_topic: str,
        results_topic: str,
        recover: Callable[[int], ConfigFold],
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
        self._term = 0
        self._between = False
        """The group rebalances: whose the commands are is not known yet."""
        self.serving = False
        self.in_hand = False
        """A command is being folded or written, which with tens of thousands of operations takes a while."""

    def attach(self, app: Any, topic: Any) -> None:
        """Register the agent with the app."""
        app.agent(topic, name="config", concurrency=1)(self.body)

    def assigned(self, serving: bool) -> None:
        """Whether the commands are this node's to fold from now on; what it knew before may be outdated."""
        self.serving = serving
        self._between = False
        self._fold = None
        self._term += 1

    def revoked(self) -> None:
        """Nobody's until `assigned`. A command in hand waits for that: given up now, it would count as handled, and
        where the commands come back to this node nobody would see it again.
        """
        self.assigned(False)
        self._between = True

    def repair(self, records: Iterable[tuple[str, bytes | None]]) -> None:
        """Write again what a stale or unreadable record stands behind; what is not delivered is due the next time.

        A command that is just being written may be crossed: its own record is newer, and then it is this one's turn.
        """
        for key, value in records if self.serving else ():
            if not (self._may_act() and self._sender.send(self._entities_topic, 0, key.encode(), value)):
                break

    async def body(self, stream: Any) -> None:
        """Faust's agent body: one command at a time, each answered before the next is taken."""
        async for event in stream.events():
            message = event.message
            try:
                await self.take(message.topic, message.offset, message.key, message.value)
            except Exception as fault:
                self._fold = None  # what it holds may never have been written
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
        while not await self._take_within(self._term, command, offset):
            while self._between:
                await asyncio.sleep(LEASE_POLL_S)
            if not self.serving:
                return

    async def _take_within(self, term: int, command: ConfigCommand, offset: int) -> bool:
        """Fold one command and write what comes of it; False if the term ended before all of it was written."""
        self.in_hand = True
        try:
            return await self._fold_and_write(term, command, offset)
        finally:
            self.in_hand = False

    async def _fold_and_write(self, term: int, command: ConfigCommand, offset: int) -> bool:
        fold = await self._fold_before(offset, term)
        if fold is None:
            return False
        if offset <= fold.offset:
            return True
        if len(command.operations) > IN_THREAD_OPERATIONS:
            steps = await asyncio.to_thread(self._decide, fold, command, offset)
        else:
            steps = self._decide(fold, command, offset)
        for records in steps:
            await self._write(records, term)
        return self._term == term

    async def _fold_before(self, offset: int, term: int) -> ConfigFold | None:
        """The fold to take the command at `offset` with; None if the commands became another node's meanwhile."""
        while await self._may_fold(term):
            if self._fold is not None:
                return self._fold
            try:
                fold = await asyncio.to_thread(self._recover, offset)
            except RuntimeError as fault:
                log.warning("cannot read the configuration back, trying again", error=str(fault))
                await asyncio.sleep(RETRY_S)
                continue
            if term == self._term:
                self._fold = fold
        return None

    def _decide(self, fold: ConfigFold, command: ConfigCommand, offset: int) -> list[list[Outgoing]]:
        """What to write, in steps that wait for one another."""
        result, changes = fold.take(command, offset)
        log.info("command", id=command.command_id, issuer=command.issuer, accepted=result.accepted, offset=offset)
        mark = Outgoing(self._entities_topic, REVISION_KEY, encode(ConfigRevision(offset, command.command_id)))
        answer = self._answer(result)
        return [self._entities(changes), [mark], [answer]] if changes else [[answer]]

    def _entities(self, changes: Iterable[Change]) -> list[Outgoing]:
        topic = self._entities_topic
        return [
            Outgoing(
                topic,
                entity_key(change.kind, change.entity_id).encode(),
                None if isinstance(change, Removed) else encode(change, CONFIG_ENTITIES.record_bytes),
            )
            for change in changes
        ]

    def _answer(self, result: ConfigResult) -> Outgoing:
        key = result.command_id.encode()
        try:
            return Outgoing(self._results_topic, key, encode(result, CONFIG_RESULTS.record_bytes))
        except TooLarge as fault:
            short = ConfigResult(
                result.command_id, result.command_offset, result.accepted, (), (Rejection(0, 0, str(fault)),)
            )
            return Outgoing(self._results_topic, key, encode(short))

    async def _may_fold(self, term: int) -> bool:
        """Wait for the lease; False when the commands have become another node's since, or were so for a time."""
        while self.serving and self._term == term:
            if self._may_act():
                return True
            await asyncio.sleep(LEASE_POLL_S)
        return False

    async def _write(self, outgoing: list[Outgoing], term: int) -> None:
        """Write until Kafka has all of it. Writing a record again is harmless: it is the same record."""
        while await self._may_fold(term):
            if await self._write_once(outgoing, term):
                return
            log.warning("the answer to a command was not delivered, trying again", records=len(outgoing))
            await asyncio.sleep(RETRY_S)

    async def _write_once(self, outgoing: list[Outgoing], term: int) -> bool:
        """In order; each only under the lease. False if any did not arrive."""
        loop = asyncio.get_running_loop()
        this_round = _Round()

        def on_delivery(delivery: Delivery) -> None:
            loop.call_soon_threadsafe(this_round.settle, delivery.error)

        for record in outgoing:
            while await self._may_fold(term):
                if self._sender.send(record.topic, 0, record.key, record.value, on_delivery):
                    this_round.waiting += 1
                    break
                await asyncio.sleep(QUEUE_POLL_S)
            else:
                this_round.failures.append("the right to write ended")
                break
        return await this_round.delivered()
