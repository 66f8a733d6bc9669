"""A consumer written from docs/asyncapi.json alone: no line of the project, only a Kafka client and an Avro library.

Its standard output is every service's state as JSON, by entity id. What it knows of Watchbill stands in the document:
the topic's address, how bytes name their schema, that a record without a value removes its key for ever, and that of
two records the one with the greater (view_id, sequence) holds.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import fastavro
from confluent_kafka import Consumer, TopicPartition
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

MARKER = b"\xc3\x01"


def schemas_of(document: dict[str, Any], channel: str) -> dict[bytes, Any]:
    """Each schema of a channel's messages by the fingerprint that its records begin with."""
    found = {}
    for reference in document["channels"][channel]["messages"].values():
        message = document["components"]["messages"][reference["$ref"].rsplit("/", 1)[1]]
        schema = message["payload"]["schema"]
        canonical = to_parsing_canonical_form(parse_schema(schema))
        number = bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))[::-1]
        assert number.hex() == message["x-fingerprint"], "the document contradicts itself"
        found[number] = parse_schema(schema)
    return found


def records(bootstrap: str, topic: str, partitions: int) -> Any:
    """Every record of a topic that is there now, as (key, value)."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "outsider", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    left = set(range(partitions))
    while left:
        message = consumer.poll(10)
        assert message is not None, f"no answer, {len(left)} partitions left"
        if message.error() is not None:
            left.discard(message.partition())
        else:
            yield message.key(), message.value()
    consumer.close()


def main(bootstrap: str, cluster: str, path: str) -> None:
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    channel = document["channels"]["service-states"]
    schemas = schemas_of(document, "service-states")
    topic = channel["address"].replace("{cluster}", cluster)
    held: dict[str, dict[str, Any]] = {}
    removed = set()
    for key, value in records(bootstrap, topic, channel["bindings"]["kafka"]["partitions"]):
        name = key.decode()
        if value is None:
            removed.add(name)
            held.pop(name, None)
            continue
        if value[:2] != MARKER or value[2:10] not in schemas:
            continue  # no record of this topic's
        state = fastavro.schemaless_reader(io.BytesIO(value[10:]), schemas[value[2:10]], None)
        known = held.get(name)
        order = (state["view_id"], state["sequence"])
        if name not in removed and (known is None or order > (known["view_id"], known["sequence"])):
            held[name] = state
    shown = ("name", "state", "owner", "view_id", "sequence", "up_weight", "threshold", "changed_at_ms")
    print(json.dumps({name: {field: state[field] for field in shown} for name, state in held.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
