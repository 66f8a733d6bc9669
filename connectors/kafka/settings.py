"""What every Kafka client of Watchbill is told, with the reason beside each row that differs from librdkafka's default.

Rule: no other module spells a librdkafka property, but for `security`. `KafkaAccess` says where Kafka is and who asks;
security properties pass through it untouched, from the environment or from a caller. Why not one dictionary for all: a
producer refuses a consumer's properties with a warning on each start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.limits import ENTITY_BYTES

_COMMON: Mapping[str, Any] = {
    # A broker that comes back is found at once: the default waits up to 10 s between attempts.
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
    "retry.backoff.ms": 20,
    "retry.backoff.max.ms": 500,
    # A new topic, or a new leader, is looked for at once.
    "topic.metadata.refresh.fast.interval.ms": 50,
    # Records are small and wanted now.
    "socket.nagle.disable": True,
    "socket.keepalive.enable": True,
    # A peer that went away without a word (a cut cable) is noticed in seconds, not in a minute.
    "socket.timeout.ms": 10_000,
    "socket.connection.setup.timeout.ms": 3_000,
    "log.connection.close": False,
}

READERS_GROUP = "watchbill-readers"
"""A name that librdkafka wants, and asks the coordinator for: the right to do so is `watchbill acls`'s to grant."""

_READER: Mapping[str, Any] = {
    # Nothing is committed and no group is joined: partitions are assigned.
    "group.id": READERS_GROUP,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    # An offset that is not there is told, never skipped: a reader without gaps must know.
    "auto.offset.reset": "error",
    # The broker answers as soon as one byte is there; the wait is for when there is none. Shorter ones cost idle nodes
    # and brokers CPU and won nothing (p50 2.3 ms at 20, 100 and 500; at 100 a tenth of a processor for each node).
    "fetch.min.bytes": 1,
    "fetch.wait.max.ms": 500,
    "fetch.error.backoff.ms": 50,
    # Replay: large answers, a deep queue, and a short pause when it is full (1 s by default: half the speed).
    "fetch.max.bytes": 32 << 20,
    "max.partition.fetch.bytes": 2 << 20,
    "queued.min.messages": 100_000,
    "queued.max.messages.kbytes": 64 << 10,
    "fetch.queue.backoff.ms": 5,
}

_PRODUCER: Mapping[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    # Records of one view change leave in one request, one alone leaves at once: within a millisecond.
    "batch.num.messages": 10_000,
    # A topic's limit is on the whole batch, not on a record: a larger batch would be refused with every record in it.
    # The smallest topic takes ENTITY_BYTES and some overhead; a single larger record still goes, alone.
    "batch.size": ENTITY_BYTES,
    "compression.type": "none",
}


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """Where Kafka is (`host:port,host:port`), its client's name, and security properties as Kafka spells them.

    They hold secrets, and so are not shown.
    """

    bootstrap: str
    client_id: str
    security: Mapping[str, str] = field(default_factory=dict, repr=False)

    def reader(self) -> dict[str, Any]:
        """Properties of a consumer that is assigned partitions."""
        return {**self._common(), **_READER}

    def producer(self) -> dict[str, Any]:
        """Properties of an idempotent producer, without its limits."""
        return {**self._common(), **_PRODUCER}

    def admin(self) -> dict[str, Any]:
        """Properties of an admin client."""
        return self._common()

    def _common(self) -> dict[str, Any]:
        return {**_COMMON, "bootstrap.servers": self.bootstrap, "client.id": self.client_id, **self.security}
