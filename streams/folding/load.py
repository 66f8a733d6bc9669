"""Step 7d for LOAD monitors: the load of a service from what its bindings measured, and when it is news (CL).

Rule: the load is in the service's own record, so it goes out only with or after a record of its present owner, is there
only while a LOAD monitor measures, and every node has it before it may own anything, as it has all states. A record is
made for it when it has moved by 5 % of the last told one, or the flag has changed. Several LOAD monitors are weighed
with the weights of their bindings, as the metrics of one are; one threshold reached is enough for the flag. It never
has a part in the state.
"""

from __future__ import annotations

from collections.abc import Iterable

from schemas.moved import moved
from schemas.states import LoadInfo
from streams.folding.binding import BindingFold


def load_of(bindings: Iterable[BindingFold]) -> LoadInfo | None:
    """The load of a service; None while nothing measures it, or what does is DOWN."""
    weights = total = 0
    reached = False
    for binding in bindings:
        measured = binding.load
        if measured is not None:
            weights += binding.config.weight
            total += binding.config.weight * measured.load
            reached |= measured.threshold_reached
    return LoadInfo(reached, round(total / weights)) if weights else None


def is_load_news(told: LoadInfo | None, load: LoadInfo | None) -> bool:
    """Whether a load is to be told."""
    if told is None or load is None:
        return told is not load
    return told.threshold_reached is not load.threshold_reached or moved(told.load, load.load)
