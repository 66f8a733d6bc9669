"""The address of the node that a binding's probes leave from (`source_ip`, M-18), for engines and tasks alike.

Rule: a source that this node does not have is the node's trouble and not the target's, so the probe is INCONCLUSIVE
and says which address is missing; it is tried again at each probe, because addresses come and go with interfaces. A
source of the other family than the target can never work; which family a target by name has is known here only.
IP_BIND_ADDRESS_NO_PORT leaves the choice of the port to connect(2): else bind(2) takes one that is free towards every
target, and 28,000 probes in flight would be the most of an address.
"""

from __future__ import annotations

from errno import EADDRNOTAVAIL
from socket import AF_INET, AF_INET6, IPPROTO_IP, SOCK_CLOEXEC, SOCK_DGRAM, SocketType, socket

from connectors.engine.binding import Binding
from connectors.probes.outcome import Outcome, from_errno, inconclusive
from schemas.probes import Reason

BIND_ADDRESS_NO_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT, for IPv6 too; Python has no name for it yet."""


def unfit_source(binding: Binding) -> Outcome | None:
    """The outcome of a binding whose source is of the other family than its target; None if it fits, or has none."""
    if not binding.source_ip or (":" in binding.source_ip) == binding.is_ipv6:
        return None
    families = ("IPv6", "IPv4") if binding.is_ipv6 else ("IPv4", "IPv6")
    text = f"target {binding.ip} is {families[0]}, source_ip {binding.source_ip} is {families[1]}"
    return inconclusive(Reason.LOCAL_ERROR, f"{text}: give a source_ip of the target's family")


def leave_from(sock: SocketType, source_ip: str) -> None:
    """Let an unconnected stream socket's connections leave from this address. Raises OSError."""
    sock.setsockopt(IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
    sock.bind((source_ip, 0))


def unopened(error: OSError, source_ip: str) -> Outcome:
    """The outcome where no socket could be opened, or none be bound to its source (which may be empty: none)."""
    if source_ip and error.errno == EADDRNOTAVAIL:
        text = (
            f"this node has no address {source_ip}: give source_ip an address of each node that probes, or leave it out"
        )
        return inconclusive(Reason.LOCAL_ERROR, text)
    return from_errno(error.errno or 0, f"bind a socket to {source_ip}" if source_ip else "open a socket")


def missing_source(source_ip: str) -> Outcome | None:
    """The outcome if this node does not have the address; for kinds whose library would blame the target."""
    try:
        with socket(AF_INET6 if ":" in source_ip else AF_INET, SOCK_DGRAM | SOCK_CLOEXEC) as sock:
            sock.bind((source_ip, 0))
    except OSError as error:
        return unopened(error, source_ip)
    return None
