"""Creates the topics of the topic table, and holds those that exist against it.

`init` is safe to repeat: what is missing is made, what is there is compared, and a topic with other partitions or
settings is refused with what to change, before anything is created. Nothing is ever altered or deleted here: a topic
may hold years of history, and a wrong `cleanup.policy` set in passing loses it. The id of `views` comes back too: a
topic deleted and made again has the same name, another id, and offsets that start over, so whoever kept view ids must
notice.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from infra.errors import InfraError, TopicsRefused
from infra.kafka.contact import Contact
from schemas.topics import TOPICS, VIEWS, Topic, topic_name

DEADLINE_S = 30.0
POLL_S = 0.05
BROKER_DEFAULT_REPLICATION = -1
EXPECTED = object()  # what a request gives whose Kafka error was foreseen


@dataclass(frozen=True, slots=True)
class TopicsReport:
    """What `init` did. Names are full (`watchbill.views`); `views_id` is Kafka's UUID of the views
    topic, as text; empty where that was not asked for.
    """

    cluster: str
    created: tuple[str, ...]
    verified: tuple[str, ...]
    views_id: str


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as Kafka has it."""

    topic_id: str
    partitions: int
    settings: Mapping[str, str]


def init(
    bootstrap: str,
    cluster: str,
    *,
    topics: Sequence[Topic] = TOPICS,
    replication: int = BROKER_DEFAULT_REPLICATION,
    deadline_s: float = DEADLINE_S,
) -> TopicsReport:
    """Creates the missing topics of `cluster` and verifies the others. Repeatable; two at once do no harm.

    `replication` is the copies of each partition, -1 for the broker's default. Raises TopicsRefused (nothing was
    created), BrokerUnreachable, or InfraError when Kafka refuses to create a topic.
    """
    admin = _Admin(bootstrap, deadline_s)
    wanted = {topic_name(cluster, topic): topic for topic in topics}
    # The controller knows what exists; a broker may lag behind it by a moment and would let a wrong topic pass.
    missing = admin.create(wanted, replication, only_ask=True)
    _refuse_wrong(bootstrap, wanted, admin.describe_all([name for name in wanted if name not in missing]))
    missing = admin.create({name: wanted[name] for name in missing}, replication)
    found = admin.describe_all(list(wanted))
    _refuse_wrong(bootstrap, wanted, found)
    admin.wait_for_leaders({name: wanted[name] for name in missing})
    return TopicsReport(
        cluster=cluster,
        created=missing,
        verified=tuple(name for name in wanted if name not in missing),
        views_id=found[views].topic_id if (views := topic_name(cluster, VIEWS)) in found else "",
    )


def check(bootstrap: str, cluster: str, topics: Sequence[Topic] = TOPICS, deadline_s: float = DEADLINE_S) -> list[str]:
    """What is wrong with the topics of a cluster, one line each with the mend; changes nothing. Raises as `init`."""
    wanted = {topic_name(cluster, topic): topic for topic in topics}
    found = _Admin(bootstrap, deadline_s).describe(list(wanted))
    missing = [name for name in wanted if name not in found]
    lines = [f"{', '.join(missing)}: not there. Create them: watchbill init --cluster {cluster}"] if missing else []
    return lines + [line for name, topic in found.items() for line in differences(name, wanted[name], topic)]


def differences(name: str, wanted: Topic, found: Found) -> list[str]:
    """One line for each way the topic of Kafka is not the one of the table, and what to do about it."""
    lines = []
    if found.partitions != wanted.partitions:
        lines.append(
            f"{name}: has {found.partitions} partitions, must have {wanted.partitions}. Kafka cannot mend that: delete "
            "the topic (its records are lost), or choose another cluster name with --cluster"
        )
    for key, value in wanted.kafka_settings().items():
        if found.settings.get(key) != value:
            lines.append(
                f"{name}: {key} is {found.settings.get(key, 'not set')}, must be {value}. Set it: "
                f"kafka-configs --alter --topic {name} --add-config {key}={value}"
            )
    return lines


