"""What a browser that watches is told: everything once, then each change, as server-sent events.

Rule: one thread works out the rows and one loop hands the same bytes to every client, so a hundred changes cost the
node the same for one browser and for sixteen. A client that does not read what it is sent has a queue with an end, and
is dropped there: it comes back by itself and gets the whole anew. While nobody watches, nothing is worked out. Why not
a callback for each change: a takeover changes ten thousand services within a second; looking ten times a second what
has changed since, each is encoded once, and a page still learns of a failure within a fifth of a second.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from structlog import get_logger

from schemas.identifiers import EntityId
from schemas.inventory.services import MonitoredService
from streams.web.answers import Json
from streams.web.board import changed_rows, rows
from streams.web.encoding import encode_answer
from streams.web.pulse import pulse
from streams.web.source import Source

log = get_logger()

CLIENTS = 16
"""Browsers that watch at once; the next is answered 503."""
TICK_S = 0.1
TICKS_A_PULSE = 10
ROWS_AT_ONCE = 500
"""Services in one event: the thread that works them out gives way between two."""
ROWS_A_TICK = 2_000
QUEUED_EVENTS = 64
"""Events that wait for a client; at more it is dropped."""
KEPT_EVENTS = 256
KEPT_BYTES = 4 << 20
"""Events kept for a client that comes back with the id of the last one it had."""
RETRY = b"retry: 1000\n\n"
"""How soon a browser comes back, in milliseconds."""
LINGER_TICKS = 300
"""The feed goes on so long after the last client has gone, so that one that comes back misses nothing."""

Run = Callable[[Callable[[], bytes]], Awaitable[bytes]]


class Full(Exception):
    """As many watch as may; this one was not let in."""


@dataclass(slots=True, eq=False)
class Client:
    """One browser. `lost` is set when it did not keep up, or when the node ends."""

    queue: deque[tuple[int, bytes]] = field(default_factory=deque)
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False

    def put(self, number: int, event: bytes) -> None:
        if len(self.queue) >= QUEUED_EVENTS:
            self.lose()
            return
        self.queue.append((number, event))
        self.filled.set()

    def lose(self) -> None:
        self.lost = True
        self.queue.clear()
        self.filled.set()


class Feed:
    """The loop's thread. `run` carries work to the thread behind the pages."""

    def __init__(self, source: Source, run: Run) -> None:
        self._source = source
        self._run = run
        self._epoch = secrets.token_hex(4)
        """Ids of events are of one life of the feed: of another they mean nothing."""
        self._number = 0
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=KEPT_EVENTS)
        self._kept_bytes = 0
        self._clients: set[Client] = set()
        self._ticking: asyncio.Task[None] | None = None
        self._waiting: set[EntityId] = set()
        self._idle_ticks = 0
        self._complete = False
        self._closed = False

    @property
    def clients(self) -> int:
        """How many watch now."""
        return len(self._clients)

    @property
    def told(self) -> int:
        """How many events were told since the node started."""
        return self._number

    async def watch(self, last_id: str) -> AsyncGenerator[bytes, None]:
        """Events for one client, until it is dropped. `last_id` is that of the last event it has had. Raises Full."""
        if len(self._clients) >= CLIENTS or self._closed:
            raise Full
        client = Client()
        missed = self._since(last_id)
        self._clients.add(client)
        self._begin()
        try:
            if missed is None:
                async for event in self._whole(client):
                    yield event
            else:
                yield RETRY
                for number, event in missed:
                    yield self._numbered(number, event)
            while not client.lost:
                for number, event in drained(client):
                    yield self._numbered(number, event)
                await client.filled.wait()
                client.filled.clear()
        finally:
            self._clients.discard(client)

    async def close(self) -> None:
        """The node ends: every client is let go."""
        self._closed = True
        for client in self._clients:
            client.lose()
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait({self._ticking})

    async def _whole(self, client: Client) -> AsyncGenerator[bytes, None]:
        """Every service as of now. What changes meanwhile goes out between, in the order in which it was worked out."""
        source = self._source
        services = source.configured_services()
        yield RETRY + await self._run(lambda: encoded("whole", {**pulse(source), "services": len(services)})) + b"\n"
        for start in range(0, len(services), ROWS_AT_ONCE):
            some = services[start : start + ROWS_AT_ONCE]
            event = await self._run(partial(encoded_rows, source, some))
            for _, change in drained(client):
                yield change + b"\n"  # without its id: one who comes back now has not had the whole
            yield event + b"\n"
        yield self._numbered(self._number, b"event: ready\ndata: {}\n")

    def _begin(self) -> None:
        self._idle_ticks = 0
        if self._ticking is None or self._ticking.done():
            self._source.take_changed()
            self._complete = self._source.complete()
            self._ticking = asyncio.create_task(self._tick_on(), name="web feed")

    async def _tick_on(self) -> None:
        ticks = 0
        try:
            while self._idle_ticks < LINGER_TICKS:
                await asyncio.sleep(TICK_S)
                ticks += 1
                await self._tick(pulse_too=ticks % TICKS_A_PULSE == 0)
        except Exception:
            log.exception("the feed of the web views failed: its clients begin anew")
        finally:
            self._forget()

    async def _tick(self, *, pulse_too: bool) -> None:
        source = self._source
        self._idle_ticks = 0 if self._clients else self._idle_ticks + 1
        if not self._complete and source.complete():
            self._complete = True
            self._forget()  # what came with the replay was told to nobody
            return
        self._waiting |= source.take_changed()
        for _ in range(ROWS_A_TICK // ROWS_AT_ONCE):
            some = [self._waiting.pop() for _ in range(min(ROWS_AT_ONCE, len(self._waiting)))]
            if not some:
                break
            self._tell(await self._run(partial(encoded_changes, source, some)))
        if pulse_too:
            self._tell(await self._run(lambda: encoded("pulse", pulse(source))))

    def _tell(self, event: bytes) -> None:
        self._number += 1
        self._kept.append((self._number, event))
        self._kept_bytes = sum(len(kept) for _, kept in self._kept)
        while self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft()[1])
        for client in self._clients:
            client.put(self._number, event)

    def _forget(self) -> None:
        """Whoever comes back begins anew, and so does whoever watches."""
        self._epoch = secrets.token_hex(4)
        self._kept.clear()
        self._waiting.clear()
        for client in self._clients:
            client.lose()

    def _since(self, last_id: str) -> list[tuple[int, bytes]] | None:
        """What a client has missed; None if that is not known any more."""
        epoch, _, number = last_id.partition("-")
        if epoch != self._epoch or not number.isdigit() or self._ticking is None:
            return None
        missed = [(kept, event) for kept, event in self._kept if kept > int(number)]
        whole = len(missed) == self._number - int(number)
        return missed if whole else None

    def _numbered(self, number: int, event: bytes) -> bytes:
        return b"id: %s-%d\n%s\n" % (self._epoch.encode(), number, event)


def encoded(name: str, body: Json) -> bytes:
    """An event without its id and its end. JSON has no line break in it, but the last."""
    return b"event: %s\ndata: %s" % (name.encode(), encode_answer(body))


def encoded_rows(source: Source, services: Sequence[MonitoredService]) -> bytes:
    """The rows of these services."""
    return encoded("services", {"rows": rows(source, services), "gone": []})


def encoded_changes(source: Source, changed: Iterable[EntityId]) -> bytes:
    """The rows of these services as of now."""
    there, gone = changed_rows(source, changed)
    return encoded("services", {"rows": there, "gone": gone})


def drained(client: Client) -> list[tuple[int, bytes]]:
    """What waits for a client."""
    taken = list(client.queue)
    client.queue.clear()
    return taken
