"""What has to be done so that the entities become what a file wants: operations in an order in which they can be taken.

Rule: an entity that the file names is to be exactly as the file says: settings it leaves out go back to their defaults,
bindings it leaves out are unbound. What the file does not name is left alone, unless `prune` is asked for. Enabled or
disabled is changed only where the file says `state`: an operator who took a server out for the night must not find it
back in use. A rename cannot be told from a removal and an add, so it is never guessed. A dependency that goes is
undone before others are made, so that one that turns round is never a cycle in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from connectors.config.document import Document, Wanted, WantedBinding
from schemas.config import BoundTo, ConfigEntity, Kind, Operation, Setting, Verb
from schemas.identifiers import EntityId
from schemas.inventory.entities import Entities, Name
from schemas.inventory.names import member_name
from schemas.parameters.kinds import DEPENDENCIES, KINDS, table_of
from schemas.parameters.reading import written


@dataclass(frozen=True, slots=True)
class Step:
    """One operation and how to show it: `+`, `~` or `-`, and a text."""

    sign: str
    text: str
    operation: Operation


@dataclass(slots=True)
class Difference:
    """Steps in the order in which they are to be taken, and how many entities the file does not name."""

    steps: list[Step] = field(default_factory=list)
    left_alone: int = 0

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What to send."""
        return tuple([step.operation for step in self.steps])


def difference(document: Document, current: Entities, prune: bool = False) -> Difference:
    """From what is to what the file wants. Removals and unbinding come last, what is bound comes before its holder."""
    found = Difference()
    both = [(wanted, current.find(wanted.kind, wanted.name)) for wanted in document.wanted.values()]
    unnamed = [entity for entity in current.by_id.values() if (entity.kind, entity.name) not in document.wanted]
    found.steps += [_added(wanted) for wanted, entity in both if entity is None]
    found.steps += [step for wanted, entity in both if entity for step in _changed(wanted, entity)]
    unbound = [step for wanted, entity in both if entity for step in _unbound(wanted, entity, current)]
    found.steps += [step for step in unbound if _is_dependency(step.operation)]
    found.steps += [step for wanted, entity in both for step in _bound(wanted, _bindings_of(entity, current))]
    found.steps += [step for step in unbound if not _is_dependency(step.operation)]
    if prune:
        found.steps += _removed(unnamed)
    else:
        found.left_alone = len(unnamed)
    return found


def _is_dependency(operation: Operation) -> bool:
    return (operation.kind, operation.target_kind) in DEPENDENCIES


def _label(kind: Kind, name: str) -> str:
    return f"{KINDS[kind].noun} {name}"


def _added(wanted: Wanted) -> Step:
    settings = dict(wanted.settings)
    if wanted.enabled is False:
        settings["state"] = "DISABLED"
    shown = "".join(f" {text}" for text in _shown(wanted.kind, settings, settings))
    text = f"{_label(wanted.kind, wanted.name)}{shown}"
    return Step("+", text, Operation(Verb.ADD, wanted.kind, wanted.name, settings, line=wanted.line))


def _shown(kind: Kind, settings: Mapping[str, Setting], of: Mapping[str, Setting]) -> list[str]:
    """Settings as a person writes them: `interval=5s`; `default` for one that goes back to it."""
    rows = table_of(kind, of).by_name
    texts = {rows[key].name: written(rows[key], value) for key, value in settings.items()}
    return [f"{name}={text if text else 'default'}" for name, text in texts.items()]


def _changed(wanted: Wanted, entity: ConfigEntity) -> Iterator[Step]:
    rows, own = table_of(wanted.kind, wanted.settings).by_name, KINDS[wanted.kind].disabling.by_name
    differing: dict[str, Setting] = {
        key: wanted.settings.get(key)
        for key in dict.fromkeys((*wanted.settings, *entity.settings))
        if key not in own and wanted.settings.get(key) != entity.settings.get(key)
    }
    if differing:
        before = {key: written(rows[key], entity.settings.get(key)) if key in rows else "?" for key in differing}
        changes = [
            f"{rows[key].name if key in rows else key}: {before[key] or 'default'} -> "
            f"{(written(rows[key], value) if key in rows else '') or 'default'}"
            for key, value in differing.items()
        ]
        text = f"{_label(wanted.kind, wanted.name)} {', '.join(changes)}"
        yield Step("~", text, Operation(Verb.SET, wanted.kind, wanted.name, differing, line=wanted.line))
    if wanted.enabled is not None and wanted.enabled is not entity.enabled:
        verb = Verb.ENABLE if wanted.enabled else Verb.DISABLE
        text = f"{_label(wanted.kind, wanted.name)} {verb.value.lower()}"
        yield Step("~", text, Operation(verb, wanted.kind, wanted.name, {}, line=wanted.line))


