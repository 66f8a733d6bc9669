"""Step 7g: from what the bindings ask for to what is shown: the layers that a service's state passes through.

Rule: first what is asked for (`asked`: the disable, or the judged bindings against the threshold; a service without
health monitoring counts as UP, as NetScaler has it), then every layer of
`LAYERS` in its order; each takes the state so far and gives it back or another. So whatever may overrule the bindings
is one function and one row here, and `explain` can name the layer that made the difference. Why not conditions inside
the fold: four features that each touch the same three methods cannot be read, or tested, one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from schemas.identifiers import EntityId
from schemas.states import Doubt, ServiceState, State
from streams.folding.binding import BindingFold
from streams.folding.damping import hold_text
from streams.folding.doubt import doubt_text, withheld
from streams.folding.events import Reach, ServiceConfig
from streams.folding.leaving import left
from streams.folding.paths import cut_off, cut_off_text
from streams.folding.weights import SERVING, decide


class Grounds(Protocol):
    """What a state rests on: the working fold of one service."""

    config: ServiceConfig | None
    record: ServiceState | None
    bindings: dict[EntityId, BindingFold]
    due_at_ms: int | None
    flaps: tuple[int, ...]
    doubt: Doubt | None
    reach: Reach


@dataclass(frozen=True, slots=True)
class Settled:
    """`decided` is what the bindings ask for, `state` what is shown of it, `up_weight` the weights now UP."""

    decided: State
    state: State
    up_weight: int


Layer = Callable[[Grounds, State], State]


def is_held(grounds: Grounds) -> bool:
    """Whether an enabled service is held DOWN after flapping."""
    return grounds.due_at_ms is not None and grounds.config is not None and grounds.config.enabled


def held_down(grounds: Grounds, state: State) -> State:
    """M-20: a service that flapped is shown DOWN until it is quiet."""
    return State.DOWN if is_held(grounds) and state in SERVING else state


LAYERS: tuple[Layer, ...] = (withheld, held_down, cut_off)
"""In the order in which they overrule."""


def settle(grounds: Grounds) -> Settled:
    """What the service's state is now, through every layer."""
    decided, up_weight = asked(grounds)
    state = decided
    for layer in LAYERS:
        state = layer(grounds, state)
    return Settled(decided, state, up_weight)


def asked(grounds: Grounds) -> tuple[State, int]:
    """(state, weight UP) that the disable asks for, or the lack of health monitoring, or else the bindings."""
    config, record = grounds.config, grounds.record
    assert config is not None, "a service is decided only while it is configured"
    if not config.enabled:
        return left(config, record, grounds.due_at_ms)
    if not config.monitored:
        return State.UP, 0
    counting = [(each.state, each.config.weight) for each in grounds.bindings.values() if each.config.counts]
    return decide(record.state if record else State.UNKNOWN, counting, config.threshold)


def held_text(grounds: Grounds) -> str:
    """What a cause says of a hold."""
    config = grounds.config
    return hold_text(grounds.flaps, config.flap_window_ms) if config is not None and is_held(grounds) else ""


def unmonitored_text(grounds: Grounds) -> str:
    """What a cause says of a service that nothing probes."""
    config = grounds.config
    return "; health_monitor is off: it counts as UP" if config and config.enabled and not config.monitored else ""


TEXTS: tuple[Callable[[Grounds], str], ...] = (unmonitored_text, doubt_text, held_text, cut_off_text)
"""What the layers that hold the state now have to say, each empty where it does nothing."""


def settled_text(grounds: Grounds) -> str:
    """What a cause says of the layers."""
    return "".join([text(grounds) for text in TEXTS])
