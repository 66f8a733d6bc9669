"""Records that nobody can read: kept, with the reason, in a topic of their own.

Rule: one bad record never stops its neighbours, and never vanishes. Its head is kept (64 KiB), its whole size noted,
and the log carries one line for many of them: a flood of bad records must not become a flood of log lines.
"""

from __future__ import annotations

from collections.abc import Callable

from structlog import get_logger

from schemas.cluster import QuarantinedRecord
from schemas.codec import encode
from schemas.identifiers import NodeId
from schemas.limits import QUARANTINE_VALUE_BYTES
from streams.tables.outbox import Sender

log = get_logger()

LOG_EVERY = 1_000
KEY_BYTES = 1_024


class Quarantine:
    """Any thread may call `put`."""

    def __init__(self, sender: Sender, topic: str, node_id: NodeId, now_ms: Callable[[], int]) -> None:
        self._sender = sender
        self._topic = topic
        self._node_id = node_id
        self._now_ms = now_ms
        self.count = 0

    def put(self, topic: str, partition: int, offset: int, key: bytes | None, value: bytes | None, error: str) -> None:
        """Keep one bad record. The place it came from is its key, so that two nodes that meet it keep it once."""
        self.count += 1
        if self.count == 1 or self.count % LOG_EVERY == 0:
            log.warning("quarantined", topic=topic, partition=partition, offset=offset, error=error, total=self.count)
        record = QuarantinedRecord(
            topic,
            partition,
            offset,
            None if key is None else key[:KEY_BYTES],
            None if value is None else value[:QUARANTINE_VALUE_BYTES],
            0 if value is None else len(value),
            error,
            self._node_id,
            self._now_ms(),
        )
        place = f"{topic}/{partition}/{offset}".encode()
        if not self._sender.send(self._topic, 0, place, encode(record)):
            log.error("bad record not kept: the producer's queue is full", topic=topic, offset=offset)
