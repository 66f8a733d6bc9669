"""The log reader and the own producer on a real Kafka: a handler that refuses, ends, gaps, limits."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaException

from connectors.kafka import (
    END,
    BadRecord,
    Delivery,
    FaultKind,
    KafkaAccess,
    LogReader,
    LogRecord,
    OwnProducer,
    Place,
)
from connectors.kafka.producer import RECORD_BYTES
from infra.kafka.broker import Broker
from schemas.codec import encode
from schemas.identifiers import EntityId, partition_of
from schemas.topics import SERVICE_STATES, TOPICS, topic_name
from tests.integration.writing import SOON_S, Writer
from tests.unit.replica.samples import service_state
from tests.waiting import wait_until

READY_S = 60.0
NOWHERE = "127.0.0.1:9"  # the discard service, which no machine of ours runs


def test_a_record_that_its_handler_refuses_costs_no_neighbour(broker: Broker, writer: Writer) -> None:
    partition = partition_of(EntityId("1-0"))
    writer.put(*(service_state("1-0", sequence=sequence) for sequence in range(6)))
    taken: list[int] = []
    bad: list[BadRecord] = []

    def handle(records: Sequence[LogRecord]) -> None:
        for record in records:
            if record.offset() == 3:
                raise ValueError("not this one")
            if record.offset() not in taken:
                taken.append(record.offset())

    reader = LogReader(
        KafkaAccess(broker.bootstrap, "test-handler"), {Place(writer.topic, partition): 1}, handle, on_bad=bad.append
    )
    reader.begin()
    assert reader.wait_ready(READY_S) is None
    assert taken == [1, 2, 4, 5]
    assert [(each.offset, each.error) for each in bad] == [(3, "ValueError: not this one")]
    assert reader.position(writer.topic, partition) == 6
    reader.stop()
    reader.stop()


def test_reading_from_the_end_gives_only_what_comes(broker: Broker, writer: Writer) -> None:
    partition = partition_of(EntityId("1-0"))
    writer.put(service_state("1-0"))
    taken: list[int] = []
    reader = LogReader(
        KafkaAccess(broker.bootstrap, "test-end"),
        {Place(writer.topic, partition): END},
        lambda records: taken.extend(record.offset() for record in records),
    )
    reader.begin()
    assert reader.wait_ready(READY_S) is None
    writer.put(service_state("1-0", sequence=2))
    wait_until(lambda: taken == [1], SOON_S, "only the new record")
    reader.stop()


def test_an_offset_that_is_not_there_is_a_fault(broker: Broker, writer: Writer) -> None:
    reader = LogReader(KafkaAccess(broker.bootstrap, "test-gone"), {Place(writer.topic, 0): 7}, lambda _: None)
    reader.begin()
    fault = reader.wait_ready(READY_S)
    reader.stop()
    assert fault is not None
    assert fault.kind is FaultKind.RECORDS_GONE
    assert "it is 7, there are 0 to 0" in fault.message


def test_the_producer_says_when_its_queue_is_full_and_what_it_purged() -> None:
    settled: list[Delivery] = []
    access = KafkaAccess(NOWHERE, "test-full")
    producer = OwnProducer(access, delivery_timeout_ms=60_000, queue_records=3)
    taken = [producer.send("t", 0, b"k", b"v", settled.append) for _ in range(5)]
    assert taken == [True, True, True, False, False]
    assert (producer.sent, producer.refused, producer.waiting()) == (3, 2, 3)
    producer.purge()
    wait_until(lambda: len(settled) == 3, SOON_S, "purged records are reported")
    assert {each.offset for each in settled} == {-1}
    assert all("_PURGE" in (each.error or "") for each in settled)
    assert (producer.failed, producer.close()) == (3, 0)


def test_the_producer_goes_on_with_a_new_client(broker: Broker, cluster: str, writer: Writer) -> None:
    settled: list[Delivery] = []
    writer.put(service_state("1-0"))
    writer.producer.replace("as after a fatal error")
    wait_until(lambda: writer.producer.replaced == 1, SOON_S, "replaced")
    partition = partition_of(EntityId("1-0"))
    assert writer.producer.send(writer.topic, partition, b"1-0", encode(service_state("1-0")), settled.append)
    wait_until(lambda: settled, SOON_S, "delivered by the new client")
    assert settled == [Delivery(writer.topic, partition, 1, None)]


def test_S5_a_backlog_of_one_partition_is_sent_in_batches_the_topic_takes(broker: Broker, cluster: str) -> None:
    producer = OwnProducer(KafkaAccess(broker.bootstrap, "test-backlog"), delivery_timeout_ms=20_000, linger_ms=500)
    settled: list[Delivery] = []
    topic, data, records = topic_name(cluster, SERVICE_STATES), encode(service_state("1-0")), 8_000
    assert len(data) * records > 2 * SERVICE_STATES.record_bytes
    for number in range(records):
        assert producer.send(topic, 0, f"{number}-0".encode(), data, settled.append)
    assert producer.flush(READY_S) == 0
    assert {each.error for each in settled} == {None}
    assert (producer.delivered, producer.failed, producer.close()) == (records, 0, 0)


def test_the_largest_record_of_each_topic_is_taken(broker: Broker, cluster: str) -> None:
    producer = OwnProducer(KafkaAccess(broker.bootstrap, "test-largest"), delivery_timeout_ms=20_000, linger_ms=50)
    settled: list[Delivery] = []
    for topic in TOPICS:
        for value in (b"small", bytes(topic.record_bytes), b"small"):
            assert producer.send(topic_name(cluster, topic), 0, b"key", value, settled.append)
    assert producer.flush(READY_S) == 0
    assert [each for each in settled if each.error is not None] == []
    assert (producer.delivered, producer.close()) == (3 * len(TOPICS), 0)


def test_what_can_never_be_sent_raises(writer: Writer) -> None:
    with pytest.raises(KafkaException, match="Message size too large"):
        writer.producer.send(writer.topic, 0, b"k", bytes(RECORD_BYTES + 1))
