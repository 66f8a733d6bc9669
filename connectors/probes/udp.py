"""UDP: the target is up unless ICMP says that nobody hears the datagram (M-6).

Rule: silence is success, because most services on UDP answer nothing that they do not understand; so the probe lasts
until its deadline unless an answer or an ICMP error comes first. The transport makes REFUSED or UNREACHABLE of the
latter. A target behind a firewall that drops everything is UP here; whoever can expect an answer uses UDP-ECV.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.outcome import UP, Outcome
from schemas.parameters.escapes import escaped_bytes

DEFAULTS: Mapping[str, ParameterValue] = {"send": "watchbill"}
"""Text with escapes; the default tells whoever looks at the traffic where it comes from."""


class UdpConversation:
    """One datagram, and perhaps one back."""

    __slots__ = ("_send",)

    def __init__(self, binding: Binding) -> None:
        self._send = escaped_bytes(str({**DEFAULTS, **binding.parameters}["send"]))

    def begin(self) -> None:
        """Nothing is kept from probe to probe."""

    def connected(self) -> Step:
        """Send the datagram."""
        return self._send

    def received(self, _data: bytes, /) -> Step:
        """Whatever it says: somebody is there."""
        return UP

    def closed(self) -> Outcome:
        """Never reached: there is no connection to close."""
        return UP

    def overdue(self) -> Outcome:
        """Nobody said that nobody is there."""
        return UP


UDP = Kind("UDP", Wire.DATAGRAM, DEFAULTS, UdpConversation)
