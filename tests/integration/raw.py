"""Bytes put into topics as they are: poison, stale records, and what a crashed node would have left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, Producer

SEND_S = 60.0


class NotTaken(Exception):
    """Kafka refused a record; the message says why."""


@contextmanager
def raw_producer(bootstrap: str) -> Iterator[Producer]:
    """A producer without any of the product's rules. Records go one by one: a topic's size limit is a batch's."""
    settings = {"linger.ms": 0, "message.max.bytes": 9 << 20, "batch.num.messages": 1, "log_level": 0}
    producer = Producer({"bootstrap.servers": bootstrap, **settings})
    yield producer
    producer.flush(SEND_S)


def send_raw(producer: Producer, topic: str, partition: int, key: bytes | None, value: bytes | None) -> int:
    """The record's offset. Raises NotTaken."""
    return send_many(producer, topic, partition, [(key, value)])[0]


def send_many(
    producer: Producer, topic: str, partition: int, records: list[tuple[bytes | None, bytes | None]]
) -> list[int]:
    """Send without a pause; the offsets. Raises NotTaken if any was refused."""
    offsets: list[int] = []
    failures: list[KafkaError] = []

    def settled(error: KafkaError | None, message: object) -> None:
        if error is not None:
            failures.append(error)
        else:
            offsets.append(message.offset())  # type: ignore[attr-defined]

    for key, value in records:
        producer.produce(topic, value, key, partition, on_delivery=settled)
    producer.flush(SEND_S)
    if failures or len(offsets) != len(records):
        raise NotTaken(f"{topic}: {failures[:1] or 'no answer in time'}")
    return offsets
