"""A link between a client and the broker on which Kafka refuses one request to write, as where a partition has no
leader yet.

Rule: the broker itself refuses: the topic's name is another one, of the same length, on the way there, and the right
one again in the answer; so the client sees UNKNOWN_TOPIC_OR_PART of a real broker. The answer is held until the client
has sent its next request, so that there are two on the way.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

SIZE_BYTES = 4
PRODUCE = b"\x00\x00"
HELD_S = 10.0


class RefusingLink:
    """Listens on loopback at `bootstrap`, until its `with` block is left."""

    def __init__(self, broker: str, topic: str) -> None:
        host, _, port = broker.rpartition(":")
        self._broker = (host, int(port))
        self._name, self._unknown = topic.encode(), b"_" * len(topic)
        self._listening = socket.create_server((host, 0))
        self._port = self._listening.getsockname()[1]
        self.bootstrap = f"{host}:{self._port}"
        self.refused: bytes | None = None
        """The number (correlation id) of the request that was refused."""
        self.first, self.second = threading.Event(), threading.Event()
        """Whether a request to write has been sent, and another behind it."""
        self._open: list[socket.socket] = [self._listening]

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for one in self._open:
            one.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(self._broker)
            self._open += (client, server)
            for carry in (self._to_broker, self._to_client):
                threading.Thread(target=carry, args=(client, server), daemon=True).start()

    def _to_broker(self, client: socket.socket, server: socket.socket) -> None:
        for request in _frames(client):
            sent = request
            if request.startswith(PRODUCE):
                if self.first.is_set():
                    self.second.set()
                else:
                    self.refused = request[4:8]
                    sent = request.replace(self._name, self._unknown)
                    self.first.set()
            _put(server, sent)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        ours, theirs = (at.to_bytes(4, "big") for at in (self._port, self._broker[1]))
        host = self._broker[0].encode()
        for answer in _frames(server):
            if self._unknown in answer and answer[:4] == self.refused:
                self.second.wait(HELD_S)
            _put(client, answer.replace(self._unknown, self._name).replace(host + theirs, host + ours))


def _frames(sock: socket.socket) -> Iterator[bytes]:
    stream = sock.makefile("rb")
    try:
        while len(size := stream.read(SIZE_BYTES)) == SIZE_BYTES:
            yield stream.read(int.from_bytes(size, "big"))
    except OSError:
        return  # the link was closed


def _put(sock: socket.socket, frame: bytes) -> None:
    try:
        sock.sendall(len(frame).to_bytes(SIZE_BYTES, "big") + frame)
    except OSError:
        return
