"""The watch over many names: each is asked once, whoever wants it, and asked again when `schedule` says.

Rule: a bounded number of questions is on its way at once; the others wait, so a thousand names that come with a
takeover are no flood. Each watcher is told of every outcome, and one that comes late of the last outcome at once, never
within its own call. What nobody watches any more is not asked again. Everything runs in the node's loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from connectors.resolver.answers import NoAnswer, Outcome, Question
from connectors.resolver.schedule import wait_ms
from schemas.identifiers import EntityId
from schemas.probes import Reason

AT_ONCE = 64
"""Questions on their way."""

Told = Callable[[EntityId, Question, Outcome], None]


class Lookup(Protocol):
    """Who asks DNS: `lookup.DnsLookup`."""

    def ask(self, question: Question) -> Awaitable[Outcome]:
        """Ask once; whatever happens is an outcome."""

    async def close(self) -> None:
        """End."""


@dataclass(slots=True)
class _Asked:
    watchers: set[EntityId] = field(default_factory=set)
    last: Outcome | None = None
    timer: asyncio.TimerHandle | None = None
    task: asyncio.Task[None] | None = None

    def end(self) -> None:
        for running in (self.timer, self.task):
            if running is not None:
                running.cancel()


class Resolver:
    """Use it from the node's loop only. `told(service, question, outcome)` is called there."""

    def __init__(self, lookup: Lookup, told: Told) -> None:
        self._lookup = lookup
        self._told = told
        self._asked: dict[Question, _Asked] = {}
        self._free = asyncio.Semaphore(AT_ONCE)

    def watch(self, service: EntityId, question: Question) -> None:
        """Keep the service told of a name's address, from now on."""
        asked = self._asked.get(question)
        if asked is None:
            asked = self._asked[question] = _Asked()
            self._ask_soon(question, asked)
        asked.watchers.add(service)
        if asked.last is not None:
            asyncio.get_running_loop().call_soon(self._tell, question, asked, (service,), asked.last)

    def unwatch(self, service: EntityId, question: Question) -> None:
        """The service wants to hear no more."""
        asked = self._asked.get(question)
        if asked is None:
            return
        asked.watchers.discard(service)
        if not asked.watchers:
            del self._asked[question]
            asked.end()

    async def close(self) -> None:
        """End every question."""
        tasks = [asked.task for asked in self._asked.values() if asked.task is not None]
        for asked in self._asked.values():
            asked.end()
        self._asked.clear()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._lookup.close()

    def _ask_soon(self, question: Question, asked: _Asked) -> None:
        asked.timer = None
        asked.task = asyncio.create_task(self._ask(question, asked), name=f"resolve {question.name}")

    async def _ask(self, question: Question, asked: _Asked) -> None:
        async with self._free:
            try:
                outcome = await self._lookup.ask(question)
            except Exception as fault:  # a fault of ours must not end the watch over a name
                outcome = NoAnswer(Reason.LOCAL_ERROR, f"cannot ask DNS: {type(fault).__name__}: {fault}"[:200])
        asked.last = outcome
        asked.task = None
        wait_s = wait_ms(question, outcome) / 1_000
        asked.timer = asyncio.get_running_loop().call_later(wait_s, self._ask_soon, question, asked)
        self._tell(question, asked, tuple(asked.watchers), outcome)

    def _tell(self, question: Question, asked: _Asked, services: tuple[EntityId, ...], outcome: Outcome) -> None:
        for service in services:
            if service in asked.watchers:
                self._told(service, question, outcome)
