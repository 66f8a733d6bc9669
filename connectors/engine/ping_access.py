"""How this machine's engines may ping, in words: with which kind of socket, or why not and the cure.

Rule: asked anew each time, by opening a socket as an engine does and closing it again: engines are children of the node
and run as its user, and the cure (a sysctl, a capability) works without a restart. Why not ask the engines: a node that
pings nothing yet would have nothing to tell, and that is when an operator looks.
"""

from __future__ import annotations

import socket
from enum import Enum

from connectors.engine.echo import CURE


class PingAccess(Enum):
    """The kind of socket that a ping gets."""

    PING_SOCKET = "ping socket"
    """An unprivileged one (SOCK_DGRAM): the system lets this user's group have it."""
    RAW_SOCKET = "raw socket"
    """A privileged one: root, or CAP_NET_RAW."""
    NONE = "none"


KINDS = ((socket.SOCK_DGRAM, PingAccess.PING_SOCKET), (socket.SOCK_RAW, PingAccess.RAW_SOCKET))


def ping_access() -> PingAccess:
    """What a ping of IPv4 gets now, in the order in which engines try."""
    for kind, access in KINDS:
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except OSError:
            continue
        return access
    return PingAccess.NONE


def access_text(access: PingAccess) -> str:
    """For people: which socket, or the cure."""
    return f"none: {CURE}" if access is PingAccess.NONE else access.value
