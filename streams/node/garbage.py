"""Runs Python's cycle collector when the node has time for it, and keeps it from what the node holds for good.

Rule: left to itself the collector comes when much is made, which is in a takeover, and walks every container that lives
while it holds the interpreter: a tenth of a second with 10,000 services, a second with 70,000. So it is switched off;
the node collects what is young when no takeover is under way, and what has been added to the node's stock is set aside
(`gc.freeze`), for ever. Most of what dies is freed by its count of references anyway; only a cycle that was alive when
the stock grew stays, and there are few such moments in a node's life.
"""

from __future__ import annotations

import gc

GROWTH = 1_000
"""Services, folds and states by which the stock grows before it is set aside; with a tenth of what there is."""
YOUNG = 20_000
"""Containers made beyond those that went, before the young ones are looked at."""
TOO_MANY = 2_000_000
"""The same in the middle of a takeover: memory has an end, too."""
OLD_EVERY = 100
"""Collections of the young ones between two of all that is not set aside."""


class Garbage:
    """The loop's thread."""

    def __init__(self) -> None:
        gc.disable()
        self._stock = 0
        self._collected = 0

    def keep_house(self, stock: int, busy: bool) -> None:
        """`stock`: what the node holds now, in services, folds and states. `busy`: a takeover is under way."""
        if stock - self._stock >= GROWTH + self._stock // 10:
            self._stock = stock
            gc.freeze()
            return
        if gc.get_count()[0] < (TOO_MANY if busy else YOUNG):
            return
        self._collected += 1
        gc.collect(2 if self._collected % OLD_EVERY == 0 else 1)
