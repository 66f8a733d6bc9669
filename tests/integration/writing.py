"""Writes records of one cluster as a node's producer would, and as a broken one would."""

from __future__ import annotations

from connectors.kafka import KafkaAccess, OwnProducer
from schemas.codec import encode
from schemas.identifiers import EntityId, partition_of
from schemas.states import ServiceState
from schemas.topics import SERVICE_STATES, topic_name

SOON_S = 30.0


class Writer:
    """Writes states of one cluster, each acknowledged before the next step of a test."""

    def __init__(self, bootstrap: str, cluster: str) -> None:
        self.topic = topic_name(cluster, SERVICE_STATES)
        self.cluster = cluster
        self.producer = OwnProducer(KafkaAccess(bootstrap, "test-writer"), delivery_timeout_ms=10_000)

    def put(self, *states: ServiceState) -> None:
        for state in states:
            self.raw(state.entity_id, encode(state))
        self.settle()

    def raw(self, entity_id: str, value: bytes | None) -> None:
        assert self.producer.send(self.topic, partition_of(EntityId(entity_id)), entity_id.encode(), value)

    def settle(self) -> None:
        assert self.producer.flush(SOON_S) == 0
        assert self.producer.failed == 0
