"""Targets that want to hurt whoever probes them: servers on 127.0.0.1, one port for each way to do it.

Rule: each row says what a probe of it must end with, and whether that is at the deadline or before. They live on one
event loop in a thread beside the test; the engine under attack is a process of its own, as in a node, and so is the one
good server, which is not to suffer from its neighbours in here.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from schemas.probes import Reason

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Act = Callable[[Reader, Writer], Awaitable[None]]
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
DRIP_S = 0.1
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(bytes(64 << 20), 9)
"""64 MB in 64 KB."""
RECORD = b"\x16\x03\x03\x40\x00"
"""The head of a TLS record of 16 KB of handshake."""


def says(first: bytes, again: bytes = b"") -> Act:
    """Read the request, answer, and go on for ever."""

    async def act(reader: Reader, writer: Writer) -> None:
        await reader.read(65536)
        writer.write(first)
        while again:
            writer.write(again)
            await writer.drain()
        await reader.read()

    return act


def greets(first: bytes, again: bytes = b"") -> Act:
    """The same without waiting for a request."""

    async def act(reader: Reader, writer: Writer) -> None:
        writer.write(first)
        while again:
            writer.write(again)
            await writer.drain()
        await reader.read()

    return act


def drips(first: bytes, again: bytes) -> Act:
    """The same, a little at a time."""

    async def act(reader: Reader, writer: Writer) -> None:
        writer.write(first)
        while not reader.at_eof():
            writer.write(again)
            await writer.drain()
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), DRIP_S)

    return act


def hangs_up(answer: bytes | None, reset: bool = True) -> Act:
    """Answer, and reset or close the connection; with None before a byte was read."""

    async def act(reader: Reader, writer: Writer) -> None:
        if answer is not None:
            await reader.read(65536)
            writer.write(answer)
            await writer.drain()
        if reset:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        writer.close()

    return act


async def never_reads(_: Reader, writer: Writer) -> None:
    """Accept, and not even take the request."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Hostile:
    """One way to misbehave, and what a probe of it must end with."""

    name: str
    kind: str
    act: Act | None
    """None: the flood of datagrams."""
    reasons: tuple[Reason, ...]
    at_deadline: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


FIRST_BYTE, BODY, TLS_TIME = (Reason.TIMEOUT_FIRST_BYTE,), (Reason.TIMEOUT_BODY,), (Reason.TIMEOUT_TLS,)
TOO_LARGE, RESET, CLOSED = (Reason.TOO_LARGE,), (Reason.RESET,), (Reason.CLOSED,)
BAD, MISMATCH = (Reason.BAD_RESPONSE,), (Reason.MISMATCH,)
PAGE = {"recv": "all is well"}
ESCAPES = b"HTTP/1.1 500 \x1b]0;pwned\x07\x1b[2J\x9b31m\r\x00 \xe2\x80\xae txt.exe\r\n\r\n"

