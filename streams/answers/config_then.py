"""Step 2 of the flow, looked back at: the entities as they stood at an instant.

Rule: `config-commands` is kept for ever, and folding it again by the function of production gives every entity of every
moment, ids included. `config-entities` is compacted: it says what is, and serves for questions about now, because it is
read faster.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from schemas.config import ConfigCommand, ConfigEntity, Kind
from schemas.identifiers import EntityId
from schemas.inventory.entities import Entities
from schemas.inventory.services import MonitoredService, service
from streams.answers.placed import NOWHERE, Placed, Where
from streams.folding.config.fold import ConfigFold

SERVICE_KINDS = (Kind.SERVICE, Kind.MEMBER)


@dataclass(frozen=True, slots=True)
class ConfigThen:
    """The configuration at an instant. `revision` is the last accepted command in it."""

    entities: Entities
    revision: Where
    commands_topic: str

    def find(self, name: str) -> ConfigEntity | None:
        """The service or member of a name."""
        found = (self.entities.find(kind, name) for kind in SERVICE_KINDS)
        return next((entity for entity in found if entity is not None), None)

    def service(self, entity_id: EntityId) -> MonitoredService | None:
        """A service or member, resolved."""
        return service(self.entities, entity_id)

    def near(self, name: str) -> str | None:
        """The name that was perhaps meant."""
        names = [entity.name for kind in SERVICE_KINDS for entity in self.entities.of_kind(kind)]
        return next(iter(get_close_matches(name, names, 1)), None)

    def command_of(self, entity_id: EntityId) -> Where:
        """The command that made an entity what it is."""
        entity = self.entities.get(entity_id)
        return NOWHERE if entity is None else Where(self.commands_topic, 0, entity.revision)


def config_then(commands: Iterable[Placed[ConfigCommand]], commands_topic: str, until_ms: int | None) -> ConfigThen:
    """The entities after every command told by `until_ms` (None: after all), from the first one on."""
    fold, revision = ConfigFold(), NOWHERE
    for placed in commands:
        if until_ms is not None and placed.where.at_ms > until_ms:
            break
        result, _ = fold.take(placed.record, placed.where.offset)
        revision = placed.where if result.accepted else revision
    return ConfigThen(fold.entities, revision, commands_topic)


def lives(
    commands: Iterable[Placed[ConfigCommand]], entity_id: EntityId, until_ms: int
) -> list[tuple[Where, Entities, MonitoredService | None]]:
    """Each time that a service became another one by `until_ms`: the command, the entities after it, the service."""
    fold, found = ConfigFold(), []
    before: MonitoredService | None = None
    for placed in commands:
        if placed.where.at_ms > until_ms:
            break
        fold.take(placed.record, placed.where.offset)
        now = service(fold.entities, entity_id)
        if now != before:
            found.append((placed.where, fold.entities, now))
        before = now
    return found
