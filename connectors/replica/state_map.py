"""The bytes of the newest state of every service, and the rule that keeps them so: a replica without Kafka.

Rule: a record takes a key's place only if it supersedes what stands there (`schemas.precedence`, S-10); offsets do
not count. A tombstone is final, because an entity id is never used again: what comes after it is stale, so a woken
zombie can not bring a removed service back. The same bytes again are a repetition (read repair), not a fault; others of
the same order are stale: two nodes told, and the first one counts until the partition's writer has told anew. Values
stay bytes: decoding all of them would take twenty times as long as reading them, and most are never asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from connectors.kafka.places import BadRecord, LogRecord, bad_record
from schemas.codec import WRITTEN, Unreadable, decode, peek_order
from schemas.identifiers import EntityId
from schemas.limits import ENTITY_BYTES
from schemas.precedence import Order, supersedes
from schemas.states import ServiceState

REMOVED_KEYS = 100_000
"""Removed services remembered; at more, the one removed first is forgotten, and a late record of it would be taken."""

NO_ORDER: Order = (-1, -1)
"""Of a record that cannot be read."""

_STATE_HEADERS = tuple(header for header, written in WRITTEN.items() if written.record_type is ServiceState)


class Verdict(Enum):
    """What became of one record."""

    TAKEN = "TAKEN"
    REMOVED = "REMOVED"
    REPEATED = "REPEATED"
    STALE = "STALE"


@dataclass(frozen=True, slots=True)
class StaleRecord:
    """A record that came after one that supersedes it (S-10). `stored` is None where the service was removed, and
    `order` where two nodes told one and the same (`is_fork`).
    """

    entity_id: EntityId
    partition: int
    offset: int
    order: Order
    stored: Order | None

    @property
    def is_fork(self) -> bool:
        """Whether only another order settles it: who reads the compacted topic anew has this one, others have not."""
        return self.order == self.stored


class StateMap:
    """Key (entity id in UTF-8) to value (an encoded ServiceState). One thread writes, under the owner's lock."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.removed: dict[bytes, None] = {}
        self.unrepaired: dict[bytes, StaleRecord] = {}
        """Keys whose last record in the log is stale or unreadable: a reader of the compacted topic would see that."""
        self.replaced: dict[bytes, bytes] = {}
        """What stood under a key before the replay's last record of it: to fall back on if that proves unreadable."""

    def replay(self, records: Iterable[LogRecord], stale: list[StaleRecord], bad: list[BadRecord]) -> None:
        """Takes many records, fast: of a key seen for the first time only the schema is looked at."""
        place, removed = self.values.setdefault, self.removed
        for record in records:
            key, value = record.key(), record.value()
            if (
                key
                and value
                and value.startswith(_STATE_HEADERS)
                and len(value) <= ENTITY_BYTES
                and key.isascii()
                and not (removed and key in removed)
                and place(key, value) is value
            ):
                continue
            held = self.values.get(key or b"")
            try:
                verdict = self.apply(record, key, value, stale)
            except Unreadable as error:
                bad.append(bad_record(record, error))
                self.note_bad(key, record.partition(), record.offset())
            else:
                if verdict is Verdict.TAKEN and key is not None and held is not None:
                    self.replaced[key] = held

    def note_bad(self, key: bytes | None, partition: int, offset: int) -> None:
        """An unreadable record stands behind a good one under a key: its partition's writer is to write again."""
        if key is not None and key in self.values:
            self.unrepaired[key] = StaleRecord(entity_of(key), partition, offset, NO_ORDER, self._stored_order(key))

    def apply(
        self,
        record: LogRecord,
        key: bytes | None,
        value: bytes | None,
        stale: list[StaleRecord],
        order: Order | None = None,
    ) -> Verdict:
        """Takes one record, by its order, which a caller may know. Raises Unreadable, and then nothing has changed."""
        if not key:
            raise Unreadable("no key: a state is kept under its service's entity id")
        if value is None:
            return self._remove(key)
        if len(value) > ENTITY_BYTES:
            raise Unreadable(f"{len(value):,} bytes, over the limit of {ENTITY_BYTES:,}")
        order = order or peek_order(value)
        stored = self._stored_order(key)
        forked = stored == order and value != self.values[key]
        if key in self.removed or forked or (stored is not None and supersedes(stored, order)):
            late = StaleRecord(entity_of(key), record.partition(), record.offset(), order, stored)
            self.unrepaired[key] = late
            stale.append(late)
            return Verdict.STALE
        self.unrepaired.pop(key, None)
        if stored is not None and not supersedes(order, stored):
            return Verdict.REPEATED
        self.values[key] = value
        return Verdict.TAKEN

    def _remove(self, key: bytes) -> Verdict:
        self.unrepaired.pop(key, None)
        self.replaced.pop(key, None)
        if len(self.removed) >= REMOVED_KEYS:
            del self.removed[next(iter(self.removed))]
        self.removed[key] = None
        return Verdict.REPEATED if self.values.pop(key, None) is None else Verdict.REMOVED

    def _stored_order(self, key: bytes) -> Order | None:
        """The order of what stands under a key; None for nothing, and for what proves unreadable."""
        value = self.values.get(key)
        try:
            return None if value is None else peek_order(value)
        except Unreadable:
            return None


def read_state(key: bytes, value: bytes) -> ServiceState:
    """The state in a value. Raises Unreadable, also where it is another service's (S-13)."""
    state = decode(ServiceState, value, ENTITY_BYTES)
    if state.entity_id != entity_of(key):
        raise Unreadable(f"is the state of service {state.entity_id}, but stands under the key {entity_of(key)}")
    return state


def entity_of(key: bytes) -> EntityId:
    """The entity id of a key. Raises Unreadable where it is no text."""
    try:
        return EntityId(key.decode())
    except UnicodeDecodeError as error:
        raise Unreadable(f"the key is no UTF-8 text: {key[:40].hex()}") from error
