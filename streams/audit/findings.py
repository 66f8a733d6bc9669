"""How the promise can be broken, a record as the checks take it, and the times that they allow.

Rule: a finding names the service and the record, so that anyone can go and look. Why an enum and not a text alone:
tests ask for one way of breaking it, and a report counts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from schemas.identifiers import EntityId
from schemas.states import ServiceState


@dataclass(frozen=True, slots=True)
class StateRecord:
    """One record of `service-states`; `state` None is a tombstone. `at_ms` is the record's time in Kafka."""

    entity_id: EntityId
    partition: int
    offset: int
    at_ms: int
    state: ServiceState | None


class Fault(Enum):
    """How the promise can be broken."""

    VIEW_WENT_BACK = "an effective record of an older view stands behind one of a newer view"
    SEQUENCE_WENT_BACK = "an effective record of a smaller sequence stands behind a greater one of its view"
    FORKED = "two different records have one (view, sequence)"
    TWO_OWNERS = "two nodes owned the service at once, in one view"
    STALE_LAST = "the last record is not the greatest effective one"
    STALE_TOO_LONG = "a record that does not count was the last one for longer than a repair takes"
    RESURRECTED = "a record stands behind the service's tombstone"
    WRONG_PARTITION = "two partitions hold records of one service"
    LONG_GAP = "nobody probed the service for longer than the failover time"
    LATE_OWNER = "the owner of a view that stayed had not declared itself within the failover time"
    DIVERGED = "a node holds other states than the log gives"
    FALSE_DOWN = "told DOWN while the target was well"
    LATE_DOWN = "the target was down, and nobody said so in time"
    LATE_UP = "the target was well again, and nobody said so in time"
    TOLD_OLD = "a change was told that had been found before what was told already"
    HISTORY_GAP = "a change of state stands in no line of history"


OWNED_TWICE = frozenset({Fault.VIEW_WENT_BACK, Fault.FORKED, Fault.TWO_OWNERS})
"""Those that mean that what two nodes said of one service at one time both counted."""

NO_OFFSET = -1
"""Of a breach that is the lack of a record."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken promise, and the record that breaks it; `at_ms` is when it did, in epoch milliseconds."""

    fault: Fault
    entity_id: EntityId
    partition: int
    offset: int
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """What time allows. `failover_ms`: from a view to its owners' first records; `repair_ms`: for a record that does
    not count to be the last of its key.
    """

    failover_ms: int
    repair_ms: int


@dataclass(frozen=True, slots=True)
class Stale:
    """A record that did not count while it was the last of its key; `for_ms` until one that did, or the log's end."""

    record: StateRecord
    for_ms: int
    repaired: bool


def told(state: ServiceState) -> str:
    """A record in a few words."""
    return f"(view {state.view_id}, sequence {state.sequence}, owner {state.owner}, {state.state.value})"
