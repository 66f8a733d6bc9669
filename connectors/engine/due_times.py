"""Instants and what is due at them, for probes to start and for deadlines alike.

Rule: one bucket a millisecond, and a heap of bucket numbers only. Adding is one dictionary look-up and an append, taken
out in batches; nothing is ever removed early: who is taken out checks whether the instant is still its own. Why not a
heap of items: with 70,000 bindings it costs four times as much per probe, and cancelling a deadline would cost again.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Generic, TypeVar

Item = TypeVar("Item")


class DueTimes(Generic[Item]):
    """A calendar of items by millisecond."""

    __slots__ = ("_buckets", "_instants")

    def __init__(self) -> None:
        self._buckets: dict[int, list[Item]] = {}
        self._instants: list[int] = []

    def put(self, due_ms: int, item: Item) -> None:
        """Note the item at this instant. The same item may stand at many."""
        bucket = self._buckets.get(due_ms)
        if bucket is None:
            self._buckets[due_ms] = [item]
            heappush(self._instants, due_ms)
        else:
            bucket.append(item)

    def next_ms(self) -> int | None:
        """The earliest instant that holds anything."""
        return self._instants[0] if self._instants else None

    def take(self, now_ms: int) -> tuple[int, list[Item]] | None:
        """Remove and return the earliest instant ≤ now and its items, or None if nothing is due."""
        if not self._instants or self._instants[0] > now_ms:
            return None
        due_ms = heappop(self._instants)
        return due_ms, self._buckets.pop(due_ms)
