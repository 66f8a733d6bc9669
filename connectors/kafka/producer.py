"""The one idempotent producer of a process: what is sent, what became of it, and what happens when the queue is full.

Rule: a record is acknowledged by all in-sync replicas or reported as failed within the delivery time-out, which is
shorter than the owner's lease, so that nothing old arrives after a successor; `kernel_deadline` holds the kernel to it.
Without an offset nothing is acknowledged: librdkafka calls a request delivered that Kafka refused when the one behind
it was taken, as happens where a partition has no leader yet (librdkafka 2.16, `test_refused_first`).
`send` never waits: a full queue is the answer False, and the caller keeps the newest value (S-5). Why not Faust's
producer: it wrote 2,600 records a second and holds them for twenty minutes.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from connectors.kafka.client_log import ClientLog
from connectors.kafka.kernel_deadline import SEND_BUFFER_BYTES, kernel_deadline
from connectors.kafka.places import Place
from connectors.kafka.settings import KafkaAccess
from schemas.limits import MIB

QUEUE_RECORDS = 200_000
"""Records not yet acknowledged; at more, `send` answers False. A view change of 70,000 services fits twice."""
QUEUE_KIB = 256 * 1024
"""Their bytes, likewise."""
RECORD_BYTES = 9 * MIB
"""The largest record of any topic, with its overhead."""
LINGER_MS = 1
POLL_S = 0.05
REPLACE_S = 1.0
"""How long a client that replaces another is left alone: what is wrong may be wrong with every one."""
FLUSH_POLL_S = 0.002
UNSEEN = "no offset came: Kafka took what was sent behind it, and perhaps not this"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a record: its offset, or -1 and the error. One with an error may be in the log all the same."""

    topic: str
    partition: int
    offset: int
    error: str | None


OnDelivery = Callable[[Delivery], None]


class OwnProducer:
    """Thread-safe. Delivery callbacks run on the producer's own thread, and must not wait."""

    def __init__(
        self,
        access: KafkaAccess,
        *,
        delivery_timeout_ms: int,
        kernel_timeout_ms: int | None = None,
        linger_ms: float = LINGER_MS,
        queue_records: int = QUEUE_RECORDS,
    ) -> None:
        self._settings = {
            **access.producer(),
            "delivery.timeout.ms": delivery_timeout_ms,
            "request.timeout.ms": delivery_timeout_ms,
            "linger.ms": linger_ms,
            "queue.buffering.max.messages": queue_records,
            "queue.buffering.max.kbytes": QUEUE_KIB,
            "message.max.bytes": RECORD_BYTES,
            "socket.send.buffer.bytes": SEND_BUFFER_BYTES,
        }
        self._deadline = kernel_deadline(kernel_timeout_ms or delivery_timeout_ms)
        self._log, self._voice = structlog.get_logger("watchbill.producer"), ClientLog(access.client_id)
        self._lock = threading.Lock()
        self._broken: str | None = None
        self._replaced_at_s = -math.inf
        self.sent = self.delivered = self.failed = self.refused = self.replaced = 0
        self.replaced_because: str | None = None
        """Why a client was last given up: what waited in it was dropped, and says only that."""
        self.timed_out: dict[Place, int] = {}
        """Partitions for which records timed out, how many since one was last delivered. Copied by whoever looks."""
        self._client = self._new_client()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"producer-{access.client_id}", daemon=True)
        self._thread.start()

    def send(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, on_delivery: OnDelivery | None = None
    ) -> bool:
        """Queues a record. False: nothing was taken, because QUEUE_RECORDS or QUEUE_KIB wait already.

        Raises KafkaException for a record that can never be sent: too large, or a partition that is not there.
        """
        with self._lock:
            try:
                self._client.produce(topic, value, key, partition, on_delivery=self._settled(on_delivery))
            except BufferError:
                self.refused += 1
                return False
            except KafkaException as error:
                if not error.args[0].fatal():
                    raise
                self._broken = error.args[0].str()
                self.refused += 1
                return False
            self.sent += 1
            return True

    def waiting(self) -> int:
        """Records sent whose fate is not known yet."""
        return max(0, self.sent - self.delivered - self.failed)

    def flush(self, deadline_s: float) -> int:
        """Waits until nothing waits, at most so long; how many records still do."""
        limit_s = time.monotonic() + deadline_s
        while self.waiting() and time.monotonic() < limit_s:
            self._stopping.wait(FLUSH_POLL_S)
        return self.waiting()

    def purge(self) -> None:
        """Drops what waits, in the queue and on the way, and reports it as failed: at the end of a lease.

        What was on the way may have arrived all the same; nothing that is still here will leave.
        """
        self._client.purge()

    def replace(self, reason: str) -> None:
        """Asks for a new client in place of one that can send no more. What waits in the old one is reported as failed.

        Done on the producer's thread, within POLL_S; a fatal error of librdkafka's asks for it by itself.
        """
        self._broken = reason

    def _replace(self, reason: str) -> None:
        with self._lock:
            old, self._client = self._client, self._new_client()
            self._broken = None
            self.timed_out.clear()
            self.replaced += 1
            self.replaced_because = reason
        self._log.warning("producer_replaced", reason=reason, dropped=len(old))
        old.purge()
        _last_words(old)

    def close(self, deadline_s: float = 5.0) -> int:
        """Flushes, then ends the thread. How many records were dropped."""
        left = self.flush(deadline_s)
        self.purge()
        self._stopping.set()
        self._thread.join()
        _last_words(self._client)
        return left

    def _new_client(self) -> Any:
        return Producer({**self._settings, "error_cb": self._error, "logger": self._voice})

    def _settled(self, on_delivery: OnDelivery | None) -> Callable[[Any, Any], None]:
        def settle(error: Any, message: Any) -> None:
            offset, text = message.offset(), None
            if error is not None:
                text = f"{error.name()}: {error.str()}"
                if error.code() == KafkaError._MSG_TIMED_OUT:
                    place = Place(message.topic(), message.partition())
                    self.timed_out[place] = self.timed_out.get(place, 0) + 1
            elif offset is None or offset < 0:
                text = UNSEEN
            if text is None:
                self.delivered += 1
                if self.timed_out:
                    self.timed_out.pop(Place(message.topic(), message.partition()), None)
            else:
                self.failed += 1
            if on_delivery is not None:
                self._report(
                    on_delivery, Delivery(message.topic(), message.partition(), offset if text is None else -1, text)
                )

        return settle

    def _report(self, on_delivery: OnDelivery, delivery: Delivery) -> None:
        try:
            on_delivery(delivery)
        except Exception:  # the caller's; the next delivery is another's
            self._log.exception("on_delivery_failed", topic=delivery.topic, partition=delivery.partition)

    def _error(self, error: Any) -> None:
        self._voice.error(error.name(), error.str())
        if error.code() == KafkaError._FATAL or error.fatal():
            self._broken = error.str()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._poll()
            self._deadline.look()
            if self._broken is not None and time.monotonic() - self._replaced_at_s > REPLACE_S:
                self._replaced_at_s = time.monotonic()
                self._replace(self._broken)

    def _poll(self) -> None:
        """Serve callbacks. A fatal error of the client's is raised here, too: a right that is missing, for one."""
        try:
            self._client.poll(POLL_S)
        except KafkaException as error:
            self._broken = error.args[0].str()
            self._voice.error(error.args[0].name(), self._broken)


def _last_words(client: Any) -> None:
    """Have what was purged reported. What is fatal is raised once on the way, between two reports."""
    for _ in range(2):
        with suppress(KafkaException):
            client.flush(1.0)
            return
