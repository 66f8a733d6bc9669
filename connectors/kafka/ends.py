"""How far partitions go now: one question to Kafka, for whoever must have read all that was written before this moment.

Rule: blocking, on the caller's thread, with a time limit; silence is an answer (None), not an exception, because who
asks goes on either way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future, wait
from typing import Any

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from connectors.kafka.client_log import ClientLog
from connectors.kafka.places import Place
from connectors.kafka.settings import KafkaAccess

ANSWER_S = 3.0


class EndOffsets:
    """Keeps its connection from question to question; any thread, one after the other.

    A client that got no answer is let go: librdkafka can lose a leader at a broker's restart for good (its issue 5430).
    """

    def __init__(self, access: KafkaAccess) -> None:
        self._access = access
        self._admin: Any = None
        self._lock = threading.Lock()

    def ask(self, places: Iterable[Place], oldest: bool = False) -> dict[Place, int] | None:
        """The next offset to be written of each place, or its oldest; None if Kafka does not say in ANSWER_S."""
        return self._ask(places, OffsetSpec.earliest() if oldest else OffsetSpec.latest())

    def since(self, places: Iterable[Place], at_ms: int) -> dict[Place, int] | None:
        """The first offset whose record has this time or a later one, `END` where there is none; None as above."""
        return self._ask(places, OffsetSpec.for_timestamp(max(0, at_ms)))

    def _ask(self, places: Iterable[Place], spec: Any) -> dict[Place, int] | None:
        spots = [TopicPartition(*place) for place in places]
        if not spots:
            return {}
        with self._lock:
            if self._admin is None:
                self._admin = AdminClient({**self._access.admin(), "logger": ClientLog(self._access.client_id)})
            futures = ask_offsets(self._admin, spots, spec)
            answered(futures.values())
            try:
                return {place: future.result().offset for place, future in futures.items()}
            except KafkaException:
                self._admin = None
                return None


def answered(questions: Iterable[Future[Any]]) -> None:
    """Wait until none of these questions is open: each ends by itself, ANSWER_S after it was asked at the latest.

    A client that goes while one is open can take the process with it (librdkafka 2.16).
    """
    wait(questions, ANSWER_S + 1)


def ask_offsets(admin: Any, spots: Iterable[Any], spec: Any) -> dict[Place, Future[Any]]:
    """Sends the question for one kind of offset of these TopicPartitions; each answer is a future."""
    futures = admin.list_offsets(
        dict.fromkeys(spots, spec), isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=ANSWER_S
    )
    return {Place(spot.topic, spot.partition): future for spot, future in futures.items()}
