"""StateReplica: every service's last told state, in memory, kept current; what a load balancer's host installs.

Rule: readers never wait for Kafka and never see it flip: without a broker the last states stay, with their age (U-9).
A subscriber gets a snapshot and then every accepted change behind it exactly once. Bytes are taken by their heads, and
read whole when they are asked for, after `ready` also a little later (`unread`); what can not be read gives its place
back to its predecessor. With a subscriber each record is decoded first. Reads are safe from any thread: single look-ups
go without a lock (one dictionary access, atomic in CPython), whatever must see a whole takes the lock under which the
reader's thread applies a batch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from connectors.kafka.faults import LogFault
from connectors.kafka.log_reader import LogReader
from connectors.kafka.places import BadRecord, LogRecord, all_partitions, bad_record
from connectors.kafka.settings import KafkaAccess
from connectors.replica.base import Replica, call, default_access, ignore, report_bad
from connectors.replica.decoded import Decoded
from connectors.replica.digest import Digest, Digests
from connectors.replica.names import Names
from connectors.replica.snapshot import Snapshot
from connectors.replica.state_map import StaleRecord, StateMap, Verdict, entity_of, read_state
from connectors.replica.unread import AT_ONCE, Unread
from schemas.codec import Unreadable, peek_order, peek_state
from schemas.identifiers import EntityId, partition_of
from schemas.precedence import Order
from schemas.states import ServiceState, State
from schemas.topics import DEFAULT_CLUSTER, SERVICE_STATES, topic_name


@dataclass(frozen=True, slots=True)
class Change:
    """One accepted change. `before` None: new; `after` None: removed. The record stood at (partition, offset)."""

    entity_id: EntityId
    before: ServiceState | None
    after: ServiceState | None
    partition: int
    offset: int


OnChange = Callable[[Sequence[Change]], None]


class Applied(NamedTuple):
    """One accepted record, for who asks for states only where it needs them. `order` None: the service was removed."""

    entity_id: EntityId
    order: Order | None


OnApplied = Callable[[Sequence[Applied]], None]

Readable = tuple[LogRecord, ServiceState | None]
"""A record and its state; None: a tombstone."""


class StateReplica(Replica):
    """Begins to read when it is made; `close` (or leaving its `with` block) ends it. It looks like a sorted mapping.

    `on_stale` (S-10) and `on_bad` run on the replica's thread; `on_bad` also on the thread of a reader who asked for a
    state whose bytes prove unreadable. Neither may wait for the replica. `read_ahead`: once ready, read whole what the
    replay brought, a few at a time: for who will want most of it, and at once when it does, as a node in a takeover.
    `digests`: tell what is held per partition in one number, so that it can be compared with others' (U-5).
    """

    def __init__(
        self,
        bootstrap: str,
        cluster: str = DEFAULT_CLUSTER,
        *,
        client_id: str = "watchbill-replica",
        access: KafkaAccess | None = None,
        read_ahead: bool = False,
        digests: bool = False,
        on_stale: Callable[[StaleRecord], None] = ignore,
        on_bad: Callable[[BadRecord], None] = ignore,
        on_fault: Callable[[LogFault], None] = ignore,
    ) -> None:
        self.topic = topic_name(cluster, SERVICE_STATES)
        self._map, self._decoded, self._names, self._unread = StateMap(), Decoded(), Names(), Unread()
        self._lock, self._naming = threading.RLock(), threading.Lock()
        self._subscribers: tuple[OnChange, ...] = ()
        self._listeners: tuple[OnApplied, ...] = ()
        self._on_stale, self._on_bad = on_stale, on_bad
        self.rejected = self.bad = 0
        """Stale records ignored (S-10), and records that could not be read."""
        self._eager, self._read_ahead = False, read_ahead
        self._digests = Digests(digests)
        self._ahead: Iterator[tuple[bytes, bytes]] = iter(())
        reader = LogReader(
            access or default_access(bootstrap, client_id),
            all_partitions(self.topic, SERVICE_STATES.partitions),
            self._take,
            on_bad=self._report_bad,
            on_caught_up=self._note_caught_up,
            on_turn=self._read_unread,
            on_fault=on_fault,
        )
        super().__init__(cluster, (SERVICE_STATES,), reader)

    def unrepaired(self) -> tuple[StaleRecord, ...]:
        """Services whose last record in the log is stale: its partition's writer is to write the stored one again."""
        return tuple(self._map.unrepaired.values())  # one step in CPython; the lock is held through whole batches

    def digests(self) -> tuple[Digest, ...]:
        """Per partition what is held at an offset; empty without `digests`, and before the replay is over."""
        return self._digests.told(time.monotonic())

    def __len__(self) -> int:
        return len(self._map.values)

    def __contains__(self, entity_id: EntityId) -> bool:
        return entity_id.encode() in self._map.values

    def __iter__(self) -> Iterator[EntityId]:
        return iter(self.snapshot())

    def __getitem__(self, entity_id: EntityId) -> ServiceState:
        state = self.get(entity_id)
        if state is None:
            raise KeyError(entity_id)
        return state

    def get(self, entity_id: EntityId) -> ServiceState | None:
        """The state of a service, or None."""
        key = entity_id.encode()
        value = self._map.values.get(key)
        return None if value is None else self._read(key, value)

    def state_of(self, entity_id: EntityId) -> State | None:
        """Only whether a service is UP, DOWN and so on: what has come in just now is not decoded for it."""
        key = entity_id.encode()
        value = self._map.values.get(key)
        if value is None:
            return None
        known = self._decoded.held(key, value)
        try:
            return known.state if known is not None else State(peek_state(value))
        except Unreadable:
            return None  # told of when it is read whole

    def encoded(self, entity_id: EntityId) -> bytes | None:
        """The bytes of a service's state as they stand in Kafka, known to be readable, or None."""
        return None if self.get(entity_id) is None else self.bytes_of(entity_id)

    def bytes_of(self, entity_id: EntityId) -> bytes | None:
        """The bytes of a service's state as they stand in Kafka, readable or not, or None."""
        return self._map.values.get(entity_id.encode())

    def by_name(self, name: str) -> ServiceState | None:
        """The state of the service of that name. The first call decodes every state; later ones are look-ups."""
        if not self._names.built:
            self._build_names()
        key = self._names.key(name)
        state = None if key is None else self.get(EntityId(key.decode()))
        return state if state is not None and state.name == name else None

    def items(self) -> Iterator[tuple[EntityId, ServiceState]]:
        """(entity id, state) as of now, by entity id."""
        return self.snapshot().items()

    def values(self) -> Iterator[ServiceState]:
        """States as of now, by entity id."""
        return self.snapshot().values()

    def snapshot(self) -> Snapshot:
        """Every state as of one instant."""
        with self._lock:
            return Snapshot(self._map.values.copy(), self._read)

    def on_change(self, callback: OnChange) -> Snapshot:
        """Subscribes: the snapshot returned, and each accepted change behind it, exactly once and in order.

        The callback gets batches, on the replica's thread, which reads nothing meanwhile; an exception in it is logged
        and costs it that batch alone. Subscribe after `wait_ready`, unless the replay itself is wanted as changes, at
        a twentieth of its speed.
        """
        with self._lock:
            self._subscribers = (*self._subscribers, callback)
            return self.snapshot()

    def orders(self) -> list[tuple[EntityId, Order]]:
        """Of every service the order of its state, from the heads alone; those that cannot be read are left out."""
        with self._lock:
            heads = list(self._map.values.items())
        found: list[tuple[EntityId, Order]] = []
        for key, value in heads:
            with suppress(Unreadable):  # quarantined when it is read whole
                found.append((entity_of(key), peek_order(value)))
        return found

    def on_applied(self, callback: OnApplied) -> None:
        """Subscribes to which services were told of, and in which order: the cheap way, for a node.

        Nothing is decoded for it; `get` decodes what is asked for. Batches come on the replica's thread.
        """
        with self._lock:
            self._listeners = (*self._listeners, callback)

    def _take(self, records: Sequence[LogRecord]) -> None:
        """A batch, on the reader's thread, which alone writes."""
        stale: list[StaleRecord] = []
        bad: list[BadRecord] = []
        changes: list[Change] = []
        taken: list[Applied] = []
        with self._lock:
            subscribers = self._subscribers
            by_heads = not (self._names.built or subscribers)
            if by_heads and self._eager:
                taken = self._take_heads(records, stale, bad)
            elif by_heads:
                self._map.replay(records, stale, bad)
        if not by_heads:
            subscribers = self._apply_decoded(self._decode(records, bad), changes, stale, bad)
            taken = [Applied(change.entity_id, self.order(change.entity_id)) for change in changes]
            told = {(change.partition, change.offset) for change in changes}
            self._digests.note_all(records, told, time.monotonic())
        self._report(stale, bad)
        for callback in subscribers if changes else ():
            call(callback, changes)
        for listener in self._listeners if taken else ():
            call(listener, taken)

    def _take_heads(
        self, records: Sequence[LogRecord], stale: list[StaleRecord], bad: list[BadRecord]
    ) -> list[Applied]:
        """Applies records by their heads; which services have another state now. They are read whole later."""
        taken: list[Applied] = []
        now_s = time.monotonic()
        for record in records:
            key, value = record.key() or b"", record.value()
            before = self._map.values.get(key)
            try:
                entity_id = entity_of(key)
                order = None if value is None else peek_order(value)
                verdict = self._map.apply(record, key, value, stale, order)
            except Unreadable as error:
                bad.append(bad_record(record, error))
                self._map.note_bad(key, record.partition(), record.offset())
                self._digests.note(record, key, value, False, now_s)
                continue
            if value is not None:
                self._unread.add(record, value, verdict is Verdict.TAKEN, now_s)
            self._digests.note(record, key, value, verdict is Verdict.TAKEN or verdict is Verdict.REMOVED, now_s)
            if verdict is Verdict.TAKEN:
                if before is not None:
                    self._map.replaced.setdefault(key, before)
                taken.append(Applied(entity_id, order))
            elif verdict is Verdict.REMOVED:
                self._decoded.forget(key)
                taken.append(Applied(entity_id, None))
        return taken

    def _read_unread(self) -> None:
        """Reads whole what was taken by its head some time ago; on the reader's thread, between batches."""
        if self._digests.is_due(time.monotonic()):
            self._digests.settle()
        due = self._unread.due(time.monotonic()) if self._unread else ()
        for key, value in islice(self._ahead, 0 if due else AT_ONCE):
            if self._map.values.get(key) is value:
                self._read(key, value)
        for record, value, taken in due:
            key = record.key() or b""
            try:
                if self._map.values.get(key) is value:
                    self._decoded.state(key, value)
                else:
                    read_state(key, value)
            except Unreadable as error:
                if not self._drop(key, value, error, bad_record(record, error)):
                    self._report_bad(bad_record(record, error))
                continue
            with self._lock:
                if self._map.values.get(key) is value:
                    self._map.replaced.pop(key, None)
                elif taken and key in self._map.replaced:
                    self._map.replaced[key] = value

    def order(self, entity_id: EntityId) -> Order | None:
        """(view id, sequence) of a service's state, by its head alone (S-10)."""
        value = self._map.values.get(entity_id.encode())
        return None if value is None else peek_order(value)

    def _decode(self, records: Sequence[LogRecord], bad: list[BadRecord]) -> list[Readable]:
        """Each readable record with its state. Without the lock: it is most of the work."""
        readable: list[Readable] = []
        for record in records:
            key, value = record.key(), record.value()
            try:
                readable.append((record, None if value is None else read_state(key or b"", value)))
            except Unreadable as error:
                bad.append(bad_record(record, error))
                with self._lock:
                    self._map.note_bad(key, record.partition(), record.offset())
            else:
                self._before(key or b"")
        return readable

    def _apply_decoded(
        self,
        readable: Sequence[Readable],
        changes: list[Change],
        stale: list[StaleRecord],
        bad: list[BadRecord],
    ) -> tuple[OnChange, ...]:
        """Applies decoded records at once; who is to hear of it: who had subscribed by then."""
        with self._lock:
            for record, state in readable:
                key, value = record.key() or b"", record.value()
                before = self._before(key)
                try:
                    verdict = self._map.apply(record, key, value, stale)
                except Unreadable as error:
                    bad.append(bad_record(record, error))
                    continue
                if verdict in (Verdict.TAKEN, Verdict.REMOVED):
                    self._note(key, value, before, state)
                    entity_id = EntityId(key.decode())
                    changes.append(Change(entity_id, before, state, record.partition(), record.offset()))
            return self._subscribers

    def _note(self, key: bytes, value: bytes | None, before: ServiceState | None, after: ServiceState | None) -> None:
        if value is None or after is None:
            self._decoded.forget(key)
        else:
            self._decoded.hold(key, value, after)
        if self._names.built:
            self._names.note(key, before, after)

    def _before(self, key: bytes) -> ServiceState | None:
        """What stands under a key, decoded, if anyone is to be told of it."""
        value = self._map.values.get(key) if self._subscribers or self._names.built else None
        return None if value is None else self._read(key, value)

    def _read(self, key: bytes, value: bytes) -> ServiceState | None:
        """The state in a value; None, once reported, where it is unreadable."""
        try:
            return self._decoded.state(key, value)
        except Unreadable as error:
            if self._drop(key, value, error):
                self._unread.told(value)
            held = self._map.values.get(key)
            return None if held is None or held is value else self._read(key, held)

    def _drop(self, key: bytes, value: bytes, error: Unreadable, bad: BadRecord | None = None) -> bool:
        """Bytes taken by their head prove unreadable: they go, and are told of. False if they have gone already."""
        with self._lock:
            if self._map.values.get(key) is not value:
                return False
            partition = partition_of(EntityId(key.decode()))
            before = self._map.replaced.pop(key, None)
            if before is None:
                del self._map.values[key]
            else:
                self._map.values[key] = before
                self._map.note_bad(key, partition, -1)
            self._digests.mended(key, before)
        self._report((), [bad or BadRecord(self.topic, partition, -1, key, value, f"Unreadable: {error}")])
        return True

    def _build_names(self) -> None:
        """Decodes without the lock what stands now, then mends what changed meanwhile."""
        with self._naming:
            if self._names.built:
                return
            seen = self.snapshot()
            names = {state.entity_id.encode(): state.name for state in seen.values()}
            with self._lock:
                for key, value in list(self._map.values.items()):
                    if not seen.holds(key, value) and (state := self._read(key, value)) is not None:
                        names[key] = state.name
                self._names.start({key: name for key, name in names.items() if key in self._map.values})

    def _note_caught_up(self) -> None:
        offsets = [self.position(SERVICE_STATES, number) or 0 for number in range(SERVICE_STATES.partitions)]
        with self._lock:
            self._digests.start(self._map.values, offsets, time.monotonic())
        self._eager = True
        if self._read_ahead:
            self._ahead = iter(list(self._map.values.items()))

    def _report(self, stale: Sequence[StaleRecord], bad: Sequence[BadRecord]) -> None:
        self.rejected += len(stale)
        for late in stale:
            call(self._on_stale, late)
        for record in bad:
            self._report_bad(record)

    def _report_bad(self, bad: BadRecord) -> None:
        self.bad += 1
        report_bad(self._on_bad, bad)
