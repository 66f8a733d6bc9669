"""How far behind the work the group's commits stay: so far that a state which its batch made has surely left.

Rule: an offset is committed only when it was worked off a session time-out ago. A batch that was folded is
acknowledged to Faust at once, but its states wait for the outbox, the producer and sometimes the view. Were it
committed meanwhile, and the node killed or the partition moved, nobody would read the batch again: the service would
show its old state until the run's next summary, a minute later. So who takes over reads the last seconds again; folds
know what they have had. Why not hold the acknowledgement back until the delivery: one batch would then wait for the
other's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

LONGEST_S = 5.0
"""Below the stall watch's 10 s, to which a commit that stands still is a stall."""


def commit_behind_s(session_timeout_s: float) -> float:
    """A session: above what a record takes to be delivered or given back, 0.6 of it. No longer, for all of this is read
    again in every takeover, before what is new: five seconds of three nodes' reports were a fifth of one.
    """
    return min(session_timeout_s, LONGEST_S)


class CommitTrail:
    """How far each place was worked off, and when. Pure: the clock is an argument."""

    def __init__(self, behind_s: float) -> None:
        self._behind_s = behind_s
        self._notes: dict[Hashable, deque[tuple[float, int]]] = {}

    def note(self, place: Hashable, offset: int, now_s: float) -> int | None:
        """A place is worked off up to `offset` now; up to where it was so `behind_s` ago, None where nothing was."""
        notes = self._notes.setdefault(place, deque())
        if not notes or notes[-1][1] != offset:
            notes.append((now_s, offset))
        due_s = now_s - self._behind_s
        while len(notes) > 1 and notes[1][0] <= due_s:
            notes.popleft()
        return notes[0][1] if notes[0][0] <= due_s else None

    def forget(self) -> None:
        """Count from now on: the group rebalances, and what comes is read from the committed offsets on; or the lease
        does not hold, and what was worked off waits.
        """
        self._notes.clear()
