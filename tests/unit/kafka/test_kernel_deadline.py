"""The kernel sends no longer than the producer may: a deadline on its sockets, and on no others."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from connectors.kafka.kernel_deadline import SEND_BUFFER_BYTES, KernelDeadline
from connectors.kafka.producer import OwnProducer
from connectors.kafka.settings import KafkaAccess
from tests.waiting import wait_until

TIMEOUT_MS = 907
"""No other socket of the process has just this one."""


def deadlines() -> list[int]:
    """TCP_USER_TIMEOUT of every TCP socket of this process."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(name))) as sock:
                found.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
        except OSError:
            continue
    return found


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_F5_only_sockets_with_a_producers_buffer_get_the_deadline(listener: socket.socket) -> None:
    deadline = KernelDeadline(TIMEOUT_MS)
    others = deadline.arm()  # producers of tests that ran before in this process
    with socket.create_connection(listener.getsockname()) as ours, socket.create_connection(listener.getsockname()):
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        assert deadline.arm() == others + 1
        assert deadline.arm() == others + 1, "known by now"
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == TIMEOUT_MS
        assert deadlines().count(TIMEOUT_MS) == others + 1
    assert deadline.arm() == others, "closed"


def test_F5_what_a_producers_socket_holds_is_gone_with_it(listener: socket.socket) -> None:
    received = {}
    for name in ("a producer's", "another"):
        with socket.create_connection(listener.getsockname()) as sock:
            if name == "a producer's":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
                KernelDeadline(TIMEOUT_MS).arm()
            sock.setblocking(False)
            sent = 0
            with suppress(BlockingIOError):  # nobody reads yet: the kernel keeps what it takes
                while True:
                    sent += sock.send(bytes(65536))
        reader, _ = listener.accept()
        with reader:
            received[name] = sent - read_to_the_end(reader)
    assert received["another"] == 0, "closed in order: all arrives"
    assert received["a producer's"] > 0, "reset: what had not arrived never does"


def read_to_the_end(sock: socket.socket) -> int:
    """How many bytes arrive until the other end is closed, in order or not."""
    count = 0
    with suppress(ConnectionResetError):
        while piece := sock.recv(65536):
            count += len(piece)
    return count


def test_F5_a_producers_connection_has_its_delivery_timeout(listener: socket.socket) -> None:
    bootstrap = f"127.0.0.1:{listener.getsockname()[1]}"
    producer = OwnProducer(KafkaAccess(bootstrap, "deadline"), delivery_timeout_ms=TIMEOUT_MS)
    try:
        producer.send("anything", 0, b"key", b"value")
        wait_until(lambda: TIMEOUT_MS in deadlines(), 5, "the connection to the broker has the deadline")
    finally:
        producer.close(0.1)
