"""All states as they stood at one instant, sorted by entity id, decoded when reached.

Rule: taking one copies references only (a millisecond for 70,000), so a subscriber holds the reader up for no longer.
An entry whose bytes prove unreadable is reported by the replica it came from, and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from schemas.identifiers import EntityId
from schemas.states import ServiceState

Read = Callable[[bytes, bytes], ServiceState | None]


class Snapshot:
    """A sorted map of entity id to state that never changes. The order is that of the ids as text."""

    def __init__(self, values: dict[bytes, bytes], read: Read) -> None:
        self._values, self._read = values, read

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, entity_id: EntityId) -> bool:
        return entity_id.encode() in self._values

    def __iter__(self) -> Iterator[EntityId]:
        return (EntityId(key.decode()) for key in sorted(self._values))

    def __getitem__(self, entity_id: EntityId) -> ServiceState:
        state = self.get(entity_id)
        if state is None:
            raise KeyError(entity_id)
        return state

    def get(self, entity_id: EntityId) -> ServiceState | None:
        """The state of a service, or None."""
        key = entity_id.encode()
        value = self._values.get(key)
        return None if value is None else self._read(key, value)

    def holds(self, key: bytes, value: bytes) -> bool:
        """Whether these very bytes stood under the key."""
        return self._values.get(key) is value

    def items(self) -> Iterator[tuple[EntityId, ServiceState]]:
        """(entity id, state), by entity id."""
        return ((state.entity_id, state) for state in self.values())

    def values(self) -> Iterator[ServiceState]:
        """States, by entity id."""
        for key in sorted(self._values):
            state = self._read(key, self._values[key])
            if state is not None:
                yield state
