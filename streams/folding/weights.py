"""Step 7b: what the judged bindings of a service say of it (M-9 to M-11, T13).

Rule: threshold 0 asks every counting binding to be UP; a threshold above 0 asks the weights of the UP ones to reach it.
A binding that was never judged is neither: while the service has never been decided, it keeps the answer open as long
as it could change it; once the service was decided, a binding just bound must not turn it DOWN by not having answered
yet, so it is left out under threshold 0 and counts as not UP under a threshold. Why not simply count it as DOWN: each
`bind` would then be an outage of one probe interval.

A binding whose target announces maintenance counts as UP, for the target still serves whom it serves; where the answer
would be UP, it is GOING_OUT_OF_SERVICE then.
"""

from __future__ import annotations

from collections.abc import Iterable

from schemas.states import BindingVerdict, State

UP, DOWN, MAINTENANCE = BindingVerdict.UP, BindingVerdict.DOWN, BindingVerdict.MAINTENANCE

Weighed = tuple[BindingVerdict, int]
"""(judgement, weight) of a binding that counts; disabled bindings and shadow monitors are not among them."""


SERVING = (State.UP, State.GOING_OUT_OF_SERVICE)
"""States in which a service serves somebody: one that goes out of service still has those that came before."""
DECIDED = (*SERVING, State.DOWN)


def decide(previous: State, bindings: Iterable[Weighed], threshold: int) -> tuple[State, int]:
    """(state, sum of the weights now UP). `previous` is UNKNOWN for a service that was never decided."""
    up = down = undecided = judged = 0
    serving = State.UP
    for verdict, weight in bindings:
        if verdict is UP:
            up += weight
            judged += 1
        elif verdict is DOWN:
            down += weight
            judged += 1
        elif verdict is MAINTENANCE:
            up += weight
            judged += 1
            serving = State.GOING_OUT_OF_SERVICE
        else:
            undecided += weight
    if not judged:
        return State.UNKNOWN, 0
    never_decided = previous not in DECIDED
    if threshold > 0:
        if up >= threshold:
            return serving, up
        open_yet = never_decided and up + undecided >= threshold
        return (State.UNKNOWN if open_yet else State.DOWN), up
    if down:
        return State.DOWN, up
    return (State.UNKNOWN if never_decided and undecided else serving), up
