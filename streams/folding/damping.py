"""Step 7e: flap damping (M-20), which holds a service DOWN that goes UP and DOWN too often.

Rule: more than `changes` changes between UP and DOWN within `window_ms` hold the service at DOWN; it is let go when its
probes have asked for no change for `window_ms`. Off by default: a hold is an outage by our own decision, and only the
operator knows which services had better stay away than come and go. Why not penalties with a half-life (RFC 2439):
"5 changes within a minute" can be checked against the history by hand, a penalty of 2,750 cannot.
"""

from __future__ import annotations

from schemas.parameters.durations import duration_text
from schemas.states import State
from streams.folding.weights import SERVING


def is_flap(before: State, after: State) -> bool:
    """Whether a decision went from serving to DOWN or back."""
    return (before is State.DOWN and after in SERVING) or (before in SERVING and after is State.DOWN)


def note_flap(
    flaps: tuple[int, ...], held: bool, changes: int, window_ms: int, now_ms: int
) -> tuple[tuple[int, ...], int | None]:
    """(the instants that count, when the hold ends) after a change at `now_ms`; None: nothing is held.

    A service that is held already stays so for another whole window. At most `changes` + 1 instants are kept.
    """
    recent = [at_ms for at_ms in flaps if abs(now_ms - at_ms) < window_ms][-changes:]
    kept = (*recent, now_ms)
    return kept, now_ms + window_ms if held or len(kept) > changes else None


def hold_text(flaps: tuple[int, ...], window_ms: int) -> str:
    """What a cause says of a hold."""
    window = duration_text(window_ms)
    return f"; held DOWN until {window} pass without a change (its last {len(flaps)} came too close together)"
