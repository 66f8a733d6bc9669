"""Keeps Python's cycle collector away from what a node holds for good: services, folds, states.

Rule: a full collection walks every container that lives, and holds the interpreter meanwhile: a tenth of a second with
10,000 services, a second with 70,000, and it comes just when much is made, in a takeover. So whenever the node grew
by GROWTH things, what lives is set aside (`gc.freeze`), for ever. What dies later is still freed by its count of
references; only a cycle that was alive at such a moment stays, and there are few such moments in a node's life.
"""

from __future__ import annotations

import gc

GROWTH = 1_000
ALLOCATIONS = 10_000
"""Containers made beyond those that went, before the young ones are looked at. Python's 700 is for small programs."""


class Garbage:
    """The loop's thread."""

    def __init__(self) -> None:
        gc.set_threshold(ALLOCATIONS, 10, 10)
        self._held = 0

    def keep_house(self, things: int) -> None:
        """Set aside what lives, if the node has grown much since the last time; `things` it holds now."""
        if things - self._held >= GROWTH + self._held // 10:
            self._held = things
            gc.freeze()
