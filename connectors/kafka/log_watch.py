"""Asks Kafka about the topics of a log: do they exist, under which id, from where to where, and does anyone answer?

Rule: the reader's own connection is silent while nothing is written, and can not tell an idle cluster from a dead
one; a question once a second can, and its answer also tells a topic that was deleted and made anew. Why not
librdkafka's statistics: fifty kilobytes of JSON a second, for one bit.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from connectors.kafka import tls_port
from connectors.kafka.client_log import ClientLog
from connectors.kafka.ends import ANSWER_S, answered, asking, offsets_of
from connectors.kafka.faults import LogFault, no_answer, not_let_in, not_yet, refused, topic_missing, topic_recreated
from connectors.kafka.places import Place
from connectors.kafka.settings import KafkaAccess

_SILENCE = frozenset(
    {KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT_QUEUE}
)


_PASSING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)


@dataclass(frozen=True, slots=True)
class LogBounds:
    """What stands in the log: of a topic its id and partitions; of a place the oldest offset, and the next to come."""

    topic_ids: Mapping[str, str]
    partitions: Mapping[str, int]
    oldest: Mapping[Place, int]
    ends: Mapping[Place, int]


class LogWatch:
    """Questions about some topics. Used by one thread."""

    def __init__(self, access: KafkaAccess, topics: Iterable[str], log: ClientLog) -> None:
        self._access = access
        self._topics = sorted(topics)
        self._log = log
        self._client = AdminClient({**access.admin(), "error_cb": _told_to(log), "logger": log})
        self._asked: tuple[float, dict[str, Future[Any]]] | None = None

    def bounds(self, places: Iterable[Place]) -> LogBounds | LogFault:
        """What stands in the log now. Waits at most some seconds for an answer."""
        described = self._describe()
        answered(described.values())
        try:
            topics = {name: future.result() for name, future in described.items()}
            self._log.refusal = None
            counts = {name: len(topic.partitions) for name, topic in topics.items()}
            there = [place for place in places if place.partition < counts[place.topic]]
            oldest, ends = self._reach(there)
        except KafkaException as error:
            return self._fault(error, described)
        return LogBounds({name: str(topic.topic_id) for name, topic in topics.items()}, counts, oldest, ends)

    def close(self) -> None:
        """Waits for the question that is open, if one is."""
        if self._asked is not None:
            answered(self._asked[1].values())

    def ask(self) -> None:
        """Sends the question `answer` waits for, unless one is still open."""
        if self._asked is None:
            self._asked = (time.monotonic(), self._describe())

    def answer(self, topic_ids: Mapping[str, str]) -> float | LogFault | None:
        """None while the question is open; a fault; or, if all is as it was, when it was asked (monotonic seconds)."""
        if self._asked is None or not all(future.done() for future in self._asked[1].values()):
            return None
        (asked_s, futures), self._asked = self._asked, None
        try:
            for name, future in futures.items():
                found = str(future.result().topic_id)
                if found != topic_ids[name]:
                    return topic_recreated(name, topic_ids[name], found)
        except KafkaException as error:
            return self._fault(error, futures)
        self._log.refusal = None
        return asked_s

    def _reach(self, places: list[Place]) -> tuple[dict[Place, int], dict[Place, int]]:
        """The oldest offset of each place, and the next to come."""
        if not places:
            return {}, {}
        consumer = asking(self._access, self._log)
        try:
            oldest = offsets_of(consumer, dict.fromkeys(places, OFFSET_BEGINNING))
            return oldest, offsets_of(consumer, dict.fromkeys(places, OFFSET_END))
        finally:
            consumer.close()

    def _describe(self) -> dict[str, Future[Any]]:
        self._client.poll(0)  # the error callback runs in here and nowhere else
        futures: dict[str, Future[Any]] = self._client.describe_topics(
            TopicCollection(self._topics), request_timeout=ANSWER_S
        )
        return futures

    def _fault(self, error: KafkaException, described: Mapping[str, Future[Any]]) -> LogFault:
        code = error.args[0].code()
        self._client.poll(0)
        if code in _SILENCE:
            refusal = self._log.refusal or tls_port.refusal(self._access)
            return not_let_in(self._access.bootstrap, *refusal) if refusal else no_answer(self._access.bootstrap)
        self._log.refusal = None
        if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION):
            return topic_missing(_missing(described) or ", ".join(self._topics))
        if code in _PASSING:
            return not_yet(self._access.bootstrap, error.args[0].str())
        return refused(error.args[0].str(), self._access.bootstrap)


def _missing(described: Mapping[str, Future[Any]]) -> str | None:
    """The first of the topics that Kafka does not know."""
    return next((name for name, future in described.items() if future.done() and future.exception() is not None), None)


def _told_to(log: ClientLog) -> Any:
    return lambda error: log.error(error.name(), error.str())
