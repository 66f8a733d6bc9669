"""What each verb does to the overlay, and every reason why it cannot: one function a verb, in one table.

Rule: an operation either changes the overlay or answers faults as text that says what is wrong and how to mend it; it
never raises. A refused `add` still leaves a doubtful draft, so that binding to it later is not reported as a second
fault. The entity's id comes from the command's offset and the operation's index, so it is never reused (O-2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from schemas.config import BoundTo, Kind, NamedEntity, Operation, Verb
from schemas.identifiers import EntityId
from schemas.inventory.entities import Entities
from schemas.inventory.names import MEMBER_RULE, NAME_RULE, is_name, member_name
from schemas.parameters.checking import check_added, check_changed
from schemas.parameters.kinds import BINDINGS, DEPENDENCIES, KINDS, NO_PARAMETERS, table_of
from streams.folding.config.circles import circle_of
from streams.folding.config.overlay import Draft, Overlay
from streams.folding.config.suggestions import nearest

BINDINGS_PER_ENTITY = 12_000
"""Bindings that one entity can hold, so that its record stays within `limits.ENTITY_BYTES`."""
SHOWN_HOLDERS = 5
SUGGESTIONS = 10
"""Near names looked up for one command; after that, unknown names are told without one."""


@dataclass(slots=True)
class Work:
    """One command in progress: the overlay, and what has been named so far."""

    entities: Entities
    overlay: Overlay
    named: dict[EntityId, NamedEntity]
    suggestions_left: int = SUGGESTIONS

    def name(self, draft: Draft) -> None:
        """Note an entity for the command's answer."""
        self.named[draft.entity_id] = NamedEntity(draft.kind, draft.name, draft.entity_id)

    def missing(self, kind: Kind, name: str) -> str:
        """The message for an entity that does not exist."""
        near = None
        if self.suggestions_left:
            self.suggestions_left -= 1
            near = nearest(name, (entity.name for entity in self.entities.of_kind(kind)))
        hint = f' (did you mean "{near}"?)' if near else ""
        return f"{called(kind, name)} does not exist: add it first, or mend the name{hint}"


Faults = list[str]


def called(kind: Kind, name: str) -> str:
    """How messages call an entity: `service "web1"`."""
    return f'{KINDS[kind].noun} "{name[:140]}"'


def perform(work: Work, operation: Operation, new_id: EntityId) -> Faults:
    """Do one operation on the overlay; the faults if it cannot be done."""
    if operation.verb is Verb.UNKNOWN or Kind.UNKNOWN in (operation.kind, operation.target_kind):
        return ["a newer release wrote this operation: upgrade every node before its commands are used"]
    operation = _canonical(operation)
    return _VERBS[operation.verb](work, operation, new_id)


def _canonical(operation: Operation) -> Operation:
    """Members are found by the canonical spelling of their address."""
    if operation.kind is not Kind.MEMBER:
        return operation
    member = member_name(operation.name)
    return replace(operation, name=str(member)) if member else operation


def _add(work: Work, operation: Operation, new_id: EntityId) -> Faults:
    kind, name = operation.kind, operation.name
    if kind is not Kind.MEMBER and not is_name(name):
        return [f"{called(kind, name)} cannot be called so: {NAME_RULE}"]
    if work.overlay.find(kind, name) is not None:
        return [f"{called(kind, name)} exists already: use set to change it, or choose another name"]
    holds, faults = _group_of(work, name) if kind is Kind.MEMBER else ({}, [])
    checked = check_added(table_of(kind, operation.settings), operation.settings)
    faults += [f"{called(kind, name)}: {fault}" for fault in checked.faults]
    enabled = checked.kept.pop("state", "ENABLED") == "ENABLED"
    draft = Draft(new_id, kind, name, enabled, checked.kept, holds, doubtful=bool(faults))
    work.overlay.add(draft)
    work.name(draft)
    return faults


def _group_of(work: Work, name: str) -> tuple[dict[EntityId, BoundTo], Faults]:
    """A member's reference to its group, from its name."""
    member = member_name(name)
    if member is None:
        return {}, [f"{called(Kind.MEMBER, name)} cannot be called so: {MEMBER_RULE}"]
    group = work.overlay.find(Kind.SERVICE_GROUP, member.group)
    if group is None:
        return {}, [work.missing(Kind.SERVICE_GROUP, member.group)]
    return {group.entity_id: BoundTo(Kind.SERVICE_GROUP, group.entity_id, 1, True)}, []