HOSTILE = (
    Hostile("half-open: accepts, says nothing", "HTTP", says(b""), FIRST_BYTE, at_deadline=True),
    Hostile("never takes the request", "HTTP", never_reads, FIRST_BYTE, at_deadline=True),
    Hostile("headers, a byte now and then", "HTTP", drips(OK, b"x"), BODY, at_deadline=True),
    Hostile("headers, a line now and then", "HTTP", drips(OK, b"X-A: b\r\n"), BODY, at_deadline=True),
    Hostile("headers without end", "HTTP", says(OK, b"X-A: b\r\n" * 8192), TOO_LARGE),
    Hostile("one header of 1 MB", "HTTP", says(OK + b"X-A: " + b"b" * (1 << 20) + b"\r\n\r\n"), TOO_LARGE),
    Hostile("interim answers without end", "HTTP", says(b"", b"HTTP/1.1 100 C\r\n\r\n" * 4096), TOO_LARGE),
    Hostile("escape sequences", "HTTP", says(ESCAPES), (Reason.BAD_STATUS,)),
    Hostile("noise instead of HTTP", "HTTP", says(b"", bytes(range(256)) * 256), BAD),
    Hostile("reset at once", "HTTP", hangs_up(None), (*RESET, Reason.CLOSED)),
    Hostile("reset after the request", "HTTP", hangs_up(b""), RESET),
    Hostile("reset in the headers", "HTTP", hangs_up(OK), (*RESET, Reason.CLOSED)),
    Hostile("closed in the headers", "HTTP", hangs_up(OK, reset=False), CLOSED),
    Hostile(
        "reset in the body",
        "HTTP-ECV",
        hangs_up(OK + b"Content-Length: 99\r\n\r\nall"),
        (*RESET, *CLOSED),
        settings=PAGE,
    ),
    Hostile(
        "closed in the body", "HTTP-ECV", hangs_up(OK + b"Content-Length: 99\r\n\r\nall", False), CLOSED, settings=PAGE
    ),
    Hostile("body without end", "HTTP-ECV", says(OK + b"\r\n", b"z" * 65536), MISMATCH, settings=PAGE),
    Hostile(
        "body of tiny chunks", "HTTP-ECV", says(CHUNKED, b"1\r\nz\r\n" * 8192), (*TOO_LARGE, *MISMATCH), settings=PAGE
    ),
    Hostile("body, a byte now and then", "HTTP-ECV", drips(OK + b"\r\n", b"z"), BODY, at_deadline=True, settings=PAGE),
    Hostile(
        "body promised, never sent",
        "HTTP-ECV",
        says(OK + b"Content-Length: 9\r\n\r\n"),
        BODY,
        at_deadline=True,
        settings=PAGE,
    ),
    Hostile(
        "gzip bomb",
        "HTTP-ECV",
        hangs_up(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB, False),
        (*MISMATCH, *TOO_LARGE),
        settings=PAGE,
    ),
    Hostile(
        "TCP: a line now and then, never ours",
        "TCP-ECV",
        drips(b"", b"no\n"),
        MISMATCH,
        at_deadline=True,
        settings=PAGE,
    ),
    Hostile("TCP: words without end", "TCP-ECV", greets(b"", b"no " * 4096), MISMATCH, settings=PAGE),
    Hostile(
        "SMTP: escape sequences in the banner", "SMTP", greets(b"554 \x1b]0;pwned\x07\x1b[2J\r\n"), (Reason.BAD_STATUS,)
    ),
    Hostile("SMTP: a banner without end", "SMTP", greets(b"220-hello\r\n" * 4096, b"220-hello\r\n" * 4096), TOO_LARGE),
    Hostile("REDIS: an error without end", "REDIS", says(b"-ERR ", b"x" * 65536), BAD),
    Hostile("MYSQL: a greeting of 16 MB", "MYSQL", greets(b"\xff\xff\xff\0", bytes(65536)), (*TOO_LARGE, *BAD)),
    Hostile("LDAP: an answer of 2 GB", "LDAP", says(b"\x30\x84\x7f\xff\xff\xff", bytes(65536)), TOO_LARGE),
    Hostile("UDP: a flood for one datagram", "UDP-ECV", None, MISMATCH, settings={"send": "x", **PAGE}),
    Hostile("TLS: plain text", "HTTPS", says(OK + b"\r\n"), BAD),
    Hostile("TLS: nothing after our hello", "TLS", says(b""), TLS_TIME, at_deadline=True),
    Hostile("TLS: reset in the handshake", "HTTPS", hangs_up(b"\x16\x03\x03\x00"), (*RESET, *CLOSED)),
    Hostile("TLS: a record, a byte now and then", "TLS", drips(RECORD, b"\x02"), TLS_TIME, at_deadline=True),
    Hostile("TLS: noise in a record", "HTTPS", says(RECORD + bytes(range(256)) * 64), BAD),
    Hostile("TLS: warnings without end", "TLS", says(b"", b"\x15\x03\x03\x00\x02\x01\x5a" * 8192), (*BAD, *TOO_LARGE)),
    Hostile(
        "TLS: a hello of 16 MB",
        "HTTPS",
        says(RECORD + b"\x02\xff\xff\xff" + bytes(16380), RECORD + bytes(16384)),
        (*BAD, *TOO_LARGE),
    ),
)


