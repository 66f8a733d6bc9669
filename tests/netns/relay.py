"""A port of this machine's loopback, at the loopback of a host of the test's own network: how a node there has Kafka.

A socket belongs for good to the namespace in which it was made. So the listener is made on the host and everything else
on the outside, and no route, address or forwarding rule has to cross the border. The other way round, `http_get` asks a
host's loopback from outside.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from types import TracebackType
from typing import Any, Self

from tests.netns.network import Network

LOOPBACK = "127.0.0.1"
PIECE_BYTES = 256 * 1024
ANSWER_S = 5.0


class Relay:
    """Carries 127.0.0.1:port of each of these hosts to 127.0.0.1:port out here. Use it in a `with` block."""

    def __init__(self, network: Network, port: int, *hosts: str) -> None:
        self._port = port
        self._listeners = [
            network.within(host, lambda: socket.create_server((LOOPBACK, port), backlog=64)) for host in hosts
        ]
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), name="relay")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        servers = [await asyncio.start_server(self._carry, sock=listener) for listener in self._listeners]
        await self._stopping.wait()
        for server in servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            outer_reader, outer_writer = await asyncio.open_connection(LOOPBACK, self._port)
        except OSError:
            writer.close()  # nobody listens out here: nor does anybody on the host
            return
        await asyncio.gather(_pump(reader, outer_writer), _pump(outer_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(PIECE_BYTES):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.transport.abort()  # one side was reset: so is the other
    finally:
        writer.close()


def http_get(network: Network, host: str, port: int, path: str) -> tuple[int, Any]:
    """(status, JSON body) of a page at a host's loopback."""
    sock = network.within(host, lambda: socket.create_connection((LOOPBACK, port), ANSWER_S))
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_S)
    connection.sock = sock
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
