"""The Kafka of the tests: one real broker a session, and a cluster name of its own for each test.

Topics carry the cluster's name, so tests share the broker and never meet. At a test's end its topics are deleted: 265
partitions a cluster would weigh on every later one. A test that stops or kills a broker starts one for itself.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient

from connectors.kafka.producer import OwnProducer
from connectors.replica.base import default_access
from infra.kafka.broker import Broker
from infra.topics import init
from schemas.codec import encode
from schemas.config import ConfigRevision
from schemas.identifiers import entity_id, partition_of
from schemas.inventory.entities import entity_key
from schemas.topics import CONFIG_ENTITIES, NODES, SERVICE_STATES, VIEWS, topic_name
from tests.integration.writing import Writer
from tests.unit.cli_show.samples import entities, proposal, state, status

DELETE_DEADLINE_S = 60.0
SERVICES = 1_000


@pytest.fixture
def cluster_name(request: pytest.FixtureRequest, broker: Broker) -> Iterator[str]:
    """A cluster name that no other test has. Its topics, if the test makes any, are deleted afterwards."""
    readable = re.sub(r"[^a-z0-9-]+", "-", request.node.name.lower())[:40].strip("-")
    name = f"{readable}-{uuid.uuid4().hex[:8]}"
    yield name
    delete_topics(broker.bootstrap, name)


@pytest.fixture
def cluster(broker: Broker, cluster_name: str) -> str:
    """A cluster name whose topics exist."""
    init(broker.bootstrap, cluster_name)
    return cluster_name


@pytest.fixture
def writer(broker: Broker, cluster: str) -> Iterator[Writer]:
    made = Writer(broker.bootstrap, cluster)
    yield made
    made.producer.close()


@pytest.fixture
def filled(broker: Broker, cluster: str) -> str:
    """A cluster with a thousand states, the sample's entities, two nodes and two views; its name."""
    producer = OwnProducer(default_access(broker.bootstrap, "test"), delivery_timeout_ms=20_000)

    def send(topic: str, key: str | None, value: bytes, partition: int = 0) -> None:
        assert producer.send(topic, partition, None if key is None else key.encode(), value)

    for entity in entities().by_id.values():
        send(topic_name(cluster, CONFIG_ENTITIES), entity_key(entity.kind, entity.entity_id), encode(entity))
    send(topic_name(cluster, CONFIG_ENTITIES), "revision", encode(ConfigRevision(1, "command")))
    for index in range(SERVICES):
        service = entity_id(1, index)
        record = replace(state(), entity_id=service, name={0: "web", 1: "api"}.get(index, f"service-{index}"))
        send(topic_name(cluster, SERVICE_STATES), service, encode(record), partition_of(service))
    for node in ("b0", "b1"):
        send(topic_name(cluster, NODES), node, encode(status(node)))
    for change in (proposal(-1, "b0"), proposal(0, "b0", "b1")):
        send(topic_name(cluster, VIEWS), None, encode(change))
    assert (producer.close(20.0), producer.failed, producer.delivered) == (0, 0, producer.sent)
    return cluster


def delete_topics(bootstrap: str, cluster: str) -> None:
    """Deletes every topic of a cluster."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    names = [name for name in admin.list_topics(timeout=DELETE_DEADLINE_S).topics if name.startswith(f"{cluster}.")]
    if names:
        for future in admin.delete_topics(names).values():
            future.result(DELETE_DEADLINE_S)
