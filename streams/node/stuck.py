"""Which of a node's producers can send no more, although Kafka answers.

Rule: a client whose records time out in STREAK looks one after the other, while Kafka answers the node's readers, is
replaced by a new one. After a broker's orderly restart librdkafka can lose a partition's leader for good (its issue
5430), and only a new client mends that. Not the lease is asked: the heartbeat may be what the client cannot send.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

STREAK = 4


class Replaceable(Protocol):
    """A producer: how many records it failed to deliver so far, and the way to give it a new client."""

    failed: int

    def replace(self, reason: str) -> None: ...


class StuckProducers:
    """Looked at once a second, on the loop."""

    def __init__(self, producers: Iterable[Replaceable]) -> None:
        self._seen = [(producer, producer.failed, 0) for producer in producers]

    def look(self, kafka_answers: bool) -> None:
        """Note what failed since the last look, and replace who fails on and on."""
        seen, self._seen = self._seen, []
        for producer, failed, streak in seen:
            streak = streak + 1 if producer.failed > failed and kafka_answers else 0
            if streak >= STREAK:
                producer.replace("records time out while Kafka answers")
                streak = 0
            self._seen.append((producer, producer.failed, streak))
