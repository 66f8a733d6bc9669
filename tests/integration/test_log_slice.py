"""Pieces of a log on a real Kafka: by offset, by time, and none of a record that stands behind their end."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Producer

from connectors.kafka.faults import FaultKind
from connectors.kafka.log_slice import LogSlices, Piece, Unread
from connectors.kafka.places import Place
from connectors.replica.base import default_access
from infra.kafka.broker import Broker
from schemas.topics import SERVICE_TRANSITIONS, topic_name

BEGAN_MS = int(time.time()) * 1_000 - 100_000


@pytest.fixture
def places(broker: Broker, cluster: str) -> list[Place]:
    """Ten records in each of two partitions, a second apart."""
    topic = topic_name(cluster, SERVICE_TRANSITIONS)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for number in range(10):
        for partition in (3, 4):
            producer.produce(
                topic, f"{number}".encode(), b"key", partition, timestamp=BEGAN_MS + number * 1_000 + partition
            )
    assert producer.flush(20) == 0
    return [Place(topic, 3), Place(topic, 4)]


def slices(broker: Broker, places: list[Place]) -> LogSlices:
    return LogSlices(default_access(broker.bootstrap, "test"), {place.topic for place in places})


def test_U2_a_piece_is_read_from_an_offset_and_from_a_time_to_another(broker: Broker, places: list[Place]) -> None:
    with slices(broker, places) as log:
        whole = log.whole(places)
        assert whole == dict.fromkeys(places, Piece(0, 10))
        some = log.until(log.since(whole, BEGAN_MS + 2_004), BEGAN_MS + 5_003)
        assert some == {places[0]: Piece(3, 6), places[1]: Piece(2, 5)}
        records = log.read(some)
        assert sorted((record.partition(), record.offset(), record.value()) for record in records) == [
            *((3, offset, f"{offset}".encode()) for offset in (3, 4, 5)),
            *((4, offset, f"{offset}".encode()) for offset in (2, 3, 4)),
        ]
        assert log.read({places[0]: Piece(4, 4)}) == []


def test_U2_a_time_before_the_first_record_or_behind_the_last(broker: Broker, places: list[Place]) -> None:
    with slices(broker, places) as log:
        whole = log.whole(places)
        assert log.since(whole, 0) == whole
        assert log.since(whole, BEGAN_MS + 60_000) == dict.fromkeys(places, Piece(10, 10))
        assert log.until(whole, BEGAN_MS + 60_000) == whole
        assert log.until(whole, 5) == dict.fromkeys(places, Piece(0, 0))


def test_a_topic_that_is_missing_is_told(broker: Broker, cluster_name: str) -> None:
    place = Place(topic_name(cluster_name, SERVICE_TRANSITIONS), 0)
    with slices(broker, [place]) as log, pytest.raises(Unread) as told:
        log.whole([place])
    assert told.value.fault.kind is FaultKind.TOPIC_MISSING
    assert "watchbill init" in str(told.value)
