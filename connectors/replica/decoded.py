"""States decoded on demand, and kept while their bytes still stand: the newest asked for, up to a limit.

Rule: an entry counts only for the very bytes object it was made from, so no writer has to clear anything and a reader
can never put an old state in a new one's place. Why a limit: a decoded state takes ten times its bytes, and a sweep
over a million of them must not hold a gigabyte for ever.
"""

from __future__ import annotations

import threading

from connectors.replica.state_map import read_state
from schemas.states import ServiceState

DECODED_STATES = 100_000
"""At more, the entry made first goes; it is decoded again when asked for."""


class Decoded:
    """Key to (bytes, state). Safe from any thread."""

    def __init__(self) -> None:
        self._held: dict[bytes, tuple[bytes, ServiceState]] = {}
        self._lock = threading.Lock()

    def state(self, key: bytes, value: bytes) -> ServiceState:
        """The state in a value, decoded at most once while it is held. Raises Unreadable."""
        held = self._held.get(key)
        if held is not None and held[0] is value:
            return held[1]
        state = read_state(key, value)
        self.hold(key, value, state)
        return state

    def held(self, key: bytes, value: bytes) -> ServiceState | None:
        """The state in a value, if it was decoded before."""
        held = self._held.get(key)
        return held[1] if held is not None and held[0] is value else None

    def hold(self, key: bytes, value: bytes, state: ServiceState) -> None:
        """Keeps a state that was decoded elsewhere."""
        with self._lock:
            if key not in self._held and len(self._held) >= DECODED_STATES:
                del self._held[next(iter(self._held))]
            self._held[key] = (value, state)

    def forget(self, key: bytes) -> None:
        """Lets go of a removed service."""
        with self._lock:
            self._held.pop(key, None)
