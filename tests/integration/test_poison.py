"""F4: records that nobody can read, on every topic that nodes read: kept aside, and nobody else notices.

What must hold: each node's process goes on (same pid, same incarnation), each bad record is in quarantine once by its
place, neighbours before and behind are folded, and a good command after all of it is answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.replica.states import StateReplica
from infra.kafka.broker import Broker
from schemas.codec import encode
from schemas.identifiers import partition_of
from schemas.states import State
from schemas.topics import (
    CONFIG_ENTITIES,
    QUARANTINE,
    SERVICE_STATES,
    VIEWS,
    Topic,
)
from tests.integration.cluster import Cluster, add_monitor, running
from tests.integration.conftest import delete_topics
from tests.integration.poison import READ_TOPICS, alive, assert_quarantined, good, partition_for, poison
from tests.integration.raw import NotTaken, raw_producer, send_many, send_raw
from tests.integration.targets import Ailment
from tests.waiting import wait_until

QUICK_RECORDS = 200


@pytest.fixture(scope="module")
def cluster(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes, six services that are UP."""
    with running(broker.bootstrap, "poison", tmp_path_factory.mktemp("poison")) as made:
        made.apply(add_monitor("http", "HTTP"))
        made.add_services([f"svc{number}" for number in range(6)], "http")
        made.wait_states(made.targets, State.UP)
        yield made
    delete_topics(broker.bootstrap, "poison")


@pytest.fixture(autouse=True)
def _nothing_else_happens(cluster: Cluster) -> Iterator[None]:
    """Around each test: the same processes, the same incarnations, the promise kept, and a service still watched."""
    before = alive(cluster)
    yield
    assert alive(cluster) == before, "every node is the same process as before"
    target = cluster.targets["svc0"]
    for ailment, state in ((Ailment.ERROR, State.DOWN), (Ailment.NONE, State.UP)):
        target.become(ailment)
        cluster.wait_state("svc0", state)
    cluster.check_promise(allow_ineffective=True)


@pytest.mark.parametrize("topic", READ_TOPICS, ids=lambda topic: topic.name)
def test_F4_every_kind_of_poison_three_in_a_row(cluster: Cluster, topic: Topic) -> None:
    partition = partition_for(cluster, topic)
    kinds = poison(cluster, topic)
    with raw_producer(cluster.bootstrap) as producer:
        records = [(f"poison-{name}".encode(), value) for name, value in kinds.items() for _ in range(3)]
        offsets = send_many(producer, cluster.topic(topic), partition, records)
    assert_quarantined(cluster, topic, partition, offsets)
    kept = cluster.quarantined()
    for offset, (_, value) in zip(offsets, records, strict=True):
        record = kept[f"{cluster.topic(topic)}/{partition}/{offset}"]
        assert (record.value_bytes, record.value) == (len(value), value[: 64 * 1024])
        assert record.error
    assert cluster.apply(add_monitor(f"after-{topic.name}")).accepted


@pytest.mark.parametrize("topic", READ_TOPICS, ids=lambda topic: topic.name)
def test_F4_two_hundred_at_once(cluster: Cluster, topic: Topic) -> None:
    partition = partition_for(cluster, topic)
    truncated = good(cluster, topic)[:40]
    with raw_producer(cluster.bootstrap) as producer:
        records = [(f"flood-{number}".encode(), truncated) for number in range(QUICK_RECORDS)]
        offsets = send_many(producer, cluster.topic(topic), partition, list(records))
    assert_quarantined(cluster, topic, partition, offsets)
    assert cluster.apply(add_monitor(f"behind-{topic.name}")).accepted


def test_F4_a_record_over_the_topics_limit_is_refused_by_kafka_itself(cluster: Cluster) -> None:
    with raw_producer(cluster.bootstrap) as producer, pytest.raises(NotTaken, match="MSG_SIZE_TOO_LARGE"):
        send_raw(producer, cluster.topic(VIEWS), 0, None, bytes(1024 * 1024))


def test_F4_poison_on_the_quarantine_itself_is_nobodys_business(cluster: Cluster) -> None:
    with raw_producer(cluster.bootstrap) as producer:
        send_raw(producer, cluster.topic(QUARANTINE), 0, b"poison", b"\0\1\2")
    assert cluster.apply(add_monitor("after-quarantine")).accepted


def test_F4_poison_under_a_services_own_key_leaves_its_state_in_place(cluster: Cluster) -> None:
    held = cluster.wait_state("svc1", State.UP)
    key, partition = held.entity_id.encode(), partition_of(held.entity_id)
    newer = encode(replace(held, view_id=held.view_id, sequence=held.sequence + 1_000))
    bad = [b"\xde\xad\xbe\xef", b"", newer[:-3], newer + b"\0"]
    with raw_producer(cluster.bootstrap) as producer:
        offsets = send_many(producer, cluster.topic(SERVICE_STATES), partition, [(key, value) for value in bad])
    assert_quarantined(cluster, SERVICE_STATES, partition, offsets)
    now = cluster.states[held.entity_id]
    assert (now.state, now.owner, now.view_id) == (held.state, held.owner, held.view_id)
    assert now.sequence < held.sequence + 1_000, "none of them was taken"
    cluster.targets["svc1"].become(Ailment.ERROR)
    cluster.wait_state("svc1", State.DOWN)
    cluster.targets["svc1"].become(Ailment.NONE)
    cluster.wait_state("svc1", State.UP)


def test_F4_a_fresh_replica_finds_every_state_behind_poison_under_its_key(cluster: Cluster) -> None:
    """A compacted topic keeps the last record of a key: poison there must be buried by the partition's writer."""
    held = cluster.wait_state("svc2", State.UP)
    key, partition = held.entity_id.encode(), partition_of(held.entity_id)
    newer = encode(replace(held, sequence=held.sequence + 1_000))
    with raw_producer(cluster.bootstrap) as producer:
        send_many(producer, cluster.topic(SERVICE_STATES), partition, [(key, b"\xde\xad"), (key, newer[:-3])])

    def known_to_a_newcomer() -> bool:
        with StateReplica(cluster.bootstrap, cluster.name) as newcomer:
            newcomer.wait_ready(30)
            state = newcomer.get(held.entity_id)
            return state is not None and state.state is State.UP

    def last_is_readable() -> bool:
        mine = [record for record in cluster.records(SERVICE_STATES) if record.key() == key]
        return mine[-1].value() == encode(cluster.states[held.entity_id])

    assert known_to_a_newcomer()
    wait_until(last_is_readable, 10, "the good record stands last again (read repair)")


def test_F4_poison_in_config_entities_changes_no_entity(cluster: Cluster) -> None:
    entities = cluster.control.entities()
    key = next(iter(entities))
    with raw_producer(cluster.bootstrap) as producer:
        bad = [(key.encode(), b"\1\2\3"), (b"revision", b"\1"), (b"\xff\xfe", b"no text")]
        offsets = send_many(producer, cluster.topic(CONFIG_ENTITIES), 0, bad)
    assert_quarantined(cluster, CONFIG_ENTITIES, 0, offsets)
    assert cluster.control.entities() == entities

    def last_is_readable() -> bool:
        last = {record.key(): record.value() for record in cluster.records(CONFIG_ENTITIES)}
        return last[key.encode()] == encode(entities[key]) and last[b"revision"] != b"\1"

    wait_until(last_is_readable, 10, "what holds stands last again, where compaction keeps it")
    cluster.apply(add_monitor("after-entities"))
