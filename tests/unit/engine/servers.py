"""Small real servers on 127.0.0.1, one for each way in which a target can behave or misbehave."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Handler = Callable[[socket.socket, threading.Event], None]
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@contextmanager
def serving(handler: Handler) -> Iterator[int]:
    """A server whose every connection is handed to `handler(connection, ended)` in a thread. Yields its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            handler(connection, ended)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def answering(answer: bytes) -> Handler:
    """Read the request, answer, hang up."""

    def handle(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return handle


def silent(connection: socket.socket, ended: threading.Event) -> None:
    """Accept, never say a word."""
    ended.wait()
    connection.close()


def resetting(connection: socket.socket, _: threading.Event) -> None:
    """Read the request, then reset the connection."""
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)


def dripping(answer: bytes, pause_s: float) -> Handler:
    """Answer one byte at a time."""

    def handle(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65536)
        for place in range(len(answer)):
            connection.sendall(answer[place : place + 1])
            if ended.wait(pause_s):
                return

    return handle


@contextmanager
def black_hole() -> Iterator[int]:
    """A port that answers no connection request: its backlog of one is full. Yields the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            yield port


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, kept from others while the test runs."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
