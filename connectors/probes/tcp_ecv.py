"""TCP-ECV: the target is up if what it says on a connection holds what is expected and no error (M-6, M-8).

Rule: nobody knows where such an answer ends, and most targets leave the connection open. So the probe ends as soon as
the verdict is certain (`matching.py` says when), or when the target hangs up, or at the deadline, where what has come
is judged. With nothing to send the target's greeting is awaited; with nothing expected any answer will do.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.matching import CONTENT, TROFS, AnswerSoFar, Content
from connectors.probes.outcome import UP, Outcome, down
from connectors.probes.secure import SECURE
from schemas.parameters.escapes import escaped_bytes
from schemas.probes import Reason

DEFAULTS: Mapping[str, ParameterValue] = {"send": "", **CONTENT, **TROFS}


class TcpEcvConversation:
    """Something is said, unless `send` is empty, and the answer is looked at as it comes."""

    __slots__ = ("_answer", "_content", "_send", "_timeout_ms")

    def __init__(self, binding: Binding) -> None:
        settings = {**DEFAULTS, **binding.parameters}
        self._send = escaped_bytes(str(settings["send"]))
        self._content = Content(settings)
        self._answer = AnswerSoFar(self._content)
        self._timeout_ms = binding.timeout_ms

    def begin(self) -> None:
        """Forget the last answer."""
        self._answer.begin()

    def connected(self) -> Step:
        """Say what is to be said, if anything."""
        return self._send or None

    def received(self, data: bytes, /) -> Step:
        """Look at what has come so far."""
        return self._answer.feed(data) if self._content.looks else UP

    def closed(self) -> Outcome:
        """What has come is all there is."""
        if not self._answer.window:
            return down(Reason.CLOSED, "closed without an answer")
        return self._answer.end(" before the target closed")

    def overdue(self) -> Outcome:
        """What has come must do. An answer that stops within a line is late, one that does not is another answer."""
        window = self._answer.window
        if not window:
            return down(Reason.TIMEOUT_FIRST_BYTE, f"no answer within {self._timeout_ms} ms")
        judged = self._answer.end(f" within {self._timeout_ms} ms")
        if judged.reason is Reason.MISMATCH and not window.endswith(b"\n"):
            return down(Reason.TIMEOUT_BODY, judged.detail)
        return judged


TCP_ECV = Kind("TCP-ECV", Wire.STREAM, {**DEFAULTS, **SECURE}, TcpEcvConversation)
"""`send` is empty or text with escapes."""
