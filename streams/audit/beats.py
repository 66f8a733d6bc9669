"""When each run of a node was alive, from its heartbeats: what stands for its probing between two reports.

Rule: a node that is well tells an unchanged run once a minute only, so the log alone does not say when a killed owner
probed last; its heartbeat does, to half a second. Between two beats in a row the node was alive; a pause of several
periods (a sleep, a cut) is silence from the beat before it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from schemas.cluster import NodeStatus, Phase
from schemas.identifiers import NodeId

Run = tuple[NodeId, str]
"""A node, and which run of it (incarnation)."""

USUAL_PERIOD_MS = 500
MISSED_BEATS = 3
"""Periods without a beat that are no silence yet."""


@dataclass(slots=True)
class _Life:
    times_ms: list[int] = field(default_factory=list)
    left: bool = False

    def period_ms(self) -> float:
        pauses = [later - earlier for earlier, later in zip(self.times_ms, self.times_ms[1:], strict=False)]
        return max(1, median(pauses)) if len(pauses) > 1 else USUAL_PERIOD_MS


class Beats:
    """The heartbeats of `nodes`, in the order of the log."""

    def __init__(self, statuses: Iterable[NodeStatus]) -> None:
        self._lives: dict[Run, _Life] = defaultdict(_Life)
        for status in statuses:
            life = self._lives[(status.node_id, status.incarnation)]
            life.times_ms.append(max(status.sent_at_ms, life.times_ms[-1] if life.times_ms else 0))
            life.left = life.left or status.phase in (Phase.LEAVING, Phase.LEFT)
        self._periods_ms = {run: life.period_ms() for run, life in self._lives.items()}

    def alive_until(self, run: Run, by_ms: int) -> int | None:
        """The last instant up to `by_ms` at which the run was alive; None if no beat of it from before is known."""
        if run not in self._lives:
            return None
        times_ms = self._lives[run].times_ms
        index = bisect_right(times_ms, by_ms)
        if not index:
            return None
        follows = index < len(times_ms) and times_ms[index] - times_ms[index - 1] <= self._silence_ms(run)
        return by_ms if follows else times_ms[index - 1]

    def was_alive(self, runs: Sequence[Run], at_ms: int) -> bool:
        """Whether any of these runs was heard of at about this instant or later."""
        return any(
            run in self._lives and self._lives[run].times_ms[-1] >= at_ms - self._silence_ms(run) for run in runs
        )

    def left_in_order(self, run: Run) -> bool:
        """Whether the run said that it was leaving."""
        return run in self._lives and self._lives[run].left

    def _silence_ms(self, run: Run) -> float:
        return MISSED_BEATS * self._periods_ms[run]
