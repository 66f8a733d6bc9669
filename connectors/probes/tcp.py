"""TCP: the target is up if it accepts a connection, and with `secure` a TLS handshake (M-6). Nothing is sent.

Rule: the connection is reset at once, not closed: a close would leave a socket in TIME_WAIT for each probe, and
10,000 probes a second would use up the local ports within seconds. The engine's stream transport does that.
"""

from __future__ import annotations

from connectors.engine.binding import Binding
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.outcome import UP, Outcome, down
from connectors.probes.secure import SECURE
from schemas.probes import Reason


class TcpConversation:
    """Connected means up; nothing else is ever said."""

    __slots__ = ()

    def __init__(self, binding: Binding) -> None:
        if not 0 < binding.port < 65536:
            raise ValueError(f"port {binding.port} of {binding.service_name} is not a TCP port: give 1 to 65535")

    def begin(self) -> None:
        """Nothing is kept from probe to probe."""

    def connected(self) -> Step:
        """The connection stands: up."""
        return UP

    def received(self, _data: bytes, /) -> Step:
        """Never reached: the probe has ended before a byte could come."""
        return UP

    def closed(self) -> Outcome:
        """Never reached, as above."""
        return UP

    def overdue(self) -> Outcome:
        """Never reached: before the connection stands the engine itself gives TIMEOUT_CONNECT."""
        return down(Reason.TIMEOUT_CONNECT, "no connection")


TCP = Kind("TCP", Wire.STREAM, SECURE, TcpConversation)
