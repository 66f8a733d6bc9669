"""A small DNS server for tests, over UDP on loopback: names, their addresses and TTLs can be changed while it runs.

It speaks DNS through dnslib, and can fall ill as servers do: answer with an error, answer nothing, or die.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dnslib import AAAA, CNAME, QTYPE, RCODE, RR, A, DNSRecord

POLL_S = 0.05
PACKET_BYTES = 4096


@dataclass(slots=True)
class Zone:
    """What the server says. `errors` gives a response code by name, such as SERVFAIL; an unknown name is NXDOMAIN."""

    addresses: dict[str, tuple[list[str], int]] = field(default_factory=dict)
    """By name: addresses of both families, and the TTL in seconds."""
    aliases: dict[str, tuple[str, int]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    asked: list[str] = field(default_factory=list)
    """Every question, such as `web.test/A`."""

    def answer(self, packet: bytes) -> bytes | None:
        """The response to a question; None for silence."""
        question = DNSRecord.parse(packet)
        name, kind = str(question.q.qname).lower().rstrip("."), QTYPE[question.q.qtype]
        self.asked.append(f"{name}/{kind}")
        if self.silent:
            return None
        reply = question.reply()
        if name in self.errors:
            reply.header.rcode = getattr(RCODE, self.errors[name])
            return bytes(reply.pack())
        while name in self.aliases:
            target, ttl_s = self.aliases[name]
            reply.add_answer(RR(name, QTYPE.CNAME, rdata=CNAME(target), ttl=ttl_s))
            name = target
        if name not in self.addresses:
            reply.header.rcode = RCODE.NXDOMAIN
            return bytes(reply.pack())
        addresses, ttl_s = self.addresses[name]
        for address in addresses:
            version = "AAAA" if ":" in address else "A"
            if version == kind:
                data = AAAA(address) if ":" in address else A(address)
                reply.add_answer(RR(name, getattr(QTYPE, kind), rdata=data, ttl=ttl_s))
        return bytes(reply.pack())


class NameServer:
    """The server. `zone` may be changed at any time."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.settimeout(POLL_S)
        self.port: int = self._sock.getsockname()[1]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="named", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """As `--resolver` takes it."""
        return f"127.0.0.1:{self.port}"

    def die(self) -> None:
        """Answer no more, ever: the port is closed."""
        self._ended.set()
        self._thread.join()
        self._sock.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                packet, asker = self._sock.recvfrom(PACKET_BYTES)
            except TimeoutError:
                continue
            answer = self.zone.answer(packet)
            if answer is not None:
                self._sock.sendto(answer, asker)


@contextmanager
def name_server(**addresses: tuple[list[str], int]) -> Iterator[NameServer]:
    """A running server with an empty zone."""
    server = NameServer(Zone(dict(addresses)))
    try:
        yield server
    finally:
        server.die()
