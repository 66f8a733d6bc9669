"""One small real service of the demo: a listening TCP or HTTP server that can be made ill.

Rule: an ailment is what a real service does when it fails. It closes its port, or answers 503, or accepts and never
answers; nothing is told to Watchbill by another way than the wire. Everything here runs on the loop of `services`.
Why not `http.server`: a request there holds a thread, and a hanging service would hold many.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from enum import Enum

HOST = "127.0.0.1"
REQUEST_BYTES = 8 * 1024
CONVERSATION_S = 5.0
"""A conversation is ended after so long, whoever is silent."""
HELD_CONNECTIONS = 128
"""Connections of one service at a time; at more, the newest is closed at once."""
THEIR_FAILURES = (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError)
"""What the other side can do to a conversation: it ends, and nothing else does."""
REMEMBERED_PROBES = 4_096
"""Arrival times kept for each service; at more, the oldest go."""


class Protocol(Enum):
    """What a target speaks."""

    HTTP = "HTTP"
    TCP = "TCP"


class Ailment(Enum):
    """What is wrong with a target."""

    NONE = "healthy"
    CLOSED = "closed its port"
    ERROR = "answers 503"
    SILENT = "accepts and never answers"


AILMENTS = {
    Protocol.HTTP: (Ailment.CLOSED, Ailment.ERROR, Ailment.SILENT),
    Protocol.TCP: (Ailment.CLOSED,),  # a TCP probe is content with a connection
}


class Target:
    """A service on a port of 127.0.0.1. `arrivals` are the monotonic times of connections, newest last."""

    def __init__(self, name: str, protocol: Protocol, port: int) -> None:
        self.name, self.protocol, self.port = name, protocol, port
        self.ailment = Ailment.NONE
        self.probes = 0
        self.arrivals: deque[float] = deque(maxlen=REMEMBERED_PROBES)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def hears_every_probe(self) -> bool:
        """Off for TCP: a probe that resets its connection at once may be gone before the server could accept it."""
        return self.protocol is Protocol.HTTP

    async def become(self, ailment: Ailment) -> None:
        """Falls ill, or gets well again. Connections of before are cut. Raises OSError if its port was taken."""
        self.ailment = ailment
        for writer in tuple(self._open):
            writer.close()
        if ailment is Ailment.CLOSED:
            await self._close_port()
        elif self._server is None:
            self._server = await asyncio.start_server(
                self._converse, HOST, self.port, limit=REQUEST_BYTES, reuse_address=True
            )

    async def end(self) -> None:
        """Closes the port and every connection."""
        await self.become(Ailment.CLOSED)

    async def _close_port(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.probes += 1
        self.arrivals.append(time.monotonic())
        if len(self._open) >= HELD_CONNECTIONS:
            writer.close()
            return
        self._open.add(writer)
        try:
            with suppress(*THEIR_FAILURES):
                await asyncio.wait_for(self._answer(reader, writer), CONVERSATION_S)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.protocol is Protocol.TCP or self.ailment is Ailment.SILENT:
            while await reader.read(REQUEST_BYTES):
                continue
            return
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(http_answer(self.name, request, self.ailment))
        await writer.drain()


def http_answer(name: str, request: bytes, ailment: Ailment) -> bytes:
    """The answer to a request: 200 with a line of text, or 503. HEAD gets the headers alone."""
    status, word = ("503 Service Unavailable", "ill") if ailment is Ailment.ERROR else ("200 OK", "well")
    body = f"{name} is {word}\n".encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + (b"" if request.startswith(b"HEAD ") else body)