def _set(work: Work, operation: Operation, _: EntityId) -> Faults:
    draft = work.overlay.find(operation.kind, operation.name)
    if draft is None:
        return [work.missing(operation.kind, operation.name)]
    work.name(draft)
    if draft.doubtful:
        return []
    checked = check_changed(table_of(draft.kind, draft.settings), draft.settings, operation.settings)
    if not checked.faults:
        draft.settings = checked.kept
    return [f"{called(draft.kind, draft.name)}: {fault}" for fault in checked.faults]


def _rm(work: Work, operation: Operation, _: EntityId) -> Faults:
    draft = work.overlay.find(operation.kind, operation.name)
    if draft is None:
        return [work.missing(operation.kind, operation.name)]
    if draft.doubtful:
        if draft.before is None:
            work.overlay.remove(draft)
        return []
    referring = list(work.overlay.holders_of(draft.entity_id))
    holders = [holder for holder in referring if holder.kind is not Kind.MEMBER or draft.kind is not Kind.SERVICE_GROUP]
    if holders:
        draft.doubtful = True
        return [_still_held(draft, holders)]
    work.name(draft)
    for member in referring:
        work.overlay.remove(member)
    work.overlay.remove(draft)
    return []


def _still_held(draft: Draft, holders: list[Draft]) -> str:
    """Who depends on it is told apart: those would lose what they need."""
    dependent = [holder for holder in holders if (holder.kind, draft.kind) in DEPENDENCIES]
    others = [holder for holder in holders if (holder.kind, draft.kind) not in DEPENDENCIES]
    name = called(draft.kind, draft.name)
    texts = [f"{name} is still bound to {_listed(others)}"] if others else []
    if dependent:
        texts.append(f"{_listed(dependent)} {'depends' if len(dependent) == 1 else 'depend'} on {name}")
    return f"{' and '.join(texts)}: unbind it there first"


def _listed(holders: list[Draft]) -> str:
    names = sorted(called(holder.kind, holder.name) for holder in holders)
    more = f" and {len(names) - SHOWN_HOLDERS} more" if len(names) > SHOWN_HOLDERS else ""
    return ", ".join(names[:SHOWN_HOLDERS]) + more


def _rename(work: Work, operation: Operation, _: EntityId) -> Faults:
    kind, new_name = operation.kind, operation.new_name or ""
    if not KINDS[kind].can_rename:
        return [f"{called(kind, operation.name)} cannot be renamed: its name is its address; remove it and add another"]
    draft = work.overlay.find(kind, operation.name)
    if draft is None:
        return [work.missing(kind, operation.name)]
    if not is_name(new_name):
        return [f'{called(kind, operation.name)} cannot be renamed to "{new_name[:140]}": {NAME_RULE}']
    taken = work.overlay.find(kind, new_name)
    if taken is not None and taken is not draft:
        return [f"{called(kind, new_name)} exists already: choose another name for {called(kind, operation.name)}"]
    work.overlay.rename(draft, new_name)
    if kind is Kind.SERVICE_GROUP:
        _rename_members(work, draft)
    work.name(draft)
    return []


def _rename_members(work: Work, group: Draft) -> None:
    """A member's name begins with its group's."""
    for member in [holder for holder in work.overlay.holders_of(group.entity_id) if holder.kind is Kind.MEMBER]:
        parts = member_name(member.name)
        if parts is not None:
            work.overlay.rename(member, str(replace(parts, group=group.name)))