class Flood(asyncio.DatagramProtocol):
    """Answers a datagram with 500 long ones."""

    def __init__(self, asked_ms: list[float]) -> None:
        self._asked_ms = asked_ms
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # asyncio's own is no DatagramTransport before 3.12

    def datagram_received(self, data: bytes, address: tuple[str | Any, int]) -> None:
        self._asked_ms.append(time.time() * 1000)
        for _ in range(500):
            self._transport.sendto(b"z" * 60_000, address)


GOOD_SERVER = """
import asyncio, sys, time

async def serve(reader, writer):
    try:
        path = (await reader.readuntil(b"\\r\\n\\r\\n")).split(b" ", 2)[1].decode()
        print(path, time.monotonic(), flush=True)
        writer.write(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
        await reader.read()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.transport.abort()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
"""Answers everything, and says when which path was asked for, by the clock that all processes share."""


class HostileServers:
    """Every row of the table at a port of its own, and one good server."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self.accepted_ms: dict[str, list[float]] = {row.name: [] for row in HOSTILE}
        """Wall clock of each connection."""
        self.good_port = 0
        self.asked_s: dict[str, list[float]] = {}
        """By path: when the good server was asked."""
        self.faults: list[str] = []
        """What broke in here, and not by the engine's hand."""
        self._servers: list[asyncio.Server] = []
        self._floods: list[asyncio.DatagramTransport] = []
        self._talks: set[asyncio.Task[None] | None] = set()
        """Held here: a loop alone does not keep a task that waits for nothing."""

    async def start(self) -> None:
        """Listen everywhere."""
        for row in HOSTILE:
            if row.act is None:
                self.ports[row.name] = await self._flood(row)
                continue
            self.ports[row.name] = await self._listen(lambda reader, writer, row=row: self._be(row, reader, writer))

    def serve_well(self, good: subprocess.Popen[str]) -> None:
        """Follow the good server until it ends."""
        assert good.stdout is not None
        self.good_port = int(good.stdout.readline())

        def follow() -> None:
            for line in good.stdout or ():
                path, at_s = line.split()
                self.asked_s.setdefault(path, []).append(float(at_s))

        threading.Thread(target=follow, name="good-server", daemon=True).start()

    async def stop(self) -> None:
        """Hang up on everybody."""
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # it takes a cancelled talk for a fault
        for listening in (*self._servers, *self._floods):
            listening.close()
        while talks := asyncio.all_tasks() - {asyncio.current_task()}:
            for talk in talks:
                talk.cancel()
            await asyncio.wait(talks)

    async def _listen(self, talk: Act) -> int:
        server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=2048)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _flood(self, row: Hostile) -> int:
        loop = asyncio.get_running_loop()
        made: Callable[[], asyncio.DatagramProtocol] = lambda: Flood(self.accepted_ms[row.name])  # noqa: E731
        transport, _ = await loop.create_datagram_endpoint(made, ("127.0.0.1", 0))
        self._floods.append(transport)
        port: int = transport.get_extra_info("sockname")[1]
        return port

    async def _be(self, row: Hostile, reader: Reader, writer: Writer) -> None:
        self.accepted_ms[row.name].append(time.time() * 1000)
        talk = asyncio.current_task()
        self._talks.add(talk)
        try:
            if row.act is not None:
                await row.act(reader, writer)
        except OSError as error:
            if not isinstance(error, ConnectionError):
                self.faults.append(f"{row.name}: {error}")
        finally:
            self._talks.discard(talk)
            writer.transport.abort()


@contextmanager
def hostile_servers() -> Iterator[HostileServers]:
    """The servers, on a loop of their own until the test is over."""
    servers, loop = HostileServers(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(servers.start(), loop).result(10)
    good = subprocess.Popen([sys.executable, "-c", GOOD_SERVER], stdout=subprocess.PIPE, text=True)
    try:
        servers.serve_well(good)
        yield servers
    finally:
        good.kill()
        good.wait()
        asyncio.run_coroutine_threadsafe(servers.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
