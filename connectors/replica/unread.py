"""States that were taken by their heads, waiting to be read whole.

Rule: a state counts from the moment it is taken, and is read whole (to tell bad bytes, and to have it decoded when it
is asked for) when it has waited for READ_AFTER_S and few come: a takeover or a storm brings thousands of states at
once, and those who wait for them need the processor more. Every one is read in the end, also a stale one and one that
a newer one has replaced: a bad record is counted once, wherever it stood.
"""

from __future__ import annotations

from collections import deque

from connectors.kafka.places import LogRecord

READ_AFTER_S = 3.0
QUIET_S = 0.3
FEW = 32
"""Fewer states than this in QUIET_S, and there is time to read."""
LATEST_S = 15.0
"""So long a state waits at most, however many come."""
AT_ONCE = 250
"""States read in one go, so that new records never wait for more than some milliseconds."""
WAITING = 100_000
"""At more, the oldest are read although they have not waited so long, and however many that are."""


class Unread:
    """Records in the order in which they came. The replica's thread; `told` may be called from any."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, LogRecord, bytes, bool]] = deque()
        self._ids: set[int] = set()
        """Of the values that wait: no other object has the id of one that lives."""
        self._told: set[int] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, record: LogRecord, value: bytes, taken: bool, now_s: float) -> None:
        """A record came. `taken`: it got its key's place, and `value` is the very object that stands there."""
        self._waiting.append((now_s, record, value, taken))
        self._ids.add(id(value))

    def told(self, value: bytes) -> None:
        """These bytes were asked for, found bad and reported: they need not be read again."""
        if id(value) in self._ids:
            self._told.add(id(value))

    def due(self, now_s: float) -> list[tuple[LogRecord, bytes, bool]]:
        """What is to be read now, and is not known to be bad."""
        due: list[tuple[LogRecord, bytes, bool]] = []
        waiting = self._waiting
        few_come = len(waiting) < FEW or now_s - waiting[-FEW][0] >= QUIET_S
        wait_s = READ_AFTER_S if few_come else LATEST_S
        while waiting:
            if len(waiting) <= WAITING and (len(due) >= AT_ONCE or now_s - waiting[0][0] < wait_s):
                break
            _, record, value, taken = waiting.popleft()
            self._ids.discard(id(value))
            if id(value) in self._told:
                self._told.discard(id(value))
            else:
                due.append((record, value, taken))
        return due
