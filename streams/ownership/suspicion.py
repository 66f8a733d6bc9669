"""When an owner must doubt itself: most of what it probes fails, and others reach theirs (U-8).

Rule: suspect is who finds at least three services failing, at two addresses or more, that are more than half of those
whose probe has come by in the same time. A success is not told each time, so how many probes came by follows from the
intervals: within a second, a fifth of the services with an interval of 5 s. So a cut cable is noticed after three
failures, and not when half of the services are DOWN already. What is DOWN for all to see counts no more: a server park
that died makes nobody suspect for long. Why two addresses: one that fails with all its services is a dead server.

The other half of the question, whether others reach what this node does not, is for the caller to bring: without it,
a power cut in the whole room would have every node doubt itself and ask the next (Lifeguard, Dadgar et al., 2018, has
a member ask itself first in the same way).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

FEWEST_SERVICES: Final = 3
SHARE: Final = 0.5
"""More than this share must fail."""
WINDOWS_S: Final = (1.0, 10.0, inf)
"""Looked back at: what began to fail within a second shows a cut at once, the whole shows one of slow monitors."""


@dataclass(frozen=True, slots=True)
class Failing:
    """A service that was UP and whose probes fail: since when, in seconds of any one clock, and where it is."""

    since_s: float
    address: str


def is_suspect(probed: Mapping[int, float], failing: Collection[Failing], now_s: float) -> bool:
    """Whether this owner's failures look like its own. `probed`: by interval in ms, how many services it owns are UP.

    Give it only failures of services that are UP for others still.
    """
    return any(_mostly_failing(probed, failing, now_s, window_s) for window_s in WINDOWS_S)


def _mostly_failing(probed: Mapping[int, float], failing: Collection[Failing], now_s: float, window_s: float) -> bool:
    recent = [each for each in failing if now_s - each.since_s <= window_s]
    if len(recent) < FEWEST_SERVICES or not at_several(recent):
        return False
    return len(recent) > SHARE * came_by(probed, window_s)


def at_several(failing: Collection[Failing]) -> bool:
    """Whether they are at two addresses or more."""
    first = next(iter(failing), None)
    return first is not None and any(each.address != first.address for each in failing)


def came_by(probed: Mapping[int, float], window_s: float) -> float:
    """Of how many services a probe came by in this time; an interval of 0 is a single probe: it counts whole."""
    return sum(count * _share_of(interval_ms / 1000, window_s) for interval_ms, count in probed.items())


def _share_of(interval_s: float, window_s: float) -> float:
    return 1.0 if interval_s <= window_s else window_s / interval_s
