"""States on their way to Kafka: at most one per service, flushed every 10 ms, only while the lease holds (S-4, S-5,
S-6).

Rule: nothing is lost and nothing is sent late. A newer state of a service takes the place of one that has not gone;
what could not be delivered comes back unless a newer one was put since, sent or not; what may not be sent (no lease)
waits. When the node loses a partition its states go with it, those on their way too should they come back: the new
owner has read what was delivered and folds on from there. Should the partition return, what the log has by then is not
told again. History of what was sent is true whoever folds: it stays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import Protocol

from structlog import get_logger

from connectors.kafka.producer import Delivery
from schemas.identifiers import EntityId, Partition, partition_of

log = get_logger()

FLUSH_INTERVAL_S = 0.010
CAPACITY = 200_000
"""Services that may wait at once; S-5 asks for 70,000. Beyond it is a broken promise: there is one entry a service."""


class Sender(Protocol):
    """What a writer needs of a producer. False from `send` means: its queue is full, try at the next flush."""

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        on_delivery: Callable[[Delivery], None] | None = None,
    ) -> bool:
        """Queue a record. `on_delivery` is called on the producer's thread with what became of it."""


class Outbox:
    """Pending states. All methods run on the loop's thread; delivery reports come from the producer's."""

    def __init__(
        self,
        sender: Sender,
        states_topic: str,
        history_topic: str,
        may_send: Callable[[], bool],
        call_later: Callable[..., object],
        is_ours: Callable[[Partition], bool] = lambda _: True,
        is_superseded: Callable[[EntityId, bytes | None], bool] = lambda *_: False,
    ) -> None:
        """`is_ours`: whether the view held gives this node the partition, and it is folded here now. A node that slept
        through its replacement still has what the group once gave it, and its lease back with its next heartbeat; the
        view is the fence then. `is_superseded`: whether the log holds the like of a state, or a later one, already.
        """
        self._is_ours = is_ours
        self._is_superseded = is_superseded
        self._sender = sender
        self._topic = states_topic
        self._history_topic = history_topic
        self._may_send = may_send
        self._call_later = call_later
        self._pending: dict[EntityId, bytes | None] = {}
        self._newest: dict[EntityId, tuple[int, Partition]] = {}
        """The number of each service's newest state, pending or sent, and its partition."""
        self._doubtful: set[EntityId] = set()
        """Services whose pending state was sent, and came back: it may have arrived all the same."""
        self._puts = 0
        self._history: deque[tuple[EntityId, bytes]] = deque(maxlen=CAPACITY)
        self._returned: deque[tuple[EntityId, int, bytes | None]] = deque()
        self._returned_history: deque[tuple[EntityId, bytes]] = deque()
        self._scheduled = False
        self.sent = 0
        self.held_back = 0

    def __len__(self) -> int:
        return len(self._pending)

    def put(self, service: EntityId, state: bytes | None) -> None:
        """The newest state of a service, or None for its tombstone."""
        if len(self._pending) >= CAPACITY and service not in self._pending:
            raise RuntimeError(f"the outbox holds {CAPACITY:,} services: more than one cluster may have")
        self._puts += 1
        self._newest[service] = self._puts, partition_of(service)
        self._pending[service] = state
        self._doubtful.discard(service)
        self._schedule()

    def put_history(self, service: EntityId, transition: bytes) -> None:
        """One line of history; it goes behind the states. Beyond the capacity the oldest lines are lost."""
        self._history.append((service, transition))
        self._schedule()

    def flush(self) -> None:
        """Send what waits, states before history, as far as the lease and the producer's queue allow."""
        self._scheduled = False
        self._take_back()
        self._flush_states()
        if not self._pending:
            self._flush_history()
        if self._pending or self._history:
            self._schedule()

    def _flush_states(self) -> None:
        if self._pending and not self._may_send():
            self.held_back += 1
            return
        for service in list(self._pending):
            if not self._is_ours(self._newest[service][1]):
                continue
            if not (self._may_send() and self._send(service, self._pending[service])):
                break
            del self._pending[service]
            self.sent += 1

    def _flush_history(self) -> None:
        while self._history and self._may_send() and self._send_history(self._history[0]):
            self._history.popleft()

    def drop_except(self, partitions: Collection[Partition]) -> int:
        """Forget the states of partitions that are no longer ours, and those that were folded while another node had
        the partition and told it first: two records of one order would part the readers. How many of them waited.

        History goes with a state that was never sent. Of one that came back undelivered it stays: should it have
        arrived, its partition's next node builds on it and tells no change; better a line twice than never.
        """
        self._take_back()
        gone = [service for service, (_, partition) in self._newest.items() if partition not in partitions]
        gone += [
            service
            for service, state in self._pending.items()
            if self._newest[service][1] in partitions and self._is_superseded(service, state)
        ]
        for service in gone:
            del self._newest[service]
        waited = {service for service in gone if service in self._pending}
        for service in waited:
            del self._pending[service]
        untold = waited - self._doubtful
        self._doubtful -= waited
        self._history = deque([line for line in self._history if line[0] not in untold], maxlen=CAPACITY)
        return len(waited)

    def _send(self, service: EntityId, state: bytes | None) -> bool:
        number, partition = self._newest[service]

        def on_delivery(delivery: Delivery) -> None:
            if delivery.error is not None:
                self._returned.append((service, number, state))

        return self._sender.send(self._topic, partition, service.encode(), state, on_delivery)

    def _send_history(self, line: tuple[EntityId, bytes]) -> bool:
        def on_delivery(delivery: Delivery) -> None:
            if delivery.error is not None:
                self._returned_history.append(line)

        service, transition = line
        return self._sender.send(self._history_topic, partition_of(service), service.encode(), transition, on_delivery)

    def _take_back(self) -> None:
        while self._returned:
            service, number, state = self._returned.popleft()
            if self._newest.get(service, (0, 0))[0] == number and not self._is_superseded(service, state):
                self._pending[service] = state
                self._doubtful.add(service)
        while self._returned_history:
            line = self._returned_history.pop()
            if len(self._history) < CAPACITY:
                self._history.appendleft(line)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._call_later(FLUSH_INTERVAL_S, self.flush)
