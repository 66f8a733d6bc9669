"""The topic table: every topic of a cluster, its key, its record, its partitions and what Kafka is told to keep.

Rule: nothing else in the project spells a topic's name or settings; a new topic is one row here. `<cluster>.` stands
before each name, so that several clusters can share one Kafka.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from schemas.identifiers import PARTITIONS
from schemas.limits import BATCH_BYTES, COMMAND_BYTES, ENTITY_BYTES, KIB, QUARANTINE_VALUE_BYTES

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FOR_EVER = -1
RECORD_OVERHEAD_BYTES = 16 * KIB
"""What Kafka adds around the largest record of a topic: batch header, key, headers."""


class Cleanup(Enum):
    """What Kafka does with old records."""

    DELETE = "delete"
    COMPACT = "compact"


class Role(Enum):
    """Who a client of Kafka is. A person or a program may be several."""

    NODE = "node"
    """A Watchbill node."""
    OPERATOR = "operator"
    """Who configures: makes the topics, writes commands, reads everything."""
    READER = "reader"
    """Who wants to know: a load balancer's replica, `watchbill show`, an alert."""
    FEED = "feed"
    """`watchbill feed confluent`: reads states, and writes them in another framing."""


EVERYBODY = (Role.NODE, Role.OPERATOR, Role.READER)
"""The roles that each cluster has."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One row: `key` and `records` are for people and for generated documents; `written_by` and `read_by` are what
    `watchbill acls` grants; the rest is what `init` creates.
    """

    name: str
    key: str
    records: tuple[str, ...]
    partitions: int
    cleanup: Cleanup
    retention_ms: int
    record_bytes: int
    settings: Mapping[str, str] = field(default_factory=dict)
    written_by: Role = Role.NODE
    read_by: tuple[Role, ...] = EVERYBODY

    def kafka_settings(self) -> dict[str, str]:
        """The topic's settings as Kafka spells them."""
        retention = {"retention.ms": str(self.retention_ms)} if self.cleanup is Cleanup.DELETE else {}
        return {
            "cleanup.policy": self.cleanup.value,
            "max.message.bytes": str(self.record_bytes + RECORD_OVERHEAD_BYTES),
            **retention,
            **self.settings,
        }


_COMPACT_SOON = {"min.cleanable.dirty.ratio": "0.2", "segment.ms": str(HOUR_MS), "delete.retention.ms": str(DAY_MS)}

CONFIG_COMMANDS = Topic(
    "config-commands",
    "command id",
    ("ConfigCommand",),
    1,
    Cleanup.DELETE,
    FOR_EVER,
    COMMAND_BYTES,
    written_by=Role.OPERATOR,
)
CONFIG_RESULTS = Topic("config-results", "command id", ("ConfigResult",), 1, Cleanup.DELETE, 7 * DAY_MS, COMMAND_BYTES)
CONFIG_ENTITIES = Topic(
    "config-entities",
    "kind/id, or `revision`",
    ("ConfigEntity", "ConfigRevision"),
    1,
    Cleanup.COMPACT,
    FOR_EVER,
    ENTITY_BYTES,
    _COMPACT_SOON,
)
NODES = Topic("nodes", "node id", ("NodeStatus",), 1, Cleanup.COMPACT, FOR_EVER, ENTITY_BYTES, _COMPACT_SOON)
VIEWS = Topic("views", "none", ("ViewChange",), 1, Cleanup.DELETE, FOR_EVER, ENTITY_BYTES)
PROBE_RESULTS = Topic("probe-results", "node id", ("ProbeResults",), PARTITIONS, Cleanup.DELETE, DAY_MS, BATCH_BYTES)
PATH_REPORTS = Topic(
    "path-reports", "service id/node", ("PathReport",), PARTITIONS, Cleanup.COMPACT, FOR_EVER, ENTITY_BYTES
)
SERVICE_STATES = Topic(
    "service-states",
    "service id",
    ("ServiceState",),
    PARTITIONS,
    Cleanup.COMPACT,
    FOR_EVER,
    ENTITY_BYTES,
    _COMPACT_SOON,
    read_by=(*EVERYBODY, Role.FEED),
)
SERVICE_TRANSITIONS = Topic(
    "service-transitions", "service id", ("ServiceTransition",), PARTITIONS, Cleanup.DELETE, 30 * DAY_MS, ENTITY_BYTES
)
ALERTS = Topic("alerts", "service id", ("AlertTold",), 1, Cleanup.COMPACT, FOR_EVER, ENTITY_BYTES, _COMPACT_SOON)
QUARANTINE = Topic(
    "quarantine",
    "source topic/partition/offset",
    ("QuarantinedRecord",),
    1,
    Cleanup.DELETE,
    7 * DAY_MS,
    QUARANTINE_VALUE_BYTES + ENTITY_BYTES,
    read_by=(Role.OPERATOR,),  # bytes that somebody sent who may have meant harm
)

FRAMED_STATES = Topic(
    "service-states-confluent",
    "service id",
    ("ServiceState",),
    PARTITIONS,
    Cleanup.COMPACT,
    FOR_EVER,
    ENTITY_BYTES,
    _COMPACT_SOON,
    written_by=Role.FEED,
    read_by=(Role.OPERATOR, Role.READER, Role.FEED),
)
"""Not one of TOPICS: `watchbill feed confluent` makes it, where it is wanted."""

TOPICS: tuple[Topic, ...] = (
    CONFIG_COMMANDS,
    CONFIG_RESULTS,
    CONFIG_ENTITIES,
    NODES,
    VIEWS,
    PROBE_RESULTS,
    PATH_REPORTS,
    SERVICE_STATES,
    SERVICE_TRANSITIONS,
    ALERTS,
    QUARANTINE,
)

DEFAULT_CLUSTER = "watchbill"


def group_name(cluster: str) -> str:
    """The consumer group of a cluster's nodes: who is in it is in the operational view."""
    return f"{cluster}.watchbill"


def topic_name(cluster: str, topic: Topic) -> str:
    """The topic's name in Kafka."""
    return f"{cluster}.{topic.name}"
