"""The Faust table of states: a write goes to the outbox, not to Faust's producer.

Rule: `table[service_id] = bytes` is the only way a state leaves a node. Stock tables send through aiokafka's producer,
which made 2,600 writes a second and buffers for twenty minutes when the broker is away; an owner that has been replaced
must not have its old writes delivered then. The outbox checks the lease right before each send.
"""

from __future__ import annotations

from typing import Any

import faust

from schemas.identifiers import EntityId


class ServiceTable(faust.Table):  # type: ignore[misc]
    """Overrides what Faust calls on a write. The app must carry the outbox as `state_outbox`."""

    def get(self, key: str, default: bytes | None = None) -> bytes | None:
        """The bytes of a state. Faust's own asks the store twice, whether it has the key and then for it."""
        newest: bytes | None = self.data.newest(key)
        return default if newest is None else newest

    def on_key_set(self, key: str, value: bytes) -> None:
        """A state was stored: it waits in the outbox for the next flush."""
        self.app.state_outbox.put(EntityId(key), value)
        self._sensor_on_set(self, key, value)

    def on_key_del(self, key: str) -> None:
        """A service was removed: its tombstone waits in the outbox."""
        self.app.state_outbox.put(EntityId(key), None)
        self._sensor_on_del(self, key)

    def partition_for_key(self, key: Any) -> int | None:
        """Not asked by our overrides; a stock caller would look at the current event, which config changes have not."""
        raise RuntimeError(f"nobody should ask Faust for the partition of {key!r}: the outbox gives it explicitly")
