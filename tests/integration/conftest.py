"""The Kafka of the tests: one real broker a session, and a cluster name of its own for each test.

Topics carry the cluster's name, so tests share the broker and never meet. At a test's end its topics are deleted: 265
partitions a cluster would weigh on every later one. A test that stops or kills a broker starts one for itself.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient

from infra.kafka.broker import Broker
from infra.topics import init
from tests.integration.writing import Writer

DELETE_DEADLINE_S = 20.0


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


def delete_topics(bootstrap: str, cluster: str) -> None:
    """Deletes every topic of a cluster."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    names = [name for name in admin.list_topics(timeout=DELETE_DEADLINE_S).topics if name.startswith(f"{cluster}.")]
    if names:
        for future in admin.delete_topics(names).values():
            future.result(DELETE_DEADLINE_S)
