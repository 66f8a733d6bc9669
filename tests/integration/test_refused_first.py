"""A record that Kafka refused while the one behind it was taken: librdkafka calls it delivered, we do not."""

from __future__ import annotations

from collections.abc import Callable

from connectors.kafka import Delivery, KafkaAccess, LogReader, OwnProducer
from connectors.kafka.places import BEGINNING, Place
from connectors.kafka.producer import UNSEEN
from infra.kafka.broker import Broker
from schemas.identifiers import EntityId, partition_of
from schemas.topics import SERVICE_STATES, SERVICE_TRANSITIONS, topic_name
from streams.tables.outbox import Outbox
from tests.integration.refusing_link import RefusingLink
from tests.waiting import wait_until

SOON_S = 60.0
FIRST = EntityId("1-0")
BEHIND = next(name for n in range(1, 10_000) if partition_of(name := EntityId(f"1-{n}")) == partition_of(FIRST))


def test_what_came_without_an_offset_is_not_delivered(broker: Broker, cluster: str) -> None:
    topic, told = topic_name(cluster, SERVICE_STATES), list[Delivery]()
    with RefusingLink(broker.bootstrap, topic) as link:
        producer = OwnProducer(KafkaAccess(link.bootstrap, "test-refused"), delivery_timeout_ms=20_000)
        assert producer.send(topic, 0, b"first", b"1", told.append)
        assert link.first.wait(SOON_S)
        assert producer.send(topic, 0, b"behind", b"2", told.append)
        assert producer.close(SOON_S) == 0
    assert sorted(told, key=lambda each: each.offset) == [
        Delivery(topic, 0, -1, UNSEEN),
        Delivery(topic, 0, 0, None),
    ]
    assert (producer.failed, producer.delivered) == (1, 1)
    assert keys(broker, topic, 0, 1) == [b"behind"], "what has no offset is not in the log"


def test_S5_a_state_that_kafka_refused_is_sent_again(broker: Broker, cluster: str) -> None:
    topic, partition = topic_name(cluster, SERVICE_STATES), partition_of(FIRST)
    due: list[Callable[[], object]] = []
    with RefusingLink(broker.bootstrap, topic) as link:
        producer = OwnProducer(KafkaAccess(link.bootstrap, "test-refused"), delivery_timeout_ms=20_000)
        outbox = Outbox(
            producer, topic, topic_name(cluster, SERVICE_TRANSITIONS), lambda: True, lambda _, again: due.append(again)
        )

        def flushed() -> bool:
            outbox.flush()
            while due:
                due.pop()()
            return producer.waiting() == 0 and not len(outbox)

        outbox.put(FIRST, b"1")
        assert not flushed()
        assert link.first.wait(SOON_S)
        outbox.put(BEHIND, b"2")
        wait_until(flushed, SOON_S, "both went")
        wait_until(lambda: producer.delivered == 2 and flushed(), SOON_S, "the first one again")
        assert (producer.failed, producer.close()) == (1, 0)
    assert keys(broker, topic, partition, 2) == [BEHIND.encode(), FIRST.encode()]


def keys(broker: Broker, topic: str, partition: int, wanted: int) -> list[bytes | None]:
    """The keys of a partition's records, at least so many."""
    found: list[bytes | None] = []
    place = Place(topic, partition)
    reader = LogReader(
        KafkaAccess(broker.bootstrap, "test-refused-read"),
        {place: BEGINNING},
        lambda records: found.extend(record.key() for record in records),
    )
    reader.begin()
    assert reader.wait_ready(SOON_S) is None
    wait_until(lambda: len(found) >= wanted, SOON_S, "records")
    reader.stop()
    return found
