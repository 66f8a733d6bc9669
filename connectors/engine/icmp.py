"""The bytes of ICMP echo (RFC 792, RFC 4443): requests out; replies and unreachable messages in. No socket here.

Rule: what is not plainly an answer to a request of ours is nothing (None); a raw socket sees the whole machine's ICMP.
A packet is matched by identifier and sequence, and by eight bytes of our own at the head of its payload, so that a late
reply to an earlier request with the same 16-bit sequence is never taken for this one's.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

ECHO = Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence."""
TOKEN = Struct("!Q")
IPV6_HEADER_BYTES = 40


@dataclass(frozen=True, slots=True)
class Dialect:
    """The numbers in which ICMP for IPv4 and for IPv6 differ."""

    request: int
    reply: int
    unreachable: int
    reasons: dict[int, str]


V4 = Dialect(8, 0, 3, {0: "network", 1: "host", 2: "protocol", 3: "port", 9: "network, by policy", 13: "by policy"})
V6 = Dialect(128, 129, 1, {0: "no route", 1: "by policy", 3: "address", 4: "port"})


@dataclass(frozen=True, slots=True)
class Answer:
    """A packet that answers a request of ours. An unreachable message has no payload, and no token where it was cut."""

    identifier: int
    sequence: int
    token: int | None
    payload: bytes
    unreachable: str


def request(dialect: Dialect, identifier: int, sequence: int, token: int, payload: bytes) -> bytes:
    """An echo request with its checksum, which the kernel makes anew for IPv6 and for ping sockets."""
    body = TOKEN.pack(token) + payload
    blank = ECHO.pack(dialect.request, 0, 0, identifier, sequence) + body
    return ECHO.pack(dialect.request, 0, checksum(blank), identifier, sequence) + body


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    # A number in base 65536 is congruent to the sum of its digits modulo 65535: one division instead of a loop.
    total = int.from_bytes(data, "big") % 0xFFFF
    return 0xFFFF - total if total else (0 if any(data) else 0xFFFF)


def without_ip_header(packet: bytes) -> bytes:
    """The ICMP message of an IPv4 packet as a raw socket gives it."""
    return packet[(packet[0] & 0x0F) * 4 :] if packet else b""


def parse(dialect: Dialect, message: bytes) -> Answer | None:
    """What an ICMP message answers, or None if it is no answer."""
    if len(message) < ECHO.size:
        return None
    kind, code, _, identifier, sequence = ECHO.unpack_from(message)
    if kind == dialect.reply:
        return Answer(identifier, sequence, token_of(message), message[ECHO.size + TOKEN.size :], "")
    if kind == dialect.unreachable:
        return _unreachable(dialect, code, message[ECHO.size :])
    return None


def _unreachable(dialect: Dialect, code: int, original: bytes) -> Answer | None:
    """The message quotes the head of the packet that could not be delivered."""
    inner = without_ip_header(original) if dialect is V4 else original[IPV6_HEADER_BYTES:]
    if len(inner) < ECHO.size:
        return None
    kind, _, _, identifier, sequence = ECHO.unpack_from(inner)
    if kind != dialect.request:
        return None
    return Answer(identifier, sequence, token_of(inner), b"", dialect.reasons.get(code, f"code {code}"))


def token_of(message: bytes) -> int | None:
    """The token of an echo request or reply; None if the message was cut before it, as some routers do."""
    return TOKEN.unpack_from(message, ECHO.size)[0] if len(message) >= ECHO.size + TOKEN.size else None
