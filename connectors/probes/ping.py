"""PING: the target is up if it answers an ICMP echo request (M-6).

Rule: the answer must carry back what was sent (RFC 792: "the data received in the echo message must be returned").
Matching replies to requests is the echo transport's work; so is the reason when this process may not send ICMP.
"""

from __future__ import annotations

from connectors.engine.binding import Binding
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.outcome import UP, Outcome, down
from schemas.probes import Reason

PAYLOAD = bytes(range(0x10, 0x40))
"""48 bytes; with the transport's 8 the request is as long as that of the ping command."""


class PingConversation:
    """One request, one reply."""

    __slots__ = ("_timeout_ms",)

    def __init__(self, binding: Binding) -> None:
        self._timeout_ms = binding.timeout_ms

    def begin(self) -> None:
        """Nothing is kept from probe to probe."""

    def connected(self) -> Step:
        """Send the request."""
        return PAYLOAD

    def received(self, data: bytes, /) -> Step:
        """The reply's payload."""
        if data == PAYLOAD:
            return UP
        return down(Reason.BAD_RESPONSE, f"echo reply with other data: {len(data)} bytes, sent {len(PAYLOAD)}")

    def closed(self) -> Outcome:
        """Never reached: there is no connection to close."""
        return down(Reason.CLOSED, "closed")

    def overdue(self) -> Outcome:
        """No reply."""
        return down(Reason.TIMEOUT_FIRST_BYTE, f"no echo reply within {self._timeout_ms} ms")


PING = Kind("PING", Wire.ECHO, {}, PingConversation)
