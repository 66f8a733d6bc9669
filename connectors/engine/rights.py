"""Whether this process may send pings, asked without sending any: for those who look after a node, before it matters.

Rule: the same two sockets in the same order as the engine opens them (`echo`), closed again at once. An engine says the
same with its first ping; here an operator learns it before a service is DOWN for nobody's fault.
"""

from __future__ import annotations

import socket

from connectors.engine.echo import CURE


def ping_right() -> tuple[bool, str]:
    """(whether pings can be sent, how, or what to do)."""
    for kind, how in ((socket.SOCK_DGRAM, "ping sockets, no privilege needed"), (socket.SOCK_RAW, "raw sockets")):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except OSError:
            continue
        return True, how
    return False, CURE
