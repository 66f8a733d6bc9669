"""The store behind the Faust table `service-states`: the replica that every node has anyway.

Rule: Faust finds nothing to recover, because `persisted_offset` is what the replica has applied. Stock stores read a
partition's changelog again at each rebalance: 7-15 s for 70,000 rows, in which nobody folds. What the table wrote and
has not come back from Kafka yet lies in an overlay, so that a read after a write sees the write.

Named `replica` among the entry points of `faust.stores`. The URL needs a path (`replica:///state`): yarl takes
`replica://` for empty, and Faust would silently use memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from faust.stores import base

from schemas.codec import decode, peek_order
from schemas.identifiers import EntityId, Partition, partition_of
from schemas.states import ServiceState
from schemas.topics import SERVICE_STATES

STORE_URL = "replica:///state"


class Store(base.Store):  # type: ignore[misc]
    """Keys are service ids, values encoded ServiceStates. The app must carry the replica as `service_replica`."""

    def __post_init__(self) -> None:
        self._overlay: dict[str, bytes | None] = {}

    @property
    def _replica(self) -> Any:
        return self.app.service_replica

    def __getitem__(self, key: str) -> bytes:
        value = self.newest(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: bytes) -> None:
        self._overlay[key] = value

    def __delitem__(self, key: str) -> None:
        self._overlay[key] = None

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.newest(key) is not None

    def __iter__(self) -> Iterator[str]:
        keys = set(self._replica) | set(self._overlay)
        return iter(sorted(key for key in keys if self.newest(key) is not None))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def state(self, key: EntityId) -> ServiceState | None:
        """The state of a service, without decoding again what the replica has decoded."""
        newest = self.newest(key)
        if newest is None:
            return None
        return self._replica.get(key) if newest is self._replica.encoded(key) else decode(ServiceState, newest)

    def newest(self, key: str) -> bytes | None:
        """The table's own last write until the replica holds it or a newer one; None: there is none."""
        held: bytes | None = self._replica.encoded(key)
        if key not in self._overlay:
            return held
        written = self._overlay[key]
        if written is None and held is not None:
            return None
        if written is not None and (held is None or peek_order(held) < peek_order(written)):
            return written
        del self._overlay[key]
        return held

    def forget_except(self, partitions: Collection[Partition]) -> None:
        """What was written in other partitions and has not come back will not: their next node writes."""
        for key in [key for key in self._overlay if partition_of(EntityId(key)) not in partitions]:
            del self._overlay[key]

    def persisted_offset(self, tp: Any) -> int | None:
        """The last offset of the partition that the replica has applied; Faust recovers what lies behind it."""
        position: int | None = self._replica.position(SERVICE_STATES, tp.partition)
        return None if position is None else position - 1

    def apply_changelog_batch(
        self, batch: Iterable[Any], to_key: Callable[..., Any], to_value: Callable[..., Any]
    ) -> None:
        """Nothing: the replica reads the same topic and applies it by its own rules (S-10)."""

    def reset_state(self) -> None:
        """Forget what was written and has not come back; the replica stays."""
        self._overlay.clear()

    def _clear(self) -> None:
        self._overlay.clear()

    async def backup_partition(self, *arguments: Any, **settings: Any) -> None:
        """Nothing to back up: Kafka holds it."""

    def restore_backup(self, *arguments: Any, **settings: Any) -> None:
        """Nothing to restore: the replica reads Kafka."""
