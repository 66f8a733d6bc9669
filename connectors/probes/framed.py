"""What the conversations of databases and directories share: answers in frames, each with its length in front.

Rule: a length is believed only up to ANSWER_BYTES for the whole probe, and refused as soon as it is read, so a target
that lies about a length or never stops talking costs no memory. Frames are handled one by one, so the outcome does not
depend on how the network cut them. When the verdict is known the conversation says goodbye and lets the target close:
a reset in the middle would be a line in the target's log for every probe. Why not one long `received` a kind: each
would have to get the buffer, the limit and the words for "closed" and "overdue" right anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from connectors.engine.binding import Binding
from connectors.probes.contract import Step
from connectors.probes.matching import quoted
from connectors.probes.outcome import Outcome, down
from schemas.probes import Reason

ANSWER_BYTES = 64 * 1024
"""All that is read of a target in one probe."""

FRAME_BYTES = 64
"""A frame counts as so many bytes at least: 13,000 tiny ones would cost the time of 500 probes."""


class Malformed(Exception):
    """The target's bytes are not what the protocol says; the text says what came instead."""


class FramedConversation(ABC):
    """One probe in frames. A kind says how a frame is cut, what opens the talk, and who takes the next frame."""

    __slots__ = ("_awaited", "_binding", "_heard", "_pending", "_take", "parting")

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._pending = bytearray()
        self._heard = 0
        """Bytes of this probe's frames so far."""
        self.parting: Outcome | None = None
        """The verdict, once the goodbye is under way."""
        self._awaited = ""
        self._take: Callable[[bytes], Step] = self._unasked

    @abstractmethod
    def cut(self, data: bytearray) -> int:
        """How long the frame at the start of `data` says it is, with its header; 0 while the header is incomplete.

        Raises Malformed if it cannot be a frame at all.
        """

    @abstractmethod
    def open(self) -> Step:
        """The first words, or None where the target speaks first; calls `expect`."""

    def expect(self, awaited: str, take: Callable[[bytes], Step]) -> None:
        """The next frame goes to `take`; `awaited` names it for people, such as `greeting`."""
        self._awaited, self._take = awaited, take

    def finish(self, outcome: Outcome, farewell: bytes) -> Step:
        """The verdict is known: say goodbye, and be done when the target closes."""
        self.parting = outcome
        return farewell

    def begin(self) -> None:
        """A new probe."""
        self._pending.clear()
        self._heard = 0
        self.parting = None

    def connected(self) -> Step:
        """Open the talk."""
        return self.open()

    def received(self, data: bytes, /) -> Step:
        """Hand each whole frame to whoever expects it."""
        if self.parting is not None:
            self._heard += len(data)
            return None if self._heard <= ANSWER_BYTES else self.parting
        pending = self._pending
        pending += data
        answer = b""
        try:
            while self.parting is None and (length := self.cut(pending)):
                if self._heard + length > ANSWER_BYTES:
                    return self._too_large(length)
                if len(pending) < length:
                    break
                frame = bytes(pending[:length])
                del pending[:length]
                self._heard += max(length, FRAME_BYTES)
                step = self._take(frame)
                if isinstance(step, Outcome):
                    return step
                answer += step or b""
        except Malformed as error:
            return down(Reason.BAD_RESPONSE, f"{self._awaited}: {error}")
        return answer or None

    def closed(self) -> Outcome:
        """After the goodbye that is how it ends; before, the target hung up on us."""
        if self.parting is not None:
            return self.parting
        return down(Reason.CLOSED, f"closed before the {self._awaited}")

    def overdue(self) -> Outcome:
        """Nothing at all, or not enough; a target that is slow to close after the goodbye has answered all the same."""
        if self.parting is not None:
            return self.parting
        reason = Reason.TIMEOUT_BODY if self._heard or self._pending else Reason.TIMEOUT_FIRST_BYTE
        return down(reason, f"no {self._awaited} within {self._binding.timeout_ms} ms")

    def _too_large(self, length: int) -> Outcome:
        """Often it is no length at all, but the words of another protocol."""
        text = f"{self._awaited}: {self._heard + length} bytes announced, at most {ANSWER_BYTES} are read; got "
        return down(Reason.TOO_LARGE, text + quoted(self._pending))

    def _unasked(self, _frame: bytes) -> Step:
        raise RuntimeError(f"probe kind {self._binding.kind} took a frame that it did not expect: call `expect` first")
