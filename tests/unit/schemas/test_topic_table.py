"""The topic table, identifiers and precedence: the few numbers that can never change in a cluster's life."""

from __future__ import annotations

from dataclasses import fields

import pytest

from connectors.kafka.settings import KafkaAccess
from schemas import topics
from schemas.cluster import NodeStatus
from schemas.codec import RECORD_TYPES
from schemas.identifiers import PARTITIONS, EntityId, entity_id, partition_of, stable_hash
from schemas.precedence import supersedes
from schemas.topics import TOPICS, Cleanup, Topic, topic_name

EVERY_TOPIC = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


def test_names_are_told_apart_by_the_cluster() -> None:
    assert topic_name("blue", topics.VIEWS) == "blue.views"
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_the_table_is_complete() -> None:
    assert {name for topic in TOPICS for name in topic.records} == {
        record_type.__name__ for record_type in RECORD_TYPES
    }
    rows = {value.name for value in vars(topics).values() if isinstance(value, Topic)}
    assert rows == {topic.name for topic in (*TOPICS, topics.FRAMED_STATES)}


@EVERY_TOPIC
def test_partitions_are_one_or_all(topic: Topic) -> None:
    """Topics keyed by a service share one partitioning, so that a partition's fold reads and writes the same number."""
    assert topic.partitions in (1, PARTITIONS)


@EVERY_TOPIC
def test_kafka_takes_the_largest_record(topic: Topic) -> None:
    settings = topic.kafka_settings()
    assert int(settings["max.message.bytes"]) > topic.record_bytes
    assert all(isinstance(value, str) for value in settings.values())


@EVERY_TOPIC
def test_what_is_compacted_has_no_retention(topic: Topic) -> None:
    assert ("retention.ms" in topic.kafka_settings()) is (topic.cleanup is Cleanup.DELETE)


def test_the_audit_log_and_the_views_are_kept_for_ever() -> None:
    for topic in (topics.CONFIG_COMMANDS, topics.VIEWS):
        assert topic.kafka_settings()["retention.ms"] == "-1"
        assert topic.cleanup is Cleanup.DELETE, "compaction would lose offsets, and offsets are ids"


def test_S7_T4_the_last_state_of_a_service_is_kept_until_the_next_and_sent_means_kept_by_all() -> None:
    """That every node has applied it can be read from the heartbeats (`show node`, behind)."""
    settings = topics.SERVICE_STATES.kafka_settings()
    assert settings["cleanup.policy"] == "compact", "never by age: whoever comes late still gets it"
    assert KafkaAccess("127.0.0.1:1", "test").producer()["acks"] == "all"
    assert "applied" in {field.name for field in fields(NodeStatus)}


def test_the_hash_is_the_same_for_ever_and_everywhere() -> None:
    assert stable_hash("") == 0xE4A6A0577479B2B4
    assert stable_hash("5-0") == 4380396882375730070
    assert partition_of(EntityId("5-0")) == 22
    assert PARTITIONS == 64


def test_O2_an_entity_is_named_by_its_command_and_operation() -> None:
    assert entity_id(17, 3) == "17-3"


@pytest.mark.parametrize(
    ("incoming", "stored", "holds"),
    [
        ((8, 0), (7, 99), True),
        ((7, 99), (8, 0), False),
        ((7, 2), (7, 1), True),
        ((7, 1), (7, 1), False),
        ((7, 0), (7, 1), False),
    ],
)
def test_S10_precedence(incoming: tuple[int, int], stored: tuple[int, int], holds: bool) -> None:
    assert supersedes(incoming, stored) is holds
