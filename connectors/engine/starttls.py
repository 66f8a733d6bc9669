"""TLS that begins in the middle of a connection: a preamble in plain text, and then the TLS layer on the same bytes.

Rule: to the stream transport the two are one conversation, to the conversation inside they are TLS as ever. The
preamble alone speaks until it says `ready`; from then on it is never asked again. Why not in the TLS layer itself: most
of its bindings have no preamble, and it should not know that others do.
"""

from __future__ import annotations

from connectors.engine.tls import TlsConversation
from connectors.probes.contract import Preamble, Step
from connectors.probes.outcome import Outcome


class StartTlsConversation:
    """First the preamble, then TLS. Follows `contract.Conversation`."""

    __slots__ = ("_layer", "_preamble", "_speaker")

    def __init__(self, preamble: Preamble, layer: TlsConversation) -> None:
        self._preamble = preamble
        self._layer = layer
        self._speaker: Preamble | TlsConversation = preamble

    def begin(self) -> None:
        """A new probe begins in plain text."""
        self._layer.begin()
        self._preamble.begin()
        self._speaker = self._preamble

    def connected(self) -> Step:
        """The preamble's first words."""
        return self._after(self._preamble.connected())

    def received(self, data: bytes, /) -> Step:
        """To whoever speaks now."""
        step = self._speaker.received(data)
        return step if self._speaker is self._layer else self._after(step)

    def closed(self) -> Outcome:
        """What the speaker missed."""
        return self._speaker.closed()

    def overdue(self) -> Outcome:
        """What the speaker missed."""
        return self._speaker.overdue()

    def _after(self, step: Step) -> Step:
        """Hand over to TLS as soon as the preamble is done."""
        if isinstance(step, Outcome) or not self._preamble.ready:
            return step
        self._speaker = self._layer
        greeting = self._layer.connected()
        return greeting if isinstance(greeting, Outcome) else (step or b"") + (greeting or b"") or None
