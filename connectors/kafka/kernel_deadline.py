"""How long the kernel may go on sending what a producer has written to its sockets.

Rule: no longer than its owner says, at most the delivery time-out. Bytes that the kernel took before a cut are sent
again for minutes, after their socket was closed too, and Kafka takes them when the cut ends: behind a successor's
records. TCP_USER_TIMEOUT ends that. librdkafka has no property for it and its Python binding no hook at its sockets, so
they are looked for among those of the process, by a size of the send buffer that no others have. Why not purge the
producer alone: what is in the kernel is out of its hands. Where the system knows no such option, nothing is done.

And what a socket still holds is gone with it (SO_LINGER of no time): librdkafka closes a connection on which a request
timed out and goes on with another, under a producer id that Kafka does not compare with the last one. On a link that
loses packets the old connection's bytes came through behind the new one's, and so old records behind newer ones.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import threading
import time
from functools import cache
from pathlib import Path

SEND_BUFFER_BYTES = 786_433
"""A prime, by which a producer's sockets are known."""
DESCRIPTORS = Path("/proc/self/fd")
AT_ONCE = struct.pack("ii", 1, 0)
"""struct linger: a socket that is closed is reset, and what it holds is dropped."""
LOOK_S = 0.1
"""How often new connections are looked for, to give them their deadline."""


@cache
def kernel_deadline(timeout_ms: int) -> KernelDeadline:
    """The one of this process for that time: the sockets of one producer cannot be told from another's."""
    return KernelDeadline(timeout_ms)


class KernelDeadline:
    """Of a process's producers; `look` is called again and again, from any thread, for sockets come and go."""

    def __init__(self, timeout_ms: int) -> None:
        self._timeout_ms = timeout_ms
        self._looking = threading.Lock()
        self._looked_at_s = 0.0
        self._armed: set[tuple[int, int]] = set()
        self._option: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
        self._buffer_bytes = _as_told(SEND_BUFFER_BYTES)

    def look(self) -> None:
        """`arm`, unless another thread is at it or has just been."""
        if time.monotonic() - self._looked_at_s > LOOK_S and self._looking.acquire(blocking=False):
            try:
                self._looked_at_s = time.monotonic()
                self.arm()
            finally:
                self._looking.release()

    def arm(self) -> int:
        """Give the sockets that have come since their deadline; how many have it now."""
        if self._option is None or not DESCRIPTORS.exists():
            return 0
        armed = set()
        for name in os.listdir(DESCRIPTORS):
            key = _socket_key(int(name))
            if key is not None and (key in self._armed or self._arm(key[0], self._option)):
                armed.add(key)
        self._armed = armed
        return len(armed)

    def _arm(self, descriptor: int, option: int) -> bool:
        """Whether this is a producer's; another name for the same socket is used, as librdkafka may close its own."""
        try:
            found = socket.socket(fileno=os.dup(descriptor))
        except OSError:  # it was closed meanwhile
            return False
        with found:
            if found.type != socket.SOCK_STREAM or found.family not in (socket.AF_INET, socket.AF_INET6):
                return False
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) != self._buffer_bytes:
                return False
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            found.setsockopt(socket.IPPROTO_TCP, option, self._timeout_ms)
            return True


def _socket_key(descriptor: int) -> tuple[int, int] | None:
    """A socket's descriptor and number, since descriptors are used again; None for what is no socket."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return (descriptor, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None


def _as_told(wanted: int) -> int:
    """What the system says of a buffer that was set to this size: Linux doubles it, up to its limit."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, wanted)
        return trial.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
