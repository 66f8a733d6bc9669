"""The configuration as a cluster file: what `apply` reads back to exactly the same.

Rule: the tables that read a file write it, so a new parameter or binding needs nothing here. Defaults are left out, and
so is `state` of what is enabled; one entity is one line, because people compare such files line by line. Why not a YAML
library: it takes half a minute for ten thousand services, and the flow style needs three rules of quoting.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from schemas.config import BoundTo, ConfigEntity, Kind, Setting
from schemas.inventory.entities import Entities
from schemas.inventory.names import member_name
from schemas.parameters.kinds import BINDINGS, KINDS, binding_title, table_of
from schemas.parameters.reading import written

PLAIN = re.compile(r"[A-Za-z0-9_./(=][A-Za-z0-9_./()=+*-]*(?: [A-Za-z0-9_./()=+*-]+)*")
"""Texts that mean themselves in YAML, in brackets too."""
NOT_PLAIN = frozenset({"null", "Null", "NULL"})

Value = str | Sequence[str] | Mapping[str, "Value"]


def export_text(entities: Entities) -> str:
    """The cluster file: sections in the order in which they can be added, entities by name."""
    members: dict[str, list[ConfigEntity]] = defaultdict(list)
    for entity in entities.by_id.values():
        name = member_name(entity.name) if entity.kind is Kind.MEMBER else None
        if name is not None:
            members[name.group].append(entity)
    sections = (_section(kind, entities, members) for kind in KINDS if kind is not Kind.MEMBER)
    return "".join(line for section in sections for line in section)


def _section(kind: Kind, entities: Entities, members: Mapping[str, list[ConfigEntity]]) -> Iterator[str]:
    found = sorted((one for one in entities.by_id.values() if one.kind is kind), key=lambda one: one.name)
    if found:
        yield f"{KINDS[kind].plural}:\n"
    for entity in found:
        body = _body(entity, entities)
        if kind is Kind.SERVICE_GROUP and members[entity.name]:
            yield f"  {_text(entity.name)}:\n"
            yield from (f"    {key}: {_flow(value)}\n" for key, value in body.items())
            yield f"    {KINDS[Kind.MEMBER].plural}:\n"
            yield from (f"      - {_flow(_member(one, entities))}\n" for one in sorted(members[entity.name], key=_name))
        else:
            yield f"  {_text(entity.name)}: {_flow(body)}\n"


def _name(entity: ConfigEntity) -> str:
    return entity.name


def _member(entity: ConfigEntity, entities: Entities) -> dict[str, Value]:
    name = member_name(entity.name)
    assert name is not None, f"{entity.name!r} was let in as a member"
    return {"address": name.address, "port": str(name.port), **_body(entity, entities)}


def _body(entity: ConfigEntity, entities: Entities) -> dict[str, Value]:
    """What stands behind an entity's name: settings, `state`, and what is bound to it."""
    rows, disabling = table_of(entity.kind, entity.settings).by_name, KINDS[entity.kind].disabling.by_name
    settings = {key: value for key, value in entity.settings.items() if key in rows and key not in disabling}
    body: dict[str, Value] = {rows[key].name: _setting(entity.kind, key, entity.settings) for key in settings}
    if not entity.enabled:
        body["state"] = "DISABLED"
    for holder, bound in BINDINGS:
        if holder is entity.kind:
            one_kind = {entities.by_id[one.entity_id].name: one for one in entity.bindings if one.kind is bound}
            if one_kind:
                body[binding_title(holder, bound)] = _bound(one_kind)
    return body


def _setting(kind: Kind, key: str, settings: Mapping[str, Setting]) -> Value:
    value, row = settings[key], table_of(kind, settings).by_name[key]
    return tuple(value) if isinstance(value, tuple) else written(row, value)


def _bound(named: Mapping[str, BoundTo]) -> Value:
    """A list of names where nothing is to be said of any, else a mapping."""
    bodies: dict[str, dict[str, Value]] = {}
    for name, one in sorted(named.items()):
        said = bodies[name] = {}
        if one.weight != 1:
            said["weight"] = str(one.weight)
        if not one.enabled:
            said["state"] = "DISABLED"
        if one.shadow:
            said["shadow"] = "yes"
    return bodies if any(bodies.values()) else tuple(bodies)


def _flow(value: Value) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join([f"{_text(key)}: {_flow(one)}" for key, one in value.items()]) + "}"
    return "[" + ", ".join([_text(one) for one in value]) + "]"


def _text(text: str) -> str:
    """A text, quoted unless it means itself. What cannot be seen is escaped as YAML 1.2 has it (5.7)."""
    if PLAIN.fullmatch(text) and text not in NOT_PLAIN:
        return text
    return '"' + "".join([_character(one) for one in text]) + '"'


def _character(one: str) -> str:
    if one in '"\\':
        return "\\" + one
    code = ord(one)
    if one.isprintable() and code < 0x10000:
        return one
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
