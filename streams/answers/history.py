"""Step 7 of the flow, looked back at: every state that was told of a service, and which one held at an instant.

Rule: two topics tell of the past. `service-states` has whole records, but is compacted: of older ones only the last is
left. `service-transitions` has a line for each change of state for 30 days. A service's sequence goes up by one with
each record, so a number that is missing says how many records are gone, and an answer can say how exact it is. Of what
was told by then the greatest (view, sequence) held, as on every node (S-10): a late record of a woken zombie did not.
Why not the log of probes folded again: it is kept for a day, and the result stands here already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from schemas.codec import Unreadable, decode
from schemas.identifiers import EntityId, NodeId
from schemas.precedence import Order, supersedes
from schemas.states import Cause, ServiceState, ServiceTransition, State
from streams.answers.placed import Kept, Where, readable


@dataclass(frozen=True, slots=True)
class Told:
    """A state as it was told. `record` is None where only the line of history is left; `before` is of such a line."""

    where: Where
    entity_id: EntityId
    order: Order
    name: str
    state: State
    owner: NodeId
    cause: Cause
    up_weight: int
    threshold: int
    changed_at_ms: int
    record: ServiceState | None = None
    before: State | None = None

    @property
    def sequence(self) -> int:
        """Counts the service's records, through all views."""
        return self.order[1]


class Exactness(Enum):
    """How well the log knows what held at an instant."""

    WHOLE = "exact: the record of then, and nothing was told between it and the next one"
    STATE = "the state, its weight and its cause are exact; records between that changed no state are gone"
    ENDED = "only the state, from the change that ended it: what was told before is no longer in the log"
    GAP = "not exact: a change of state between is in no topic any more"
    NONE = "unknown: no record of it by then is in the log"


@dataclass(frozen=True, slots=True)
class Then:
    """What held at an instant: the state, the last thing told by then, the next one after it, and how exact it is."""

    state: State | None
    told: Told | None
    after: Told | None
    exactness: Exactness
    removed: bool = False


@dataclass(slots=True)
class History:
    """Of one service everything told that took effect, by (view, sequence). `removed_ms`: when its tombstone came."""

    told: list[Told] = field(default_factory=list)
    removed_ms: int | None = None

    @property
    def last(self) -> Told | None:
        """What holds at the end of the log."""
        return self.told[-1] if self.told and self.removed_ms is None else None

    def at(self, at_ms: int) -> Then:
        """What held at an instant, as told by then."""
        if self.removed_ms is not None and self.removed_ms <= at_ms:
            return Then(None, None, None, Exactness.WHOLE, removed=True)
        index = next((place for place, one in enumerate(self.told) if one.where.at_ms > at_ms), len(self.told))
        told = self.told[index - 1] if index else None
        after = self.told[index] if index < len(self.told) else None
        if told is None:
            ended = after.before if after is not None else None
            return Then(ended, None, after, Exactness.NONE if ended is None else Exactness.ENDED)
        return Then(told.state, told, after, _exactness(told, after))

    def before(self, told: Told, offset: int) -> Told | None:
        """The last state record in the log's partition below an offset: what a node holds that has applied so far."""
        found = [one for one in self.told if one.where.topic == told.where.topic and one.where.offset < offset]
        return found[-1] if found else None


def _exactness(told: Told, after: Told | None) -> Exactness:
    missing = after is not None and after.sequence != told.sequence + 1
    if after is not None and missing and after.before is not None and after.before is not told.state:
        return Exactness.GAP
    return Exactness.WHOLE if told.record is not None and not missing else Exactness.STATE


def histories(states: Iterable[Kept], transitions: Iterable[Kept]) -> Mapping[EntityId, History]:
    """The history of every service from the two topics' records, each in offset order within a partition."""
    found: dict[EntityId, History] = defaultdict(History)
    lines = _lines(transitions)
    for kept in states:
        entity_id = EntityId(kept.text_key)
        if kept.value is None:
            found[entity_id].removed_ms = kept.where.at_ms
            continue
        try:
            record = decode(ServiceState, kept.value)
        except Unreadable:
            continue
        _take(found[entity_id], told_state(kept.where, record, lines.get((entity_id, record.sequence))))
    for line in lines.values():
        found[line.entity_id].told.append(line)
    for history in found.values():
        history.told = _merged(history.told)
    return found


def _lines(transitions: Iterable[Kept]) -> dict[tuple[EntityId, int], Told]:
    return {
        (placed.record.entity_id, placed.record.sequence): told_transition(placed.where, placed.record)
        for placed in readable(transitions, ServiceTransition)
    }


def _take(history: History, told: Told) -> None:
    if history.removed_ms is None and (not history.told or supersedes(told.order, history.told[-1].order)):
        history.told.append(told)


def _merged(told: Sequence[Told]) -> list[Told]:
    """By order; of a record and its line of history the record stays."""
    ordered = sorted(told, key=lambda one: (one.order, one.record is None))
    kept: list[Told] = []
    for one in ordered:
        if not kept or one.order != kept[-1].order:
            kept.append(one)
    return kept


def told_state(where: Where, record: ServiceState, line: Told | None = None) -> Told:
    """A state record; `line` is its line of history, if it made one."""
    return Told(
        where,
        record.entity_id,
        (record.view_id, record.sequence),
        record.name,
        record.state,
        record.owner,
        record.cause,
        record.up_weight,
        record.threshold,
        record.changed_at_ms,
        record,
        line.before if line is not None else None,
    )


def told_transition(where: Where, line: ServiceTransition) -> Told:
    """A line of history."""
    return Told(
        where,
        line.entity_id,
        (line.view_id, line.sequence),
        line.name,
        line.after,
        line.owner,
        line.cause,
        line.up_weight,
        line.threshold,
        line.at_ms,
        None,
        line.before,
    )
