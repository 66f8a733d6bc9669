"""The kernel's neighbour table: which MAC answers for an address, and on which interface (S-1).

Rule: only what the kernel has learnt is told. An address behind a router has no neighbour entry of its own and so no
layer 2: the router's MAC says nothing of the service. Asked by rtnetlink (RFC 3549, RTM_GETNEIGH), because
/proc/net/arp has no IPv6; the table is kept for a second, so that a takeover of thousands asks once.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from connectors.link.vlan import vlan_of

RTM_NEWNEIGH, RTM_GETNEIGH, NLMSG_ERROR, NLMSG_DONE = 28, 30, 2, 3
REQUEST_DUMP = 0x01 | 0x300
HEADER = struct.Struct("=LHHLL")
NEIGHBOUR = struct.Struct("=BxxxiHBB")
ATTRIBUTE = struct.Struct("=HH")
NDA_DST, NDA_LLADDR = 1, 2
KNOWN_STATES = 0x02 | 0x04 | 0x08 | 0x10 | 0x80
"""NUD_REACHABLE, STALE, DELAY, PROBE, PERMANENT: an address that answered, or that an operator wrote down."""
ANSWER_S = 0.2
KEPT_S = 1.0
READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Who answers for an address. `vlan` 0: untagged; `channel` is the interface."""

    mac: str
    vlan: int
    channel: str


class Neighbours:
    """One thread. `of(address, now_s)` answers from a table that is at most a second old."""

    def __init__(self, vlans: Path = Path("/proc/net/vlan")) -> None:
        self._vlans = vlans
        self._table: dict[str, tuple[int, str]] = {}
        self._asked_s: float | None = None

    def of(self, address: str, now_s: float) -> Neighbour | None:
        """The neighbour of an address; None where it has none, or where the kernel does not say."""
        if self._asked_s is None or now_s - self._asked_s >= KEPT_S:
            self._asked_s = now_s
            try:
                self._table = table()
            except OSError:
                self._table = {}
        found = self._table.get(_plain(address))
        if found is None:
            return None
        try:
            channel = socket.if_indextoname(found[0])
        except OSError:
            return None
        return Neighbour(found[1], vlan_of(channel, self._vlans), channel)


def table() -> dict[str, tuple[int, str]]:
    """Address to (interface index, MAC). Raises OSError where the kernel refuses or does not answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asked:
        asked.settimeout(ANSWER_S)
        body = NEIGHBOUR.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        asked.send(HEADER.pack(HEADER.size + len(body), RTM_GETNEIGH, REQUEST_DUMP, 1, 0) + body)
        found: dict[str, tuple[int, str]] = {}
        while True:
            for kind, message in messages(asked.recv(READ_BYTES)):
                if kind == NLMSG_DONE:
                    return found
                if kind == NLMSG_ERROR:
                    raise OSError("the kernel refused to tell its neighbours")
                if kind == RTM_NEWNEIGH:
                    found |= neighbour_of(message)


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The (kind, body) pairs of one datagram."""
    while len(data) >= HEADER.size:
        length, kind, *_ = HEADER.unpack_from(data)
        if length < HEADER.size:
            return
        yield kind, data[HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def neighbour_of(body: bytes) -> dict[str, tuple[int, str]]:
    """The entry of one message; empty where it has no address, no MAC, or was not learnt."""
    if len(body) < NEIGHBOUR.size:
        return {}
    _, index, state, _, _ = NEIGHBOUR.unpack_from(body)
    attributes = dict(_attributes(body[NEIGHBOUR.size :]))
    address, mac = attributes.get(NDA_DST, b""), attributes.get(NDA_LLADDR, b"")
    if not state & KNOWN_STATES or len(address) not in (4, 16) or len(mac) != 6 or not any(mac):
        return {}
    return {str(ipaddress.ip_address(address)): (index, mac.hex(":"))}


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(data)
        if length < ATTRIBUTE.size:
            return
        yield kind, data[ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]


@lru_cache(maxsize=4_096)
def _plain(address: str) -> str:
    """The address as the table spells it."""
    try:
        return str(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return address
