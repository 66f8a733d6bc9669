"""Every configured entity at one revision: by id, by kind and name, and who refers to whom.

Rule: a snapshot is never changed; `updated` answers the next one and costs as much as what changed, not as what there
is. It holds exactly what `config-entities` holds, so it can be built from the fold of commands or from the topic
alike. A reference points from a holder to what is bound to it, and from a member to its group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from schemas.config import ConfigEntity, Kind
from schemas.identifiers import EntityId
from schemas.inventory.persistent_map import PersistentMap

Name: TypeAlias = tuple[Kind, str]
Referrers: TypeAlias = PersistentMap[EntityId, None]


@dataclass(frozen=True, slots=True)
class Removed:
    """An entity that is gone: a tombstone under its key in `config-entities`."""

    kind: Kind
    entity_id: EntityId


Change: TypeAlias = ConfigEntity | Removed


def entity_key(kind: Kind, entity: EntityId) -> str:
    """The key of an entity in `config-entities`."""
    return f"{kind.value}/{entity}"


NOBODY: Referrers = PersistentMap()


@dataclass(frozen=True, slots=True)
class Entities:
    """A snapshot. Equal to another when it holds the same entities."""

    by_id: PersistentMap[EntityId, ConfigEntity] = field(default_factory=PersistentMap)
    by_name: PersistentMap[Name, EntityId] = field(default_factory=PersistentMap, compare=False, repr=False)
    referrers: PersistentMap[EntityId, Referrers] = field(default_factory=PersistentMap, compare=False, repr=False)

    def get(self, entity: EntityId) -> ConfigEntity | None:
        """The entity of an id."""
        return self.by_id.get(entity)

    def find(self, kind: Kind, name: str) -> ConfigEntity | None:
        """The entity of a name."""
        entity = self.by_name.get((kind, name))
        return None if entity is None else self.by_id[entity]

    def of_kind(self, kind: Kind) -> Iterator[ConfigEntity]:
        """All entities of a kind, in no promised order."""
        return (entity for entity in self.by_id.values() if entity.kind is kind)

    def referring_to(self, entity: EntityId) -> Iterable[EntityId]:
        """Ids of what holds a binding to the entity, and of a group's members."""
        return self.referrers.get(entity, NOBODY)

    def members_of(self, group: EntityId) -> Iterator[ConfigEntity]:
        """The members of a service group, in no promised order."""
        entities = (self.by_id[entity] for entity in self.referring_to(group))
        return (entity for entity in entities if entity.kind is Kind.MEMBER)

    def updated(self, changes: Iterable[Change]) -> Entities:
        """The snapshot after the changes; the last change of an entity counts."""
        put: dict[EntityId, ConfigEntity] = {}
        gone: dict[EntityId, None] = {}
        for change in changes:
            if isinstance(change, Removed):
                gone[change.entity_id] = None
                put.pop(change.entity_id, None)
            else:
                put[change.entity_id] = change
                gone.pop(change.entity_id, None)
        before = [entity for entity in (self.by_id.get(entity) for entity in (*put, *gone)) if entity is not None]
        return Entities(self.by_id.updated(put, gone), self._names(before, put), self._references(before, put))

    def _names(self, before: list[ConfigEntity], put: dict[EntityId, ConfigEntity]) -> PersistentMap[Name, EntityId]:
        given = {(entity.kind, entity.name): entity.entity_id for entity in put.values()}
        return self.by_name.updated(given, [(entity.kind, entity.name) for entity in before])

    def _references(
        self, before: list[ConfigEntity], put: dict[EntityId, ConfigEntity]
    ) -> PersistentMap[EntityId, Referrers]:
        lost: dict[EntityId, list[EntityId]] = {}
        for entity in before:
            for bound in entity.bindings:
                lost.setdefault(bound.entity_id, []).append(entity.entity_id)
        won: dict[EntityId, dict[EntityId, None]] = {}
        for entity in put.values():
            for bound in entity.bindings:
                won.setdefault(bound.entity_id, {})[entity.entity_id] = None
        changed = {
            target: self.referrers.get(target, NOBODY).updated(won.get(target, {}), lost.get(target, ()))
            for target in lost.keys() | won.keys()
        }
        kept = {target: holders for target, holders in changed.items() if holders}
        return self.referrers.updated(kept, changed.keys() - kept.keys())
