"""Where a server is: HAProxy's address forms as a host and a port, or why ours cannot have it.

Rule: only what a probe of another machine can reach is a place: a socket of the file system, a file descriptor and a
variable of HAProxy's own environment are not, and each is told with what to do instead. A port may be left out where
the check has one of its own, since HAProxy then serves the client's port and nobody knows it here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from schemas.parameters.reading import canonical_host

_PORT = re.compile(r"(.*):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Place:
    """A host in its one spelling, and a port."""

    host: str
    port: int


def place_of(text: str, check_port: str = "") -> Place | str:
    """The place of an address, or what to do about it. `check_port` stands in for a port that is missing."""
    if "$" in text:
        return "is taken from HAProxy's environment: write the address in its place"
    family, at, rest = text.partition("@")
    if at and family not in ("ipv4", "ipv6", "udp", "udp4", "udp6", "tcp4", "tcp6", "quic4", "quic6"):
        return "is a socket of HAProxy's machine: nothing of ours reaches it"
    spelt = rest if at else text
    if spelt.startswith("/"):
        return "is a socket of HAProxy's machine: nothing of ours reaches it"
    found = _PORT.fullmatch(spelt)
    host, port = (found[1], int(found[2])) if found else (spelt.rstrip(":"), 0)
    if not 1 <= port <= 65_535:
        host, port = spelt.rpartition(":+")[0] or host, int(check_port) if check_port.isdecimal() else 0
    canonical = canonical_host(host.strip("[]"))
    if canonical is None:
        return "is no address or name that ours can have: add the service by hand"
    if not 1 <= port <= 65_535:
        return "has no port: it is the client's, nobody knows it here; add the service with the port to probe"
    return Place(canonical, port)
