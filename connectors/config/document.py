"""A cluster file as wanted state: which entities it names, with which settings, and what is bound to them.

Rule: sections, keys and bindings come from the tables of `schemas/parameters`, so a new parameter or binding needs
nothing here. Every fault is told, at its line and column, and a file with any is not used at all. Whether the names in
bindings exist is for the fold to say; a file may refer to what was configured before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.config import yaml_nodes as nodes
from connectors.config.yaml_nodes import Fault, Faults
from schemas.config import Kind, Setting
from schemas.inventory.entities import Name
from schemas.inventory.names import MEMBER_RULE, NAME_RULE, is_name, member_name
from schemas.parameters.checking import unknown_parameter
from schemas.parameters.kinds import BINDINGS, KINDS, binding_title, table_of
from schemas.parameters.parameter import Table
from schemas.parameters.reading import Unfit, read

SECTIONS = {KINDS[kind].plural: kind for kind in KINDS if kind is not Kind.MEMBER}
MEMBERS = KINDS[Kind.MEMBER].plural
CHARACTERS = 64 * 1024 * 1024
"""A larger file is refused: it would be far over the limit of one command anyway."""


@dataclass(frozen=True, slots=True)
class WantedBinding:
    """Something to be bound. `enabled` None: the file does not say, so it stays as it is."""

    kind: Kind
    name: str
    weight: int
    enabled: bool | None
    line: int
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """An entity as the file wants it: settings in the form that records keep, without defaults."""

    kind: Kind
    name: str
    settings: Mapping[str, Setting]
    enabled: bool | None
    bindings: tuple[WantedBinding, ...]
    line: int


@dataclass(slots=True)
class Document:
    """What a file wants, in the order in which it can be added; useless if there are faults."""

    wanted: dict[Name, Wanted] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read_document(text: str) -> Document:
    """The wanted state in a YAML text, or its faults in order of lines."""
    faults = Faults()
    if len(text) > CHARACTERS:
        return Document(faults=[Fault(0, 0, f"{len(text):,} characters, at most {CHARACTERS:,}: apply it in parts")])
    root = nodes.compose(text, faults)
    reader = _Reader(faults)
    if root is not None:
        reader.sections(root)
    wanted = {name: reader.wanted[name] for kind in KINDS for name in reader.wanted if name[0] is kind}
    return Document(wanted, sorted(faults))


class _Reader:
    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.wanted: dict[Name, Wanted] = {}

    def sections(self, root: Any) -> None:
        for title, (key, section) in nodes.pairs(root, "a cluster file", self.faults).items():
            kind = SECTIONS.get(title)
            if kind is None:
                self.faults.tell(key, f'"{title[:60]}" is not a section: there are {", ".join(SECTIONS)}')
            elif kind is Kind.NODE_GROUP and not nodes.is_mapping(section):
                for item in nodes.items(section, title, self.faults):
                    self._entity(kind, nodes.scalar(item) or "", item, None)
            else:
                for name, (name_node, body) in nodes.pairs(section, title, self.faults).items():
                    self._entity(kind, name, name_node, body)

    def _entity(self, kind: Kind, name: str, name_node: Any, body: Any) -> None:
        what = f'{KINDS[kind].noun} "{name[:60]}"'
        if not is_name(name):
            self.faults.tell(name_node, f"{what} cannot be called so: {NAME_RULE}")
        given = {} if body is None else nodes.pairs(body, what, self.faults)
        if kind is Kind.SERVICE_GROUP and MEMBERS in given:
            for member in nodes.items(given.pop(MEMBERS)[1], MEMBERS, self.faults):
                self._member(name, member)
        self._put(kind, name, name_node, given, what)

    def _member(self, group: str, node: Any) -> None:
        given = nodes.pairs(node, "a member", self.faults) if nodes.is_mapping(node) else {}
        if given:
            address, port = (nodes.scalar(given.pop(key, (None, None))[1]) for key in ("address", "port"))
            host = f"[{address}]" if ":" in (address or "") else address
            spelt = f"{host}:{port}"
        else:
            spelt = nodes.scalar(node) or ""
        name = member_name(f"{group}/{spelt}")
        if name is None:
            self.faults.tell(
                node, f'"{spelt[:60]}" is not a member: write {{address: 10.0.0.3, port: 80}}; {MEMBER_RULE}'
            )
            return
        self._put(Kind.MEMBER, str(name), node, given, f'member "{name}"')

    def _put(self, kind: Kind, name: str, name_node: Any, given: dict[str, tuple[Any, Any]], what: str) -> None:
        if (kind, name) in self.wanted:
            first = self.wanted[(kind, name)].line
            self.faults.tell(name_node, f"{what} stands here a second time, first in line {first}: keep one of them")
            return
        bindings: list[WantedBinding] = []
        for holder, bound in BINDINGS:
            title = binding_title(holder, bound)
            if holder is kind and title in given:
                bindings += self._bindings(holder, bound, given.pop(title)[1])
        settings = self._settings(kind, name_node, given, what)
        state = settings.pop("state", None)
        enabled = None if state is None else state == "ENABLED"
        line = nodes.place_of(name_node).line
        self.wanted[(kind, name)] = Wanted(kind, name, settings, enabled, tuple(bindings), line)

    def _bindings(self, holder: Kind, bound: Kind, node: Any) -> Iterable[WantedBinding]:
        title, table = binding_title(holder, bound), BINDINGS[(holder, bound)]
        if not nodes.is_mapping(node):
            for item in nodes.items(node, title, self.faults):
                yield WantedBinding(bound, nodes.scalar(item) or "", 1, None, nodes.place_of(item).line)
            return
        for name, (name_node, body) in nodes.pairs(node, title, self.faults).items():
            settings = self._read(table, nodes.pairs(body, f'"{name[:60]}" in {title}', self.faults))
            weight, state = settings.get("weight", 1), settings.get("state")
            assert isinstance(weight, int)
            enabled = None if state is None else state == "ENABLED"
            line, shadow = nodes.place_of(name_node).line, settings.get("shadow") is True
            yield WantedBinding(bound, name, weight, enabled, line, shadow)

    def _settings(self, kind: Kind, name_node: Any, given: dict[str, tuple[Any, Any]], what: str) -> dict[str, Setting]:
        type_node = given.get("type", (None, None))[1]
        table = table_of(kind, {"type": nodes.scalar(type_node) or ""} if type_node is not None else {})
        before = len(self.faults)
        settings = self._read(table, given)
        missing = [
            row for row in table.rows if row.required and settings.get(row.key) is None and row.name not in given
        ]
        for row in missing:
            self.faults.tell(name_node, f"{what}: {row.name} is missing")
        if len(self.faults) == before:
            effective = table.effective(settings)
            for fault in (rule(settings, effective) for rule in table.rules):
                if fault:
                    self.faults.tell(name_node, f"{what}: {fault}")
        return settings

    def _read(self, table: Table, given: dict[str, tuple[Any, Any]]) -> dict[str, Setting]:
        settings: dict[str, Setting] = {}
        for name, (key, node) in given.items():
            row = table.by_name.get(name)
            if row is None:
                self.faults.tell(key, unknown_parameter(table, name))
                continue
            setting = read(row, nodes.value(node, name, self.faults))
            if isinstance(setting, Unfit):
                self.faults.tell(node, setting.message)
            elif setting is not None:
                settings[row.key] = setting
        return settings
