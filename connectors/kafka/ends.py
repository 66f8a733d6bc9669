"""How far partitions go now: one question to Kafka, for whoever must have read all that was written before this moment.

Rule: blocking, on the caller's thread, with a time limit. Why the question of a consumer and not the admin client's
`list_offsets`: that one ends the process by a memory fault, once in some thousand questions (librdkafka 2.16).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, wait
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

from connectors.kafka.client_log import ClientLog
from connectors.kafka.places import Place
from connectors.kafka.settings import KafkaAccess

ANSWER_S = 3.0


class EndOffsets:
    """Keeps its connection from question to question; any thread, one after the other.

    Silence is an answer (None), not an exception, because who asks goes on either way. A client that got no answer is
    let go: librdkafka can lose a leader at a broker's restart for good (its issue 5430).
    """

    def __init__(self, access: KafkaAccess) -> None:
        self._access = access
        self._consumer: Any = None
        self._lock = threading.Lock()

    def ask(self, places: Iterable[Place], oldest: bool = False) -> dict[Place, int] | None:
        """The next offset to be written of each place, or its oldest; None if Kafka does not say in ANSWER_S."""
        return self._ask(dict.fromkeys(places, OFFSET_BEGINNING if oldest else OFFSET_END))

    def since(self, places: Iterable[Place], at_ms: int) -> dict[Place, int] | None:
        """The first offset whose record has this time or a later one, `END` where there is none; None as above."""
        return self._ask(dict.fromkeys(places, max(0, at_ms)))

    def close(self) -> None:
        """Lets the connection go; the next question makes another."""
        with self._lock:
            self._let_go()

    def _ask(self, wanted: Mapping[Place, int]) -> dict[Place, int] | None:
        if not wanted:
            return {}
        with self._lock:
            if self._consumer is None:
                self._consumer = asking(self._access, ClientLog(self._access.client_id))
            try:
                return offsets_of(self._consumer, wanted)
            except KafkaException:
                self._let_go()
                return None

    def _let_go(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None


def asking(access: KafkaAccess, voice: ClientLog) -> Any:
    """A consumer that reads nothing. To be closed by its owner."""
    return Consumer({**access.reader(), "logger": voice})


def offsets_of(consumer: Any, wanted: Mapping[Place, int], answer_s: float = ANSWER_S) -> dict[Place, int]:
    """Of each place the offset of BEGINNING, of END, or of the first record at a time (ms since 1970; END if none).

    Raises KafkaException after `answer_s`, and where a place is not known or has no leader.
    """
    spots = consumer.offsets_for_times([TopicPartition(*place, spec) for place, spec in wanted.items()], answer_s)
    for spot in spots:
        if spot.error is not None:
            raise KafkaException(spot.error)
    return {Place(spot.topic, spot.partition): spot.offset for spot in spots}


def answered(questions: Iterable[Future[Any]]) -> None:
    """Wait until none of these questions of an admin client is open: each ends by itself, ANSWER_S after it was asked.

    A client that goes while one is open can take the process with it (librdkafka 2.16).
    """
    wait(questions, ANSWER_S + 1)