def _bind(work: Work, operation: Operation, _: EntityId) -> Faults:
    found = _pair(work, operation)
    if isinstance(found, list):
        return found
    holder, bound = found
    what = _tie(holder, bound)
    work.name(holder)
    now = holder.bindings.get(bound.entity_id)
    if now is None and len(holder.bindings) >= BINDINGS_PER_ENTITY:
        return [f"{what}: it holds {BINDINGS_PER_ENTITY} bindings already, no more fit"]
    checked = check_added(BINDINGS[(holder.kind, bound.kind)], operation.settings)
    if checked.faults:
        return [f"{what}: {fault}" for fault in checked.faults]
    circle = circle_of(work.overlay, holder, bound) if now is None else []
    if circle:
        return [f"{what}: {' depends on '.join(circle)}: a circle has no root to look at; leave one of these out"]
    weight = checked.kept.get("weight", now.weight if now else 1)
    shadow = checked.kept.get("shadow", now is not None and now.shadow) is True
    enabled = checked.kept["state"] == "ENABLED" if "state" in checked.kept else now is None or now.enabled
    assert isinstance(weight, int)
    work.overlay.bind(holder, BoundTo(bound.kind, bound.entity_id, weight, enabled, shadow))
    return []


def _tie(holder: Draft, bound: Draft) -> str:
    """How messages call a binding."""
    if (holder.kind, bound.kind) in DEPENDENCIES:
        return f"{called(holder.kind, holder.name)} depending on {called(bound.kind, bound.name)}"
    return f"{called(bound.kind, bound.name)} bound to {called(holder.kind, holder.name)}"


def _unbind(work: Work, operation: Operation, _: EntityId) -> Faults:
    found = _pair(work, operation)
    if isinstance(found, list):
        return found
    holder, bound = found
    work.name(holder)
    if holder.bindings.pop(bound.entity_id, None) is None and not (holder.doubtful or bound.doubtful):
        what = f"{called(bound.kind, bound.name)} is not bound to {called(holder.kind, holder.name)}"
        if (holder.kind, bound.kind) in DEPENDENCIES:
            what = f"{called(holder.kind, holder.name)} does not depend on {called(bound.kind, bound.name)}"
        return [f"{what}: nothing to unbind; leave this operation out, or mend the names"]
    return []


def _pair(work: Work, operation: Operation) -> tuple[Draft, Draft] | Faults:
    """The holder and what is bound to it, or why they are no pair."""
    if operation.target_kind is None or operation.target is None:
        return [f"{called(operation.kind, operation.name)}: say what to bind to it, by kind and name"]
    if (operation.kind, operation.target_kind) not in BINDINGS:
        able = [KINDS[bound].noun for holder, bound in BINDINGS if holder is operation.kind]
        holder_noun, bound_noun = KINDS[operation.kind].noun, KINDS[operation.target_kind].noun
        can = f"bound to it can be: {', '.join(able)}" if able else "nothing can"
        return [f"a {bound_noun} cannot be bound to a {holder_noun}: {can}"]
    holder = work.overlay.find(operation.kind, operation.name)
    bound = work.overlay.find(operation.target_kind, operation.target)
    if holder is not None and bound is not None:
        return holder, bound
    faults = [] if holder else [work.missing(operation.kind, operation.name)]
    return faults if bound else [*faults, work.missing(operation.target_kind, operation.target)]


def _enable(work: Work, operation: Operation, _: EntityId) -> Faults:
    return _switch(work, operation, True)


def _disable(work: Work, operation: Operation, _: EntityId) -> Faults:
    return _switch(work, operation, False)


def _switch(work: Work, operation: Operation, enabled: bool) -> Faults:
    if not KINDS[operation.kind].can_disable:
        able = ", ".join(row.noun for row in KINDS.values() if row.can_disable)
        return [f"a {KINDS[operation.kind].noun} cannot be enabled or disabled: a {able} can"]
    draft = work.overlay.find(operation.kind, operation.name)
    if draft is None:
        return [work.missing(operation.kind, operation.name)]
    work.name(draft)
    table = KINDS[operation.kind].disabling
    checked = check_added(table if not enabled else NO_PARAMETERS, operation.settings)
    if not checked.faults:
        draft.enabled = enabled
        draft.settings = {key: value for key, value in draft.settings.items() if key not in table.by_name}
        draft.settings |= {key: value for key, value in checked.kept.items() if value}
    return [f"{called(draft.kind, draft.name)}: {fault}" for fault in checked.faults]


_VERBS: dict[Verb, Callable[[Work, Operation, EntityId], Faults]] = {
    Verb.ADD: _add,
    Verb.SET: _set,
    Verb.RM: _rm,
    Verb.RENAME: _rename,
    Verb.BIND: _bind,
    Verb.UNBIND: _unbind,
    Verb.ENABLE: _enable,
    Verb.DISABLE: _disable,
}
