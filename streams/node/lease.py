"""The right to act as owner: a node has it only while Kafka has lately shown it its own heartbeat, and the group's
coordinator has lately counted it in.

Rule: the lease runs from the moment a heartbeat was *sent*, and what was asked of the coordinator likewise, on
CLOCK_BOOTTIME, and is asked right before each send. It is shorter than the group's session, so a node that was paused,
starved or cut off stops writing before another owner can begin. Why both: they take different connections, and it is
the coordinator that gives a node's services to others, while its heartbeats may come back as ever (F5). A node that is
in no group yet, or has left it to hand over, needs the heartbeat alone. CLOCK_BOOTTIME goes on while the machine sleeps
and does not jump with the wall clock; monotonic time stands still in suspend, which is how a woken laptop becomes a
zombie owner. A lease that ran out is not had again with the heartbeats that come back: they may be read before the view
that was agreed on meanwhile. Who has read all views that there are since then calls `resume`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

REMEMBERED_BEATS = 256
JUST_HEARD = 1 / 3
"""Of the lease."""


def boot_clock_s() -> float:
    """Seconds since boot, suspend included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """Thread-safe: the heartbeat's thread sends, the control reader's thread confirms, the group's consumer's thread
    tells what the coordinator says, any thread asks.
    """

    def __init__(self, duration_s: float, clock: Callable[[], float] = boot_clock_s) -> None:
        self.duration_s = duration_s
        self.now_s = clock
        self._counted_in_at: float | None = None
        """When was asked what the coordinator last answered as to a member; None: this node is none."""
        self._sent_at: dict[int, float] = {}
        self._renewed_at: float | None = None
        self._suspended = False
        """It ran out, and nobody has made sure since that no view was missed."""
        self.expiries = 0
        self._held = False

    def sent(self, beat: int) -> None:
        """Heartbeat number `beat` is about to be sent."""
        self._sent_at[beat] = self.now_s()
        self._sent_at.pop(beat - REMEMBERED_BEATS, None)

    def came_back(self, beat: int) -> None:
        """Heartbeat number `beat` was read back from Kafka: the lease runs from when it was sent."""
        sent_at = self._sent_at.pop(beat, None)
        if sent_at is None or (self._renewed_at is not None and sent_at <= self._renewed_at):
            return
        if self._renewed_at is not None and not self._is_fresh():
            self._suspended = True
        self._renewed_at = sent_at

    def group_joining(self) -> None:
        """The node asks to join the next generation, which is answered when the others have. Its session does not end
        meanwhile; so where the coordinator has just been heard, the asking is as good as an answer, once: should the
        join or its answer be lost, both parts of the lease together are still shorter than the session.
        """
        now_s = self.now_s()
        if self._counted_in_at is not None and now_s - self._counted_in_at < JUST_HEARD * self.duration_s:
            self._counted_in_at = now_s

    def group_answered(self, asked_at: float) -> None:
        """The coordinator counts this node in, in answer to what was asked then."""
        if not self._is_counted_in():
            self._suspended = True
        self._counted_in_at = max(asked_at, self._counted_in_at or asked_at)

    def group_gone(self) -> None:
        """The coordinator does not know this node, or not in this generation: others may have its services by now."""
        if self._counted_in_at is not None:
            self._counted_in_at = -inf

    def group_left(self) -> None:
        """The node has left the group, of its own will, and the coordinator knows."""
        self._counted_in_at = None

    def holds(self) -> bool:
        """Whether the node may act as owner now."""
        fresh = self._is_fresh()
        if self._held and not fresh:
            self.expiries += 1
            self._suspended = True
        held = fresh and not self._suspended
        self._held = held
        return held

    def is_back(self) -> bool:
        """Whether it ran out, and heartbeats come back again: what was missed is to be read, then `resume`."""
        return self._suspended and self._is_fresh()

    def resume(self) -> None:
        """No view was missed: the node may act again."""
        self._suspended = False

    def _is_fresh(self) -> bool:
        renewed_at = self._renewed_at
        return renewed_at is not None and self.now_s() - renewed_at < self.duration_s and self._is_counted_in()

    def _is_counted_in(self) -> bool:
        counted_in_at = self._counted_in_at
        if counted_in_at is None:
            return True
        return self.now_s() - counted_in_at < self.duration_s

    def age_s(self) -> float | None:
        """Seconds since the heartbeat that the lease runs from was sent; None before the first came back."""
        return None if self._renewed_at is None else self.now_s() - self._renewed_at

    def group_age_s(self) -> float | None:
        """Seconds since was asked what the group's coordinator answered last; None: the node is in no group."""
        return None if self._counted_in_at is None else self.now_s() - self._counted_in_at
