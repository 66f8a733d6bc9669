"""The right to act as owner: a node has it only while Kafka has lately shown it its own heartbeat.

Rule: the lease runs from the moment a heartbeat was *sent*, on CLOCK_BOOTTIME, and is asked right before each send. It
is shorter than the group's session, so a node that was paused, starved or cut off stops writing before another owner
can begin. CLOCK_BOOTTIME goes on while the machine sleeps and does not jump with the wall clock; monotonic time stands
still in suspend, which is how a woken laptop becomes a zombie owner. A lease that ran out is not had again with the
heartbeats that come back: they may be read before the view that was agreed on meanwhile. Who has read all views that
there are since then calls `resume`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

REMEMBERED_BEATS = 256


def boot_clock_s() -> float:
    """Seconds since boot, suspend included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """Thread-safe: the heartbeat's thread sends, the control reader's thread confirms, any thread asks."""

    def __init__(self, duration_s: float, clock: Callable[[], float] = boot_clock_s) -> None:
        self.duration_s = duration_s
        self._clock = clock
        self._sent_at: dict[int, float] = {}
        self._renewed_at: float | None = None
        self._suspended = False
        """It ran out, and nobody has made sure since that no view was missed."""
        self.expiries = 0
        self._held = False

    def sent(self, beat: int) -> None:
        """Heartbeat number `beat` is about to be sent."""
        self._sent_at[beat] = self._clock()
        self._sent_at.pop(beat - REMEMBERED_BEATS, None)

    def came_back(self, beat: int) -> None:
        """Heartbeat number `beat` was read back from Kafka: the lease runs from when it was sent."""
        sent_at = self._sent_at.pop(beat, None)
        if sent_at is None or (self._renewed_at is not None and sent_at <= self._renewed_at):
            return
        self._suspended |= self._renewed_at is not None and not self._is_fresh()
        self._renewed_at = sent_at

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
        return renewed_at is not None and self._clock() - renewed_at < self.duration_s

    def age_s(self) -> float | None:
        """Seconds since the heartbeat that the lease runs from was sent; None before the first came back."""
        return None if self._renewed_at is None else self._clock() - self._renewed_at
