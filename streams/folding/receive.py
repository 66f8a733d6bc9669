"""Step 8, the receiver's checks: what a node does with an SSS that came to it (S-8 to S-13).

Rule: the first row that holds decides. A state for a service that is not (yet) here waits in the cache, one per
service, and is applied once its add was processed by every engine (S-11); after that identity, then order, then
ownership.

Why the view under which this node became owner is an argument of its own, apart from the stored state's view: a fresh
owner takes the current view at once (V-4) while the last state it stores is still its predecessor's, and that
predecessor's late records must not take the ownership from it. A node's own declaration comes back to it too; it is
applied like any other and drops nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, TypeVar

from schemas.identifiers import EntityId, ViewId
from schemas.precedence import Order, supersedes

RecordT = TypeVar("RecordT")


class ReceiveDecision(Enum):
    """What to do with the state."""

    CACHE = "CACHE"
    """S-8, S-9: the service is not here yet, or not yet at every engine."""
    MISMATCH = "MISMATCH"
    """S-13: another name or entity than the one stored; ignored."""
    OBSOLETE = "OBSOLETE"
    """S-10: below the stored view, or the same again; ignored."""
    APPLY_AND_DROP_OWNERSHIP = "APPLY_AND_DROP_OWNERSHIP"
    """S-12: a successor has declared itself; this node is the old owner and stops probing."""
    APPLY = "APPLY"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A state that came, beside what this node holds of its service.

    `stored` is (view id, sequence) of the state held, None before the first. `owned_since` is the view under which this
    node set its owner flag, None if it is not the owner. `from_here`: the record's owner is this very node.
    """

    incoming: Order
    server_known: bool
    engines_ready: bool
    identity_matches: bool
    stored: Order | None
    owned_since: ViewId | None
    from_here: bool = False


def receive(arrival: Arrival) -> ReceiveDecision:
    """The decision, as the table of the requirements has it."""
    if not arrival.server_known or not arrival.engines_ready:
        return ReceiveDecision.CACHE
    if not arrival.identity_matches:
        return ReceiveDecision.MISMATCH
    if arrival.stored is not None and not supersedes(arrival.incoming, arrival.stored):
        return ReceiveDecision.OBSOLETE
    if arrival.owned_since is None or arrival.from_here or arrival.incoming[0] <= arrival.owned_since:
        return ReceiveDecision.APPLY
    return ReceiveDecision.APPLY_AND_DROP_OWNERSHIP


def same_identity(name: str, entity_id: EntityId, stored_name: str, stored_entity_id: EntityId) -> bool:
    """S-13: a record speaks of the service it is stored for. Both must agree: a name can be given to another entity."""
    return entity_id == stored_entity_id and name == stored_name


PENDING_STATES: Final = 140_000
"""Twice S-5's capacity: what may wait for its service's add. Beyond it the newcomer is refused, and the caller reads
the compacted topic again once the add is there."""


class Pending(Generic[RecordT]):
    """States that wait for their service, the newest of each (S-8, S-9, S-11)."""

    __slots__ = ("_limit", "_waiting")

    def __init__(self, limit: int = PENDING_STATES) -> None:
        self._limit = limit
        self._waiting: dict[EntityId, tuple[Order, RecordT]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self, entity_id: EntityId, order: Order, record: RecordT) -> bool:
        """Keep a state unless a newer one waits. False: full, and this service's state is not kept."""
        waiting = self._waiting.get(entity_id)
        if waiting is None and len(self._waiting) >= self._limit:
            return False
        if waiting is None or supersedes(order, waiting[0]):
            self._waiting[entity_id] = (order, record)
        return True

    def take(self, entity_id: EntityId) -> RecordT | None:
        """The state that waited for this service, to be received now (S-11); None if none did."""
        waiting = self._waiting.pop(entity_id, None)
        return waiting[1] if waiting else None
