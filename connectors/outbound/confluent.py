"""Every service's state once more, framed as Confluent's deserializers want it, in a topic of its own.

Rule: what the replica holds is what stands there, key by key, also of services that were removed while nobody fed; of
changes that come faster than Kafka takes them the newest is written. Any number of these may run, and any may die. Why
a second topic, and not the first in this framing: whoever reads states would need the registry before the first record,
and a registry that is away would blind every load balancer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue

from structlog import get_logger

from connectors.kafka.faults import FaultKind
from connectors.kafka.log_slice import LogSlices, Unread
from connectors.kafka.places import Place
from connectors.kafka.producer import Delivery, OwnProducer
from connectors.kafka.settings import KafkaAccess
from connectors.replica.states import Change, StateReplica
from schemas.codec import encode_framed
from schemas.identifiers import EntityId, partition_of
from schemas.topics import FRAMED_STATES

log = get_logger()

POLL_S = 0.1
AGAIN_S = 1.0
NEW = frozenset({FaultKind.NOT_YET, FaultKind.TOPIC_MISSING})
"""What is said of a topic that was just made."""


def held(access: KafkaAccess, topic: str, deadline_s: float) -> dict[EntityId, bytes | None]:
    """The last record of each service in the framed topic; None is a tombstone. Raises log_slice.Unread.

    A topic that was just made is not known everywhere at once: it is waited for.
    """
    places = [Place(topic, number) for number in range(FRAMED_STATES.partitions)]
    limit_s = time.monotonic() + deadline_s
    with LogSlices(access, [topic]) as slices:
        while True:
            try:
                records = slices.read(slices.whole(places))
                return {EntityId(key.decode()): one.value() for one in records if (key := one.key()) is not None}
            except Unread as why:
                if why.fault.kind not in NEW or time.monotonic() > limit_s:
                    raise
                time.sleep(POLL_S)


class ConfluentFeed:
    """`states` must be ready. `run` works until `stopping` is set, on the caller's thread."""

    def __init__(self, states: StateReplica, producer: OwnProducer, topic: str, schema_id: int) -> None:
        self._states, self._producer, self._topic, self._schema_id = states, producer, topic, schema_id
        self._due: SimpleQueue[EntityId] = SimpleQueue()
        self._failed: SimpleQueue[EntityId] = SimpleQueue()
        self.written = 0
        """Records that Kafka has."""

    def begin(self, there: Mapping[EntityId, bytes | None]) -> int:
        """Subscribe, and note what differs from what stands in the topic; how many services do."""
        snapshot = self._states.on_change(self._changed)
        different = [service for service in snapshot if there.get(service) != self._framed(service)]
        different += [service for service, value in there.items() if value is not None and service not in snapshot]
        for service in different:
            self._due.put(service)
        return len(different)

    def run(self, stopping: threading.Event) -> None:
        """Write what is due."""
        while not stopping.is_set():
            try:
                service = self._due.get(timeout=POLL_S)
            except Empty:
                self._again(stopping)
                continue
            while not self._send(service) and not stopping.wait(POLL_S):
                log.debug("Kafka takes no more for now", waiting=self._producer.waiting())

    def _send(self, service: EntityId) -> bool:
        return self._producer.send(
            self._topic, partition_of(service), service.encode(), self._framed(service), self._settled(service)
        )

    def _framed(self, service: EntityId) -> bytes | None:
        state = self._states.get(service)
        return None if state is None else encode_framed(state, self._schema_id)

    def _settled(self, service: EntityId) -> Callable[[Delivery], None]:
        def settle(delivery: Delivery) -> None:
            if delivery.error is None:
                self.written += 1
                return
            log.warning("not written, and tried again", service=service, why=delivery.error)
            self._failed.put(service)

        return settle

    def _changed(self, changes: Sequence[Change]) -> None:
        """On the replica's thread."""
        for change in changes:
            self._due.put(change.entity_id)

    def _again(self, stopping: threading.Event) -> None:
        """What was not taken, after a pause, with the state that the service has by then."""
        if self._failed.empty() or stopping.wait(AGAIN_S):
            return
        while not self._failed.empty():
            self._due.put(self._failed.get())
