"""Drives a conversation with bytes: whole, in pieces, and to each of its ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

from hypothesis import strategies as st

from connectors.probes.contract import Conversation
from connectors.probes.outcome import Outcome

End = Callable[[Conversation], Outcome | None]


def closed(conversation: Conversation) -> Outcome:
    """The target hangs up after the last piece."""
    return conversation.closed()


def overdue(conversation: Conversation) -> Outcome:
    """The deadline passes after the last piece."""
    return conversation.overdue()


def waiting(_: Conversation) -> None:
    """Nothing happens after the last piece."""


def talk(conversation: Conversation, pieces: Iterable[bytes], end: End = waiting) -> Outcome | None:
    """The outcome of a probe whose target sends these pieces; None if it still waits for more."""
    conversation.begin()
    step = conversation.connected()
    for piece in pieces:
        if isinstance(step, Outcome):
            return step
        step = conversation.received(piece)
    return step if isinstance(step, Outcome) else end(conversation)


def one_by_one(answer: bytes) -> list[bytes]:
    """The answer a byte at a time."""
    return [answer[place : place + 1] for place in range(len(answer))]


@st.composite
def pieces(draw: st.DrawFn, answers: st.SearchStrategy[bytes]) -> tuple[bytes, list[bytes]]:
    """An answer, and the same cut at any places."""
    answer = draw(answers)
    places = draw(st.sets(st.integers(1, max(1, len(answer) - 1)), max_size=12)) if len(answer) > 1 else set()
    cuts = [0, *sorted(places), len(answer)]
    return answer, [answer[low:high] for low, high in pairwise(cuts) if low < high]
