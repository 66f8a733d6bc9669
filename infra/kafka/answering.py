"""Whether a Kafka broker answers at an address: one Metadata request over a plain socket.

A client library would do, but it starts threads, logs each refused attempt, and backs off for up to a second, which
is half of this broker's start. The request is the oldest Metadata version a Kafka 4 speaks for no topic at all: it is
answered with the brokers that are alive, so a node that is up but not yet a member does not count.
"""

from __future__ import annotations

import socket
import struct

METADATA_KEY = 3
METADATA_VERSION = 1
ATTEMPT_S = 2.0
RESPONSE_LIMIT_BYTES = 1 << 20
# Length, request key, version, correlation id, empty client id, and an array of no topics.
REQUEST = struct.pack(">ihhihi", 14, METADATA_KEY, METADATA_VERSION, 1, 0, 0)


def answers(host: str, port: int) -> bool:
    """True when the broker names at least one live broker. Never waits longer than a few seconds."""
    try:
        with socket.create_connection((host, port), timeout=ATTEMPT_S) as connection:
            connection.sendall(REQUEST)
            header = _receive(connection, 4)
            length = struct.unpack(">i", header)[0]
            if not 8 <= length <= RESPONSE_LIMIT_BYTES:
                return False
            _, brokers = struct.unpack_from(">ii", _receive(connection, length))
            return bool(brokers > 0)
    except OSError:
        return False


def _receive(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("closed while it answered")
        data += part
    return data
