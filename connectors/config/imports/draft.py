"""The entities that an importer found, before they are a cluster file: names made ours, settings checked, ties kept.

Rule: what leaves here is what `apply` accepts. A setting that ours cannot hold is left out and told; an entity that
cannot stand without it is left out with its ties, and told as lost; a service that ends up with nothing that checks it
is told too, whatever the reason. Names are given once: two of one spelling, or one that ours does not allow, get
another, and the notice says which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connectors.config.imports.notices import Notices
from connectors.config.imports.telling import may_hold_secret
from schemas.config import BoundTo, ConfigEntity, Kind, Setting
from schemas.identifiers import EntityId
from schemas.inventory.entities import Entities, Name
from schemas.inventory.names import NAME_CHARACTERS, is_name, member_name
from schemas.parameters.checking import check_added
from schemas.parameters.kinds import BINDINGS, KINDS, table_of
from schemas.parameters.reading import Unfit, read

CHECKED = (Kind.SERVICE, Kind.SERVICE_GROUP)
TIES = 12_000
"""Ties of one entity: what the fold lets it hold."""
_BYTES = re.compile("[\ud800-\udfff]")
_FOREIGN = re.compile(r"[^A-Za-z0-9_.:@-]+")

Given = str | tuple[str, ...]
"""A setting as a person would write it; a list where it is one."""


@dataclass(slots=True)
class Item:
    """One entity so far: settings and ties as written, and the line that it came from."""

    kind: Kind
    name: str
    line: int
    settings: dict[str, Given]
    ties: dict[Name, dict[str, Given]] = field(default_factory=dict)

    def tie(self, kind: Kind, name: str, **said: Given) -> None:
        """Bind something to it; what was said of a tie before stays unless it is said anew."""
        self.ties.setdefault((kind, name), {}).update(said)


@dataclass(slots=True)
class Draft:
    """What an importer has found, and what it has to say."""

    notices: Notices = field(default_factory=Notices)
    items: dict[Name, Item] = field(default_factory=dict)
    servers: dict[str, str] = field(default_factory=dict)
    """How the other system calls a service, where it can be told of its state (HAProxy's `backend/server`) -> ours."""

    def add(self, kind: Kind, wanted: str, line: int, settings: Mapping[str, Given]) -> Item:
        """A new entity, called as wanted if that is free and allowed."""
        name = wanted if kind is Kind.MEMBER else self._free(kind, wanted)
        if name != wanted:
            self.notices.note(line, f'{KINDS[kind].noun} "{wanted[:60]}"', f"is called {name} here")
        item = self.items[(kind, name)] = Item(kind, name, line, dict(settings))
        return item

    def find(self, kind: Kind, name: str) -> Item | None:
        """The entity of a name that was given here."""
        return self.items.get((kind, name))

    def _free(self, kind: Kind, wanted: str) -> str:
        plain = _FOREIGN.sub("_", wanted)[:NAME_CHARACTERS]
        plain = plain if is_name(plain) else f"_{plain}"[:NAME_CHARACTERS]
        name, number = plain, 1
        while (kind, name) in self.items:
            number += 1
            name = f"{plain[: NAME_CHARACTERS - 8]}-{number}"
        return name

    def entities(self) -> Entities:
        """All that can stand, as a snapshot; what cannot is told. To be asked once, when all is read."""
        kept: dict[Name, dict[str, Setting]] = {}
        for name in [name for kind in KINDS for name in self.items if name[0] is kind]:
            settings = self._settings(self.items[name], kept)
            if settings is not None:
                kept[name] = settings
        ids = {name: EntityId(f"0-{number}") for number, name in enumerate(kept)}
        found = [self._entity(self.items[name], settings, ids) for name, settings in kept.items()]
        for entity in found:
            self._tell_unchecked(entity)
        return Entities().updated(found)

    def _settings(self, item: Item, kept: Mapping[Name, object]) -> dict[str, Setting] | None:
        """The settings in their kept form; None if the entity cannot stand."""
        table, what = table_of(item.kind, item.settings), f"{KINDS[item.kind].noun} {item.name}"
        if item.kind is Kind.MEMBER and not self._has_group(item, kept):
            return None
        given: dict[str, Setting] = {}
        for name, value in item.settings.items():
            setting = read(table.by_name[name], value)
            if item.kind is Kind.MONITOR and may_hold_secret(str(value)):
                mend = "every view shows it: if it is a secret, move it into secret_headers, or take it out"
                self.notices.changed(item.line, f"{what}: {name}", mend)
            if _BYTES.search(str(value)):
                setting = Unfit(f"{name} holds bytes that are no text")
            if isinstance(setting, Unfit):
                self.notices.changed(item.line, what, f"{setting.message}; it is left out")
            else:
                given[name] = setting
        checked = check_added(table, given)
        if checked.faults:
            self.notices.lost(item.line, what, f"cannot stand here: {'; '.join(checked.faults)}")
            return None
        return checked.kept

    def _has_group(self, item: Item, kept: Mapping[Name, object]) -> bool:
        name = member_name(item.name)
        if name is not None and (Kind.SERVICE_GROUP, name.group) in kept:
            return True
        self.notices.lost(item.line, f'server "{item.name[:140]}"', "is no address and port: add it by hand")
        return False

    def _entity(self, item: Item, settings: dict[str, Setting], ids: Mapping[Name, EntityId]) -> ConfigEntity:
        enabled = settings.pop("state", "ENABLED") == "ENABLED"
        bound = tuple(self._bound(item, ids))
        return ConfigEntity(ids[(item.kind, item.name)], item.kind, item.name, 0, enabled, settings, bound)

    def _bound(self, item: Item, ids: Mapping[Name, EntityId]) -> Iterator[BoundTo]:
        if item.kind is Kind.MEMBER:
            name = member_name(item.name)
            assert name is not None, f"{item.name!r} was let in as a member"
            yield BoundTo(Kind.SERVICE_GROUP, ids[(Kind.SERVICE_GROUP, name.group)], 1, True)
        for place, ((kind, name_), said) in enumerate(item.ties.items()):
            if (kind, name_) not in ids:
                continue
            if place >= TIES:
                what = f"{KINDS[item.kind].noun} {item.name}"
                self.notices.lost(item.line, what, f"has {len(item.ties):,} ties, {TIES:,} fit: part it")
                return
            kept = {key: read(BINDINGS[(item.kind, kind)].by_name[key], value) for key, value in said.items()}
            weight = kept.get("weight", 1)
            if not isinstance(weight, int):
                self.notices.changed(
                    item.line, f"the weight of {name_} in {item.name}", "does not fit 1 to 100: it is 1"
                )
                weight = 1
            enabled, shadow = kept.get("state", "ENABLED") == "ENABLED", kept.get("shadow") is True
            yield BoundTo(kind, ids[(kind, name_)], weight, enabled, shadow)

    def _tell_unchecked(self, entity: ConfigEntity) -> None:
        is_checked = entity.kind in CHECKED and entity.settings.get("health_monitor") is not False
        if is_checked and not any(one.kind is Kind.MONITOR for one in entity.bindings):
            what = f"{KINDS[entity.kind].noun} {entity.name}"
            line = self.items[(entity.kind, entity.name)].line
            self.notices.lost(line, what, "has no monitor left and stays UNKNOWN: bind one that says when it is UP")
