"""What a command would make of the entities: reads through to the snapshot, writes only to itself.

Rule: the snapshot is untouched until the whole command has passed; then `changes` are taken over at once, or the
overlay is dropped (all or nothing). An operation costs as much as what it touches: a holder of 10,000 bindings is
opened once for a command, not copied once per binding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from schemas.config import BoundTo, ConfigEntity, Kind, Setting
from schemas.identifiers import EntityId
from schemas.inventory.entities import Change, Entities, Name, Removed


@dataclass(slots=True)
class Draft:
    """An entity under change. `before` is how the snapshot has it, None if the command adds it.

    `doubtful` marks one whose own operation was refused: it stands so that later operations are judged for their own
    faults and not for this one.
    """

    entity_id: EntityId
    kind: Kind
    name: str
    enabled: bool
    settings: dict[str, Setting]
    bindings: dict[EntityId, BoundTo] = field(default_factory=dict)
    before: ConfigEntity | None = None
    doubtful: bool = False

    def entity(self, revision: int) -> ConfigEntity:
        """The entity as the draft has it."""
        bindings = tuple(self.bindings.values())
        return ConfigEntity(self.entity_id, self.kind, self.name, revision, self.enabled, self.settings, bindings)

    def is_changed(self) -> bool:
        """Whether it differs from the snapshot's."""
        before = self.before
        return before is None or self.entity(before.revision) != before


class Overlay:
    """Drafts over a snapshot."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities
        self._drafts: dict[EntityId, Draft] = {}
        self._removed: dict[EntityId, Removed] = {}
        self._names: dict[Name, EntityId | None] = {}
        self._bound_here: dict[EntityId, dict[EntityId, None]] = {}

    def find(self, kind: Kind, name: str) -> Draft | None:
        """The draft of the entity that has the name now, opened if need be."""
        name_key = (kind, name)
        entity = self._names[name_key] if name_key in self._names else self._entities.by_name.get(name_key)
        return None if entity is None else self.open(entity)

    def open(self, entity: EntityId) -> Draft:
        """The draft of an entity that exists."""
        draft = self._drafts.get(entity)
        if draft is None:
            stored = self._entities.by_id[entity]
            bindings = {bound.entity_id: bound for bound in stored.bindings}
            draft = Draft(entity, stored.kind, stored.name, stored.enabled, dict(stored.settings), bindings, stored)
            self._drafts[entity] = draft
        return draft

    def add(self, draft: Draft) -> None:
        """Put a new entity in; its name must be free."""
        self._drafts[draft.entity_id] = draft
        self._names[(draft.kind, draft.name)] = draft.entity_id
        for target in draft.bindings:
            self._bound_here.setdefault(target, {})[draft.entity_id] = None

    def remove(self, draft: Draft) -> None:
        """Take an entity out, with what it holds."""
        del self._drafts[draft.entity_id]
        self._names[(draft.kind, draft.name)] = None
        if draft.before is not None:
            self._removed[draft.entity_id] = Removed(draft.kind, draft.entity_id)

    def rename(self, draft: Draft, name: str) -> None:
        """Give an entity another name, which must be free."""
        self._names[(draft.kind, draft.name)] = None
        self._names[(draft.kind, name)] = draft.entity_id
        draft.name = name

    def bind(self, holder: Draft, bound: BoundTo) -> None:
        """Bind something, or change how it is bound."""
        holder.bindings[bound.entity_id] = bound
        self._bound_here.setdefault(bound.entity_id, {})[holder.entity_id] = None

    def holders_of(self, entity: EntityId) -> Iterator[Draft]:
        """Drafts of all that refer to the entity now: holders of bindings, and a group's members. In order of id."""
        for holder in sorted({*self._entities.referring_to(entity), *self._bound_here.get(entity, ())}):
            if holder in self._removed or (holder not in self._drafts and holder not in self._entities.by_id):
                continue
            draft = self.open(holder)
            if entity in draft.bindings:
                yield draft

    def changes(self, revision: int) -> tuple[Change, ...]:
        """What differs from the snapshot: removals first, then entities in the order in which they were touched."""
        entities = (draft.entity(revision) for draft in self._drafts.values() if draft.is_changed())
        return (*self._removed.values(), *entities)
