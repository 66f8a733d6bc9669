"""Changes of configuration of services whose partition is elsewhere, noted in case the partition comes here.

Rule: a change that came while the partition was nobody's is seen by whoever gets it next; what is older than that can
take was seen by the node that had it.
"""

from __future__ import annotations

from collections.abc import Collection

from schemas.identifiers import EntityId, Partition, partition_of
from streams.folding.events import Source

MISSED_CHANGES = 200_000
"""So many are kept; beyond it the newest are not noted."""

MISSED_MS = 30_000
"""How long a change is kept: as long as a partition may be without a node."""


class Missed:
    """By service, its last change and when that was noted."""

    def __init__(self) -> None:
        self._noted: dict[EntityId, tuple[Source, int]] = {}

    def note(self, service_id: EntityId, source: Source, now_ms: int) -> None:
        """A change of a service that is not folded here."""
        if len(self._noted) < MISSED_CHANGES:
            self._noted[service_id] = source, now_ms

    def pop(self, partitions: Collection[Partition], now_ms: int) -> dict[EntityId, Source]:
        """What may have been missed of these partitions; it is noted no longer, nor is what is too old."""
        recent = {key: noted for key, noted in self._noted.items() if now_ms - noted[1] < MISSED_MS}
        ours = {key: source for key, (source, _) in recent.items() if partition_of(key) in partitions}
        self._noted = {key: noted for key, noted in recent.items() if key not in ours}
        return ours
