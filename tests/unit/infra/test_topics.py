"""What `init` says of a topic that is not the one of the topic table."""

from __future__ import annotations

from infra.topics import Found, differences
from schemas.topics import SERVICE_STATES


def test_the_same_topic_has_no_differences() -> None:
    settings = {**SERVICE_STATES.kafka_settings(), "another.setting": "of no interest"}
    assert differences("w.service-states", SERVICE_STATES, Found("id", SERVICE_STATES.partitions, settings)) == []


def test_each_difference_is_one_line_with_what_to_do() -> None:
    settings = {**SERVICE_STATES.kafka_settings(), "cleanup.policy": "delete"}
    partitions, cleanup = differences("w.service-states", SERVICE_STATES, Found("id", 8, settings))
    assert "has 8 partitions, must have 64" in partitions
    assert "another cluster name with --cluster" in partitions
    assert "cleanup.policy is delete, must be compact" in cleanup
    assert "kafka-configs --alter --topic w.service-states --add-config cleanup.policy=compact" in cleanup
