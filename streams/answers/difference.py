"""What is different between two instants (U-2): states, owners, addresses, the view, and what was configured.

Rule: both instants are worked out by themselves and laid side by side, so what happened and was undone between them is
no difference; how many changes of state there were in between is told beside it. Services are compared by entity id: a
renamed one is the same, one that was removed and added again is another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from schemas.config import ConfigEntity
from schemas.identifiers import EntityId
from schemas.inventory.entities import Entities
from schemas.states import ServiceState
from streams.answers.history import History
from streams.answers.past import PastStates
from streams.ownership.view import View

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is another one now: of what kind of entity, its name, which of its values, before and after.

    `changes` counts the changes of state that a service went through between the two instants.
    """

    kind: str
    name: str
    what: str
    before: str
    after: str
    changes: int = 0


@dataclass(frozen=True, slots=True)
class Side:
    """One of the instants."""

    past: PastStates
    entities: Entities
    view: View


COMPARED: tuple[tuple[str, Callable[[ServiceState], str]], ...] = (
    ("state", lambda state: state.state.value),
    ("owner", lambda state: state.owner or NOTHING),
    ("name", lambda state: state.name),
    ("address", lambda state: f"{state.ip_address}:{state.port}"),
    ("weight", lambda state: f"{state.up_weight}/{state.threshold or 'all'}"),
)
"""What of a service's record is compared; response times and loads differ at any two instants."""


def differences(before: Side, after: Side, histories: Mapping[EntityId, History]) -> list[Difference]:
    """What differs, the view first, then services, then the configuration, each by name."""
    found = [*_view(before.view, after.view)]
    ids = {*before.past.states, *after.past.states}
    services = [
        one
        for entity_id in ids
        for one in _service(
            before.past.states.get(entity_id),
            after.past.states.get(entity_id),
            changes_between(histories.get(entity_id, History()), before.past.at_ms, after.past.at_ms),
        )
    ]
    found += sorted(services, key=lambda one: (one.name, one.what))
    return found + sorted(_configured(before.entities, after.entities), key=lambda one: (one.kind, one.name, one.what))


def changes_between(history: History, from_ms: int, to_ms: int) -> int:
    """How often a service's state was told to be another one between two instants."""
    told = [history.at(from_ms).told, *(one for one in history.told if from_ms < one.where.at_ms <= to_ms)]
    states = [one.state for one in told if one is not None]
    return sum(earlier is not later for earlier, later in pairwise(states))


def _view(before: View, after: View) -> Iterator[Difference]:
    if before.view_id != after.view_id:
        yield Difference("view", "", "id", str(before.view_id), str(after.view_id))
    if before.nodes != after.nodes:
        yield Difference("view", "", "members", _listed(before.nodes), _listed(after.nodes))


def _service(before: ServiceState | None, after: ServiceState | None, changes: int) -> Iterator[Difference]:
    known = after or before
    assert known is not None, "one of the two is there"
    if before is None or after is None:
        word = (before.state.value if before else NOTHING, after.state.value if after else NOTHING)
        yield Difference("service", known.name, "state", *word, changes)
        return
    moved = [(what, told(before), told(after)) for what, told in COMPARED if told(before) != told(after)]
    if changes and not any(what == "state" for what, _, _ in moved):
        moved.insert(0, ("state", before.state.value, after.state.value))
    for what, was, now in moved:
        yield Difference("service", known.name, what, was, now, changes if what == "state" else 0)


def _configured(before: Entities, after: Entities) -> Iterator[Difference]:
    for entity_id in {*before.by_id, *after.by_id}:
        was, now = before.get(entity_id), after.get(entity_id)
        known = now or was
        assert known is not None, "one of the two is there"
        kind = known.kind.value.lower().replace("_", " ")
        if was is None or now is None:
            yield Difference(kind, known.name, "configured", _text(was is not None), _text(now is not None))
        else:
            for what, earlier, later in _settings(was, now, before, after):
                yield Difference(kind, known.name, what, earlier, later)


def _settings(
    was: ConfigEntity, now: ConfigEntity, before: Entities, after: Entities
) -> Iterator[tuple[str, str, str]]:
    if was.enabled is not now.enabled:
        yield "enabled", _text(was.enabled), _text(now.enabled)
    for key in sorted({*was.settings, *now.settings}):
        if was.settings.get(key) != now.settings.get(key):
            yield key, _text(was.settings.get(key)), _text(now.settings.get(key))
    if was.bindings != now.bindings:
        yield "bound", _bound(was, before), _bound(now, after)


def _bound(entity: ConfigEntity, entities: Entities) -> str:
    named = ((entities.get(bound.entity_id), bound) for bound in entity.bindings)
    return _listed(f"{one.name if one else bound.entity_id} ({bound.weight})" for one, bound in named)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or NOTHING


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "default" if value is None else str(value)
