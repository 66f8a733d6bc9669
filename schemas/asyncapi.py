"""The topics and their records as an AsyncAPI 3 document, made from the topic table and the `.avsc` files.

Rule: everything that a consumer must know to read a cluster without a line of this project's code stands in it: names,
keys, partitions, what Kafka keeps, the schemas, how bytes name their schema, and which of two records holds. A test
reads states with it alone. Generated, because a description beside the code is wrong by the second release.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from schemas.codec import fingerprint_of, schema_text
from schemas.identifiers import PARTITIONS
from schemas.topics import DEFAULT_CLUSTER, SERVICE_STATES, TOPICS, VIEWS, Topic

AVRO = "application/vnd.apache.avro;version=1.9.0"
CONTENT = "avro/binary"
FRAMING = (
    "Avro single-object encoding: the bytes C3 01, the CRC-64-AVRO fingerprint of the writer's schema in its parsing "
    "canonical form (8 bytes, little endian), the body. `x-fingerprint` of a message is that of its schema here; those "
    "of other releases resolve against it both ways. A record without a value is a tombstone: its key was removed."
)
RULES = {
    SERVICE_STATES.name: "The key is the service's entity id, and is never used again. Of two records of a key the one "
    "with the greater (view_id, sequence) holds, whatever their offsets; after a tombstone none does.",
    VIEWS.name: "A record is the next view only if its prev_view is the view then in force (-1 before the first); its "
    "offset is the view's id. Any other record changes nothing.",
}


@lru_cache(maxsize=1)
def asyncapi() -> dict[str, Any]:
    """The document. Not to be changed by who reads it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Watchbill: the topics of a cluster",
            "version": "0.1.0",
            "description": f"{FRAMING} Records of one service are all in one partition: the one of its entity id, of "
            f"{PARTITIONS}.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CONTENT,
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "variables": {"bootstrap": {"default": "127.0.0.1:9092", "description": "Where Kafka is."}},
            }
        },
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {f"read-{topic.name}": _reading(topic) for topic in TOPICS},
        "components": {"messages": {name: _message(name) for topic in TOPICS for name in topic.records}},
    }


def document(made: dict[str, Any]) -> str:
    """A generated document as it stands in a file."""
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _channel(topic: Topic) -> dict[str, Any]:
    settings = topic.kafka_settings()
    return {
        "address": f"{{cluster}}.{topic.name}",
        "parameters": {"cluster": {"default": DEFAULT_CLUSTER, "description": "The cluster's name."}},
        "description": f"Key: {topic.key}. {RULES.get(topic.name, '')}".strip(),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in topic.records},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [topic.cleanup.value],
                    "max.message.bytes": int(settings["max.message.bytes"]),
                    **({"retention.ms": topic.retention_ms} if "retention.ms" in settings else {}),
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _reading(topic: Topic) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in topic.records],
    }


def _message(name: str) -> dict[str, Any]:
    schema = json.loads(schema_text(name))
    return {
        "name": name,
        "contentType": CONTENT,
        "payload": {"schemaFormat": AVRO, "schema": schema},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
        "x-fingerprint": fingerprint_of(schema).hex(),
    }
