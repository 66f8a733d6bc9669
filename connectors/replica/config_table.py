"""Step 2 of the flow, read back: the entities of `config-entities`, all of a command or nothing of it.

Rule: an entity is shown only when the ConfigRevision behind it has come (its `command_offset` is at least the
entity's `revision`), so a reader never sees half a command. An entity of an older revision than the one shown is a
late writer's and is left out, as is whatever comes behind an entity's tombstone: ids are never used again. An entity
waits, too, while something that it refers to is not here: compaction can take a record away before it takes the mark
in front of its successor. A record that counts for nothing and stands last under its key is noted (`repairs`): who
reads the compacted topic anew would see nothing else there. So is one that is known already and stands behind its mark:
who reads it there alone would wait for a mark. Pure: no Kafka, no clock. Why not Kafka transactions: a
reader would need read_committed everywhere, and a writer a fencing of its own beside the group's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.codec import Unreadable, decode_any, encode
from schemas.config import ConfigEntity, ConfigRevision, Kind
from schemas.inventory.entities import entity_key as key_of
from schemas.limits import ENTITY_BYTES

REVISION_KEY = "revision"
NO_REVISION = -1
REMOVED_KEYS = 100_000
"""Removed entities remembered; at more, the one removed first is forgotten."""


@dataclass(frozen=True, slots=True)
class EntityChange:
    """An entity came (`before` None), changed, or was removed (`after` None). `key` is `kind/id`."""

    key: str
    before: ConfigEntity | None
    after: ConfigEntity | None


class ConfigTable:
    """Visible entities by key, and those that wait for their mark."""

    def __init__(self) -> None:
        self.entities: dict[str, ConfigEntity] = {}
        self.revision = NO_REVISION
        self._mark: ConfigRevision | None = None
        self._waiting: dict[str, ConfigEntity | None] = {}
        self._removed: dict[str, None] = {}
        self._unrepaired: dict[str, None] = {}
        self._behind: dict[str, None] = {}
        """Visible entities that came once more behind the last mark."""

    def take(self, key: bytes | None, value: bytes | None) -> list[EntityChange] | None:
        """A record. The changes it makes visible if it is a mark, else None. Raises Unreadable: nothing changed."""
        name = _text(key)
        try:
            if name == REVISION_KEY:
                self._unrepaired.pop(name, None)
                return self._show(_record(ConfigRevision, value))
            entity = None if value is None else _record(ConfigEntity, value)
            if entity is not None and name != entity_key(entity) and entity.kind is not Kind.UNKNOWN:
                raise Unreadable(f"is the entity {entity_key(entity)}, but stands under the key {name}")
        except Unreadable:
            self._note_bad(name)
            raise
        if self._is_late(name, entity):
            self._unrepaired[name] = None
        elif entity is not None and entity == self.entities.get(name):
            self._behind[name] = None
            self._unrepaired.pop(name, None)
        else:
            self._unrepaired.pop(name, None)
            self._waiting[name] = entity
        return None

    def repairs(self) -> list[tuple[str, bytes | None]]:
        """What to write again, and the last mark behind it: (key, value) of what holds; empty if the log says it."""
        due = [key for key in (*self._unrepaired, *self._behind) if key not in self._waiting]
        if not due or self._mark is None:
            return []
        held = {key: None if key in self._removed else self.entities.get(key) for key in due if key != REVISION_KEY}
        again = [(key, None if entity is None else encode(entity, ENTITY_BYTES)) for key, entity in held.items()]
        return [*again, (REVISION_KEY, encode(self._mark))]

    def _note_bad(self, name: str) -> None:
        """A record that cannot be read: it matters where it stands in the place of one that can."""
        if name == REVISION_KEY or name in self.entities or name in self._waiting or name in self._removed:
            self._unrepaired[name] = None

    def _is_late(self, name: str, entity: ConfigEntity | None) -> bool:
        """Whether a record stands behind a newer one of its entity that waits for its mark, or behind the tombstone."""
        if entity is None:
            self._removed[name] = None
            if len(self._removed) > REMOVED_KEYS:
                del self._removed[next(iter(self._removed))]
            return False
        newest = self._waiting.get(name) or self.entities.get(name)
        return name in self._removed or (newest is not None and entity.revision < newest.revision)

    def _show(self, mark: ConfigRevision) -> list[EntityChange]:
        due = {
            key: entity
            for key, entity in self._waiting.items()
            if entity is None or entity.revision <= mark.command_offset
        }
        for key in self._dangling(due):
            del due[key]
        for key in due:
            del self._waiting[key]
        if mark.command_offset >= self.revision:
            self.revision, self._mark = mark.command_offset, mark
            self._behind.clear()
        else:
            self._unrepaired[REVISION_KEY] = None
        return [change for key, entity in due.items() if (change := self._place(key, entity)) is not None]

    def _dangling(self, due: Mapping[str, ConfigEntity | None]) -> set[str]:
        """Of what is due, what refers to something that is not here, and whatever refers to that."""
        missing: set[str] = set()
        while True:
            found = {
                key
                for key, entity in due.items()
                if entity is not None and key not in missing and self._refers_to_nothing(entity, due, missing)
            }
            if not found:
                return missing
            missing |= found

    def _refers_to_nothing(
        self, entity: ConfigEntity, due: Mapping[str, ConfigEntity | None], missing: Collection[str]
    ) -> bool:
        keys = [key_of(bound.kind, bound.entity_id) for bound in entity.bindings]
        return any(key in missing or due.get(key, self.entities.get(key)) is None for key in keys)

    def _place(self, key: str, entity: ConfigEntity | None) -> EntityChange | None:
        before = self.entities.get(key)
        if entity is None:
            self.entities.pop(key, None)
            return None if before is None else EntityChange(key, before, None)
        if entity == before:
            return None
        self.entities[key] = entity
        return EntityChange(key, before, entity)


def entity_key(entity: ConfigEntity) -> str:
    """The key of an entity in `config-entities`."""
    return key_of(entity.kind, entity.entity_id)


def _record(record_type: type, value: bytes | None) -> Any:
    record = decode_any(value, ENTITY_BYTES)
    if type(record) is not record_type:
        raise Unreadable(f"holds a {type(record).__name__}, not a {record_type.__name__}")
    return record


def _text(key: bytes | None) -> str:
    if not key:
        raise Unreadable("no key: an entity is kept under kind/id")
    try:
        return key.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"the key is no UTF-8 text: {key[:40].hex()}") from error