def _bindings_of(entity: ConfigEntity | None, current: Entities) -> dict[Name, BoundTo]:
    """What is bound to an entity, by kind and name; a member's reference to its group is not one of them."""
    if entity is None:
        return {}
    bound = ((current.by_id[one.entity_id], one) for one in entity.bindings)
    return {(found.kind, found.name): one for found, one in bound if not _is_own_group(entity, found)}


def _is_own_group(entity: ConfigEntity, bound: ConfigEntity) -> bool:
    return entity.kind is Kind.MEMBER and bound.kind is Kind.SERVICE_GROUP


def _bound(wanted: Wanted, now: Mapping[Name, BoundTo]) -> Iterator[Step]:
    for binding in wanted.bindings:
        stands = now.get((binding.kind, binding.name))
        settings = _binding_settings(binding, stands)
        if stands is not None and not settings:
            continue
        shown = "".join(f" {key}={value}" for key, value in settings.items())
        joint = "depends on" if (wanted.kind, binding.kind) in DEPENDENCIES else "with"
        text = f"{_label(wanted.kind, wanted.name)} {joint} {_label(binding.kind, binding.name)}{shown}"
        sign = "+" if stands is None else "~"
        operation = Operation(
            Verb.BIND, wanted.kind, wanted.name, settings, binding.kind, binding.name, line=binding.line
        )
        yield Step(sign, text, operation)


def _binding_settings(binding: WantedBinding, stands: BoundTo | None) -> dict[str, Setting]:
    """What to say of a binding: of a new one all that is not the default, of one that stands what differs."""
    settings: dict[str, Setting] = {}
    if binding.weight != (stands.weight if stands else 1):
        settings["weight"] = binding.weight
    if binding.enabled is not None and binding.enabled is not (stands.enabled if stands else True):
        settings["state"] = "ENABLED" if binding.enabled else "DISABLED"
    if binding.shadow is not (stands.shadow if stands else False):
        settings["shadow"] = "yes" if binding.shadow else "no"
    return settings


def _unbound(wanted: Wanted, entity: ConfigEntity, current: Entities) -> Iterator[Step]:
    named = {(binding.kind, binding.name) for binding in wanted.bindings}
    for kind, name in _bindings_of(entity, current):
        if (kind, name) not in named:
            joint = "depends no longer on" if (wanted.kind, kind) in DEPENDENCIES else "without"
            text = f"{_label(wanted.kind, wanted.name)} {joint} {_label(kind, name)}"
            operation = Operation(Verb.UNBIND, wanted.kind, wanted.name, {}, kind, name, line=wanted.line)
            yield Step("-", text, operation)


def _removed(unnamed: list[ConfigEntity]) -> Iterator[Step]:
    """Holders before what is bound to them, dependent services before what they need; a group takes its members."""
    order = {kind: place for place, kind in enumerate(reversed(KINDS))}
    going = {(entity.kind, entity.name) for entity in unnamed}
    needed = _needed_before(unnamed)
    for entity in sorted(unnamed, key=lambda one: (order[one.kind], needed[one.entity_id], one.name)):
        member = member_name(entity.name) if entity.kind is Kind.MEMBER else None
        if member is None or (Kind.SERVICE_GROUP, member.group) not in going:
            operation = Operation(Verb.RM, entity.kind, entity.name, {})
            yield Step("-", _label(entity.kind, entity.name), operation)


def _needed_before(unnamed: list[ConfigEntity]) -> dict[EntityId, int]:
    """For each the place at which it can go: after all that depend on it."""
    holds = {
        one.entity_id: [bound.entity_id for bound in one.bindings if (one.kind, bound.kind) in DEPENDENCIES]
        for one in unnamed
    }
    if not any(holds.values()):
        return dict.fromkeys(holds, 0)
    bottom_up = list(TopologicalSorter(holds).static_order())
    return {entity_id: -place for place, entity_id in enumerate(bottom_up)}
