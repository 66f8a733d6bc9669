"""Which partitions a reader stands still in, although there is more to read.

Rule: pure. At a look a partition stands still if the reader is where it was at the look before, and the log went on
beyond that already then. A client can lose a partition's leader at a broker's restart (librdkafka's issue 5430): it
then answers, has no error to tell, and never reads on; only a new client mends that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.kafka.places import Place


@dataclass(slots=True)
class Standstill:
    """What the last look saw: how far the reader was, and how far the log went."""

    _positions: Mapping[Place, int] = field(default_factory=dict)
    _ends: Mapping[Place, int] = field(default_factory=dict)

    def look(self, positions: Mapping[Place, int], ends: Mapping[Place, int]) -> list[Place]:
        """Next offsets to apply, and the next to be written -> the partitions that stand still."""
        still = [
            place
            for place, position in positions.items()
            if self._positions.get(place) == position and self._ends.get(place, 0) > position
        ]
        self._positions, self._ends = dict(positions), dict(ends)
        return still

    def forget(self) -> None:
        """A new client begins, or nobody could be asked."""
        self._positions, self._ends = {}, {}
