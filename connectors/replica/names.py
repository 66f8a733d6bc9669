"""Service name to key, for people who know a name: built when first asked for, then kept with every change.

Rule: names are not unique at every instant (a removed service and its successor, before the tombstone comes), so a
name is given up only by the key that holds it. Of two, the one that came last is found.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.states import ServiceState


class Names:
    """Until `start` nothing is kept; `built` says so. Used under the replica's lock, `key` from any thread."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self.built = False

    def start(self, names: Mapping[bytes, str]) -> None:
        """Begins with the name of each key."""
        self._keys = {name: key for key, name in names.items()}
        self.built = True

    def note(self, key: bytes, before: ServiceState | None, after: ServiceState | None) -> None:
        """A service came, changed or went."""
        if before is not None and (after is None or after.name != before.name) and self._keys.get(before.name) == key:
            del self._keys[before.name]
        if after is not None:
            self._keys[after.name] = key

    def key(self, name: str) -> bytes | None:
        """The key of a name."""
        return self._keys.get(name)
