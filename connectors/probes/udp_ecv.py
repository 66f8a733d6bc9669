"""UDP-ECV: the target is up if the datagram it answers with holds what is expected and no error (M-6, M-8).

Rule: the first datagram decides. It is the answer to ours, for the socket is new in every probe and hears nobody else;
a target whose first answer is wrong does not serve. With nothing expected any answer will do. A lost datagram fails
the probe; `retries` is there for that, and a second one sent here would hide how many get lost.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.matching import CONTENT, WINDOW_BYTES, Content
from connectors.probes.outcome import Outcome, down
from schemas.parameters.escapes import escaped_bytes
from schemas.probes import Reason

DEFAULTS: Mapping[str, ParameterValue] = {"send": "", **CONTENT}
"""`send` is text with escapes; an empty one sends an empty datagram."""


class UdpEcvConversation:
    """One datagram there, one back."""

    __slots__ = ("_content", "_send", "_timeout_ms")

    def __init__(self, binding: Binding) -> None:
        settings = {**DEFAULTS, **binding.parameters}
        self._send = escaped_bytes(str(settings["send"]))
        self._content = Content(settings)
        self._timeout_ms = binding.timeout_ms

    def begin(self) -> None:
        """Nothing is kept from probe to probe."""

    def connected(self) -> Step:
        """Send the datagram."""
        return self._send

    def received(self, data: bytes, /) -> Step:
        """The answer, whole."""
        return self._content.judge(data[:WINDOW_BYTES])

    def closed(self) -> Outcome:
        """Never reached: there is no connection to close."""
        return self.overdue()

    def overdue(self) -> Outcome:
        """No answer."""
        return down(Reason.TIMEOUT_FIRST_BYTE, f"no answer within {self._timeout_ms} ms")


UDP_ECV = Kind("UDP-ECV", Wire.DATAGRAM, DEFAULTS, UdpEcvConversation)