def _refuse_wrong(bootstrap: str, wanted: Mapping[str, Topic], found: Mapping[str, Found]) -> None:
    wrong = [line for name, topic in found.items() for line in differences(name, wanted[name], topic)]
    if wrong:
        raise TopicsRefused(
            "topics exist that Watchbill cannot use, nothing was changed:\n    " + "\n    ".join(wrong),
            bootstrap,
            "change what each line says, then run `watchbill init` again",
        )


class _Admin:
    """The few requests needed of Kafka's admin client, with our errors."""

    def __init__(self, bootstrap: str, deadline_s: float) -> None:
        self.bootstrap = bootstrap
        self.deadline_s = deadline_s
        self.contact = Contact(bootstrap)
        self.client = self.contact.client

    def describe(self, names: Sequence[str]) -> dict[str, Found]:
        """Those of the topics that exist, by name."""
        if not names:
            return {}
        from confluent_kafka import KafkaError, TopicCollection
        from confluent_kafka.admin import ConfigResource, ResourceType

        described = {}
        asked = self.client.describe_topics(TopicCollection(list(names)), request_timeout=self.deadline_s)
        for name, future in asked.items():
            topic = self._result(f"describe {name}", future, KafkaError.UNKNOWN_TOPIC_OR_PART)
            if topic is not EXPECTED:
                described[name] = topic
        if not described:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in described]
        found = {}
        for resource, future in self.client.describe_configs(resources, request_timeout=self.deadline_s).items():
            entries = self._result(f"read {resource.name}", future, KafkaError.UNKNOWN_TOPIC_OR_PART)
            if entries is EXPECTED:
                continue
            settings = {key: str(entry.value) for key, entry in entries.items()}
            topic = described[resource.name]
            found[resource.name] = Found(str(topic.topic_id), len(topic.partitions), settings)
        return found

    def describe_all(self, names: Sequence[str]) -> dict[str, Found]:
        """Every one of the topics. A topic just made takes a moment to be known to all brokers."""
        limit = time.monotonic() + self.deadline_s
        while len(found := self.describe(names)) < len(names):
            if time.monotonic() > limit:
                lost = ", ".join(name for name in names if name not in found)
                raise InfraError(f"topics were created and are not seen: {lost}", self.bootstrap, "look at the broker")
            time.sleep(POLL_S)
        return found

    def wait_for_leaders(self, topics: Mapping[str, Topic]) -> None:
        """Until each partition answers: one just made is described before its leader takes records."""
        from connectors.kafka.ends import EndOffsets
        from connectors.kafka.places import Place

        places = [Place(name, number) for name, topic in topics.items() for number in range(topic.partitions)]
        limit_s = time.monotonic() + self.deadline_s
        with closing(EndOffsets(self.contact.access)) as ends:
            while ends.ask(places) is None:
                if time.monotonic() > limit_s:
                    raise InfraError("topics were created and do not answer", self.bootstrap, "look at the broker")
                time.sleep(POLL_S)

    def create(self, topics: Mapping[str, Topic], replication: int, only_ask: bool = False) -> tuple[str, ...]:
        """Creates the topics, or with `only_ask` tries whether it could. Returns those that did not exist before."""
        from confluent_kafka import KafkaError
        from confluent_kafka.admin import NewTopic

        if not topics:
            return ()
        new = [
            NewTopic(name, topic.partitions, replication, config=topic.kafka_settings())
            for name, topic in topics.items()
        ]
        asked = self.client.create_topics(new, validate_only=only_ask, request_timeout=self.deadline_s)
        exists = {
            name
            for name, future in asked.items()
            if self._result(f"create {name}", future, KafkaError.TOPIC_ALREADY_EXISTS) is EXPECTED
        }
        return tuple(name for name in topics if name not in exists)

    def _result(self, doing: str, future: Future[Any], *expected: int) -> Any:
        """The future's value; EXPECTED for an expected Kafka error; our error for any other."""
        from confluent_kafka import KafkaError

        answer = self.contact.result(doing, future, self.deadline_s, *expected)
        return EXPECTED if isinstance(answer, KafkaError) else answer
