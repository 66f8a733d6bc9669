"""TransitionReplica: the last changes of every service, read back from the log so far and then kept current.

Rule: everything has a limit, and the oldest goes first: so many steps of a service, so many whole records of the
cluster, so many records read back of each partition. A step is packed into eight bytes, because 70,000 services of
thirty steps each would take a hundred megabytes as tuples. Why not the changes that the state replica sees: a service
that goes down and comes back between two looks would have no gap, and what was before this process began nobody would
know.
"""

from __future__ import annotations

import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from connectors.kafka.log_reader import LogReader
from connectors.kafka.places import BadRecord, LogRecord, all_partitions, bad_record, the_last
from connectors.kafka.settings import KafkaAccess
from connectors.replica.base import Replica, call, default_access, ignore, report_bad
from schemas.codec import Unreadable, decode
from schemas.identifiers import EntityId, partition_of
from schemas.limits import ENTITY_BYTES
from schemas.precedence import Order, supersedes
from schemas.states import ServiceTransition, State
from schemas.topics import DEFAULT_CLUSTER, SERVICE_TRANSITIONS, topic_name

KEPT_STEPS = 30
"""Of one service."""
KEPT_SERVICES = 100_000
KEPT_TRANSITIONS = 10_000
"""Whole records of all services together."""
READ_BACK = 400
"""Records of each partition that are read when the replica is made."""
STATES = tuple(State)
_NUMBER_OF = {state: number for number, state in enumerate(STATES)}
_STATE_BITS = 3


class Step(NamedTuple):
    """From this instant on (milliseconds since 1970) the service was in this state; None: since before what is kept."""

    at_ms: int | None
    state: State


class Steps:
    """The last steps of each service, packed. One thread writes; a read is one access to a value that is replaced."""

    def __init__(self) -> None:
        self._packed: dict[EntityId, array[int]] = {}
        self._orders: dict[EntityId, Order] = {}

    def note(self, transition: ServiceTransition) -> bool:
        """Take one transition; False for one that is had already, or that a newer one has overtaken (S-10)."""
        entity_id, order = transition.entity_id, (transition.view_id, transition.sequence)
        known = self._orders.get(entity_id)
        if known is not None and not supersedes(order, known):
            return False
        packed = self._packed.get(entity_id)
        if packed is None:
            self._make_room()
            packed = array("Q", [_pack(0, transition.before)])
        step = _pack(transition.at_ms, transition.after)
        self._packed[entity_id] = array("Q", [*packed[-KEPT_STEPS:], step])
        self._orders[entity_id] = order
        return True

    def of(self, entity_id: EntityId) -> tuple[Step, ...]:
        """Oldest first; empty if none is known. A first one without a time says only what was before the second."""
        packed = self._packed.get(entity_id, ())
        return tuple(Step(value >> _STATE_BITS or None, STATES[value & (1 << _STATE_BITS) - 1]) for value in packed)

    def _make_room(self) -> None:
        if len(self._packed) >= KEPT_SERVICES:
            oldest = next(iter(self._packed))
            del self._packed[oldest], self._orders[oldest]


OnSteps = Callable[[Iterable[EntityId]], None]


class TransitionReplica(Replica):
    """Begins to read when it is made. `on_steps` names the services that have another step, on the replica's thread."""

    def __init__(
        self,
        bootstrap: str,
        cluster: str = DEFAULT_CLUSTER,
        *,
        on_steps: OnSteps = ignore,
        on_bad: Callable[[BadRecord], None] = ignore,
        client_id: str = "watchbill-transitions",
        access: KafkaAccess | None = None,
    ) -> None:
        self._on_steps, self._on_bad = on_steps, on_bad
        self._steps = Steps()
        self._recent: deque[ServiceTransition] = deque(maxlen=KEPT_TRANSITIONS)
        self._lock = threading.Lock()
        self._first: dict[int, tuple[int, int]] = {}
        """Of each partition the offset and the instant of the first record read."""
        self.bad = 0
        reader = LogReader(
            access or default_access(bootstrap, client_id),
            all_partitions(
                topic_name(cluster, SERVICE_TRANSITIONS), SERVICE_TRANSITIONS.partitions, the_last(READ_BACK)
            ),
            self._take,
        )
        super().__init__(cluster, (SERVICE_TRANSITIONS,), reader)

    def steps(self, entity_id: EntityId) -> tuple[Step, ...]:
        """The last steps of a service, oldest first."""
        return self._steps.of(entity_id)

    def known_since_ms(self, entity_id: EntityId) -> int | None:
        """From when on every change of a service has been read: 0 where that is all of the log; None: not known yet."""
        partition = partition_of(entity_id)
        if partition in self._first:
            offset, at_ms = self._first[partition]
            return at_ms if offset else 0
        return 0 if self.ready and self.position(SERVICE_TRANSITIONS, partition) == 0 else None

    def recent(self) -> Sequence[ServiceTransition]:
        """The last transitions of all services, newest first by the time they tell."""
        with self._lock:
            kept = list(self._recent)
        return sorted(kept, key=lambda transition: transition.at_ms, reverse=True)

    def _take(self, records: Sequence[LogRecord]) -> None:
        changed: dict[EntityId, None] = {}
        for record in records:
            try:
                transition = decode(ServiceTransition, record.value(), ENTITY_BYTES)
            except Unreadable as error:
                self.bad += 1
                report_bad(self._on_bad, bad_record(record, error))
                continue
            self._first.setdefault(record.partition(), (record.offset(), transition.at_ms))
            if self._steps.note(transition):
                changed[transition.entity_id] = None
                with self._lock:
                    self._recent.append(transition)
        if changed:
            call(self._on_steps, changed)


def _pack(at_ms: int, state: State) -> int:
    """An instant and a state in 64 bits; a clock beyond them, or before 1970, counts as the nearest that fits."""
    return min(max(at_ms, 0), (1 << 60) - 1) << _STATE_BITS | _NUMBER_OF[state]
