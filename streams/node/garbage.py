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
YOUNG_IN_A_STORM = 300_000
"""The same while thousands of services turn: a sixth of the interpreter's time went into looking."""
YOUNG_IN_A_TAKEOVER = 2_000_000
"""The same in the middle of a takeover: memory has an end, too."""
STORM_RUNS = 20
"""So many runs folded since the last look, and a storm is on."""
OLD_EVERY = 100
"""Collections of the young ones between two of all that is not set aside."""


class Garbage:
    """The loop's thread."""

    def __init__(self) -> None:
        gc.disable()
        self._stock = self._folded_runs = 0
        self._collected = 0

    def keep_house(self, stock: int, folded_runs: int, taking_over: bool) -> None:
        """`stock`: what the node holds now, in services, folds and states. `folded_runs`: since it started."""
        stormy = folded_runs - self._folded_runs >= STORM_RUNS
        self._folded_runs = folded_runs
        if stock - self._stock >= GROWTH + self._stock // 10:
            self._stock = stock
            gc.freeze()
            return
        if gc.get_count()[0] < (YOUNG_IN_A_TAKEOVER if taking_over else YOUNG_IN_A_STORM if stormy else YOUNG):
            return
        self._collected += 1
        gc.collect(2 if self._collected % OLD_EVERY == 0 else 1)
