"""Which of two states of one service holds: the order that every reader applies (S-10).

Rule: the greater view wins; within a view the greater sequence; the same again changes nothing. Offsets do not count: a
compacted topic keeps the last record, and a woken zombie may write after its successor.
"""

from __future__ import annotations

Order = tuple[int, int]
"""(view id, sequence), as `codec.peek_order` reads it."""


def supersedes(incoming: Order, stored: Order) -> bool:
    """Whether the incoming state takes the stored one's place."""
    return incoming > stored
