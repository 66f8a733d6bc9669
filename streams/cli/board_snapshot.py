"""What the board shows at one instant, as values: services, nodes, events, and what is around them.

Rule: the board draws from this and nothing else, so any moment of any cluster can be drawn again in a test. Times are
epoch milliseconds, as in the records; the picture's own time is `now_ms`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.states import State

MOMENTS = 24
"""Cells of a service's strip, one a second, the newest last."""
MOMENT_MS = 1_000

Step = tuple[int, State]
"""From this time on the service was in this state."""


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """A service. `state` None: configured, and no state yet. `broken`: what the demo did to it, empty if nothing."""

    name: str
    state: State | None
    owner: str
    changed_at_ms: int
    response_us: int | None
    reason: str
    broken: str
    history: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class NodeLine:
    """A node. `phase` is its own word for it, or what its process shows: `killed`, `gone`."""

    name: str
    phase: str
    healthy: bool
    view_id: int
    services: int
    partitions: int
    probes_per_s: float
    heartbeat_age_ms: int | None
    web_url: str


@dataclass(frozen=True, slots=True)
class EventLine:
    """Something that happened. `style` is how it is drawn."""

    at_ms: int
    subject: str
    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class BoardSnapshot:
    """Everything on the board. `chosen` is the index of the marked service; `message` answers the last key."""

    title: str
    kafka: str
    view_id: int
    now_ms: int
    running_ms: int
    connected: bool
    services: tuple[ServiceLine, ...]
    nodes: tuple[NodeLine, ...]
    events: tuple[EventLine, ...]
    chosen: int = 0
    message: str = ""


def strip(history: Sequence[Step], now_ms: int, moments: int = MOMENTS) -> tuple[State | None, ...]:
    """The state in each of the last seconds, the worst where there were several; None before the first is known."""
    first_ms = (now_ms // MOMENT_MS - moments + 1) * MOMENT_MS
    cells: list[State | None] = []
    for index in range(moments):
        begin_ms = first_ms + index * MOMENT_MS
        before = [state for at_ms, state in history if at_ms < begin_ms][-1:]
        within = [state for at_ms, state in history if begin_ms <= at_ms < begin_ms + MOMENT_MS]
        cells.append(_worst([*before, *within]))
    return tuple(cells)


def _worst(states: Iterable[State]) -> State | None:
    return max(states, key=_BADNESS.index, default=None)


_BADNESS = [State.UP, State.OUT_OF_SERVICE, State.GOING_OUT_OF_SERVICE, State.UNKNOWN, State.DOWN]
assert set(_BADNESS) == set(State), "a state has no place in the strip's order"
