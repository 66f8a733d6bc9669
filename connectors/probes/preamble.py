"""What some protocols say in plain text before TLS begins on the same connection (MySQL, PostgreSQL).

Rule: nothing but the words that lead to TLS is said in the clear, and nothing else is listened to: what a target, or
somebody in between, sends in the clear after those words would later be taken for its secured answer, so it ends the
probe (CVE-2021-23222). The engine puts a preamble before its TLS layer; the conversation inside knows only what the
preamble tells it.
"""

from __future__ import annotations

from connectors.probes.contract import Step
from connectors.probes.framed import FramedConversation
from connectors.probes.outcome import Outcome, down
from schemas.probes import Reason


class FramedPreamble(FramedConversation):
    """A preamble in frames. `ready` is set when TLS may begin, after the bytes of that last step are sent."""

    __slots__ = ("ready",)

    ready: bool

    def begin(self) -> None:
        """Forget the last probe."""
        super().begin()
        self.ready = False

    def received(self, data: bytes, /) -> Step:
        """As in `FramedConversation`, but nothing may follow the words that lead to TLS."""
        step = super().received(data)
        if self.ready and self._pending and not isinstance(step, Outcome):
            return down(Reason.BAD_RESPONSE, f"{len(self._pending)} bytes in the clear where TLS must begin")
        return step

    def begin_tls(self, last: bytes = b"") -> Step:
        """TLS may begin, after these last words."""
        self.ready = True
        self.expect("first word of TLS", self._unasked_for)
        return last

    def _unasked_for(self, frame: bytes) -> Step:
        return down(Reason.BAD_RESPONSE, f"{len(frame)} bytes in the clear where TLS must begin")
