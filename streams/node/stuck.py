"""Which of a node's producers can send no more, although Kafka answers.

Rule: a client for which records of one partition time out in STREAK looks, and none of that partition gets through
meanwhile, while Kafka answers the node's readers, is replaced by a new one. After a broker's orderly restart librdkafka
can lose a partition's leader for good (its issue 5430), and only a new client mends that. Why by partition: in a storm
on a slow machine some records time out each second, and a client that is replaced then drops what waits and makes it
worse. Not the lease is asked: the heartbeat may be what the client cannot send.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from connectors.kafka.places import Place

STREAK = 4


class Replaceable(Protocol):
    """A producer: of each partition how many records timed out since one got through, and the way to a new client."""

    timed_out: dict[Place, int]

    def replace(self, reason: str) -> None: ...


class StuckProducers:
    """Looked at once a second, on the loop."""

    def __init__(self, producers: Iterable[Replaceable]) -> None:
        self._seen: list[tuple[Replaceable, Mapping[Place, int], Mapping[Place, int]]]
        self._seen = [(producer, {}, {}) for producer in producers]

    def look(self, kafka_answers: bool) -> None:
        """Note what timed out since the last look, and replace who fails one partition on and on."""
        seen, self._seen = self._seen, []
        for producer, before, streaks in seen:
            now = producer.timed_out.copy()
            failed_again = {place: count > before.get(place, 0) for place, count in now.items()}
            streaks = {place: streaks.get(place, 0) + again for place, again in failed_again.items()}
            streaks = streaks if kafka_answers else {}
            lost = [place for place, streak in streaks.items() if streak >= STREAK]
            if lost:
                producer.replace(f"records of {lost[0].topic}/{lost[0].partition} time out while Kafka answers")
                streaks = {}
            self._seen.append((producer, now, streaks))
