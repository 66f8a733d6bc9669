"""A witness at the loopback: when each connection of a bench's own network was asked for, by the kernel's time stamps.

Rule: who probes is not asked when it probed. Each binding has a target address of its own in 127.0.0.0/8, so a SYN's
destination says whose probe it is; a filter in the kernel lets nothing but SYNs through. Needs a network of its own
(`loopback.enter_own_network`), where this process may look at packets.
"""

from __future__ import annotations

import ctypes
import socket
import time
from struct import pack, unpack, unpack_from

ETH_P_IP = 0x0800
SO_ATTACH_FILTER = 26
SO_TIMESTAMPNS = 35
SOL_PACKET = 263
PACKET_IGNORE_OUTGOING = 23
FLAGS_AT = 33
"""The place of TCP's flags in a packet without IP options."""
SYN = 2
ONLY_SYNS = ((0x30, 0, 0, FLAGS_AT), (0x15, 0, 1, SYN), (0x06, 0, 0, 64), (0x06, 0, 0, 0))
"""Classic BPF: load the flags' byte; if it is SYN and nothing else, pass 64 bytes, else none."""
BUFFER_BYTES = 64 * 1024 * 1024
SO_RCVBUFFORCE = 33


class Witness:
    """Collects SYNs from its construction on; close it at the end."""

    def __init__(self) -> None:
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        code = b"".join(pack("HBBI", *row) for row in ONLY_SYNS)
        self._code = ctypes.create_string_buffer(code, len(code))
        program = pack("HxxxxxxP", len(ONLY_SYNS), ctypes.addressof(self._code))
        self._sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        self._sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        self._sock.settimeout(0.1)

    def watch(self, seconds: float) -> dict[int, list[int]]:
        """Binding number -> instants of its connection requests in this time, nanoseconds, ascending."""
        seen: dict[int, list[int]] = {}
        self._drain()
        limit_s = time.monotonic() + seconds
        while time.monotonic() < limit_s:
            try:
                packet, ancillary, _, _ = self._sock.recvmsg(64, 64)
            except TimeoutError:
                continue
            second, nanosecond = unpack("qq", ancillary[0][2])
            (address,) = unpack_from(">I", packet, 16)
            seen.setdefault(number_of(address), []).append(second * 1_000_000_000 + nanosecond)
        return seen

    def _drain(self) -> None:
        """Forget what came before."""
        self._sock.setblocking(False)
        try:
            while True:
                self._sock.recv(64)
        except BlockingIOError:
            self._sock.settimeout(0.1)

    def close(self) -> None:
        """Look no more."""
        self._sock.close()


FIRST_ADDRESS = 0x7F010001


def address_of(number: int) -> str:
    """The loopback address that is the target of this binding alone."""
    return socket.inet_ntoa(pack(">I", FIRST_ADDRESS + number))


def number_of(address: int) -> int:
    """The binding whose target this is."""
    return address - FIRST_ADDRESS
