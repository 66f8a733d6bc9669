"""Batches that speak of services which the configuration has not brought yet: kept for when it has.

Rule: bounded in services and in batches of each; what is dropped was the oldest, and its owner says it again.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection
from dataclasses import replace

from schemas.identifiers import EntityId, Partition, partition_of
from schemas.probes import ProbeResults, ProbeRun
from streams.folding.events import Source

EARLY_SERVICES = 5_000
"""Services not configured here yet of which batches are kept; beyond it those of the oldest are dropped."""
EARLY_BATCHES = 100
"""Batches kept for one of them, the newest."""


class Early:
    """By service, what of each batch is about it."""

    def __init__(self) -> None:
        self._batches: dict[EntityId, deque[tuple[ProbeResults, Source]]] = {}

    def keep(self, services: Collection[EntityId], results: ProbeResults, source: Source) -> None:
        """Keep of a batch what it says of these services, each part by itself."""
        runs: dict[EntityId, list[ProbeRun]] = defaultdict(list)
        for run in results.runs:
            runs[run.service_id].append(run)
        claims = set(results.claims)
        for service_id in services:
            claim = (service_id,) if service_id in claims else ()
            said = tuple(said for said in results.resolutions if said.service_id == service_id)
            only = replace(results, claims=claim, runs=tuple(runs.get(service_id, ())), resolutions=said)
            if len(self._batches) >= EARLY_SERVICES and service_id not in self._batches:
                self._batches.pop(next(iter(self._batches)))
            self._batches.setdefault(service_id, deque(maxlen=EARLY_BATCHES)).append((only, source))

    def pop(self, service_id: EntityId) -> Collection[tuple[ProbeResults, Source]]:
        """What was kept of a service, the oldest first; it is kept no longer."""
        return self._batches.pop(service_id, ())

    def forget_except(self, partitions: Collection[Partition]) -> None:
        """Other partitions' services are others'."""
        self._batches = {key: kept for key, kept in self._batches.items() if partition_of(key) in partitions}
