"""Records that nobody can read, one of each kind, for any topic; and how to see that they alone were kept aside."""

from __future__ import annotations

import random

from schemas.cluster import NodeStatus, Phase
from schemas.codec import MARKER, encode
from schemas.identifiers import NO_VIEW, NodeId, partition_of
from schemas.limits import MIB
from schemas.topics import CONFIG_COMMANDS, CONFIG_ENTITIES, NODES, PROBE_RESULTS, SERVICE_STATES, VIEWS, Topic
from tests.integration.cluster import Cluster
from tests.waiting import wait_until

READ_TOPICS = (CONFIG_COMMANDS, CONFIG_ENTITIES, NODES, VIEWS, PROBE_RESULTS, SERVICE_STATES)
QUARANTINED_S = 60.0


def alive(cluster: Cluster) -> dict[str, tuple[int, str]]:
    """Each living node's process id and incarnation."""
    statuses = cluster.control.nodes()
    return {
        node_id: (node.pid, statuses[node_id].incarnation)
        for node_id, node in cluster.nodes.running.items()
        if node.is_alive
    }


def good(cluster: Cluster, topic: Topic) -> bytes:
    """A record that was read from this topic."""
    return next(value for record in cluster.records(topic) if (value := record.value()) and value.startswith(MARKER))


def foreign(topic: Topic) -> bytes:
    """A readable record that does not belong there."""
    if topic is NODES:
        return bytes(64)
    return encode(NodeStatus(NodeId("x"), "1", Phase.LEFT, (), 1, None, NO_VIEW, {}, (), 1, 0, 0, "0"))


def poison(cluster: Cluster, topic: Topic) -> dict[str, bytes]:
    """One of each kind, by name."""
    random_bytes = random.Random(topic.name)  # seeded: the same poison in every run
    record = good(cluster, topic)
    kinds = {
        "random": random_bytes.randbytes(200),
        "empty": b"",
        "short": MARKER,
        "truncated": record[: len(record) * 2 // 3],
        "header alone": record[:10],
        "trailing": record + b"\0",
        "wrong schema": foreign(topic),
        "unknown schema": MARKER + bytes(8) + record[10:],
        "confluent": b"\0\0\0\0\x01" + record[10:],
        "endless varint": record[:10] + b"\xff" * 40,
        "huge length": record[:10] + b"\xfe\xff\xff\xff\xff\xff\xff\x7f" * 4,
        "endless array": record[:10] + b"\x80\x80\x80\x80\x80\x40" * 30,
        "large": MARKER + random_bytes.randbytes(min(300 * 1024, topic.record_bytes + 8 * 1024)),
    }
    if topic.record_bytes > MIB:
        kinds["a megabyte"] = MARKER + random_bytes.randbytes(MIB)
    return kinds


def partition_for(cluster: Cluster, topic: Topic) -> int:
    """The partition of the first service where there are many, so that the poison has neighbours."""
    first = next(iter(cluster.targets))
    return partition_of(cluster.ids([first])[first]) if topic.partitions > 1 else 0


def assert_quarantined(cluster: Cluster, topic: Topic, partition: int, offsets: list[int]) -> None:
    """Each of these places, and no other of that topic since the first of them, is in quarantine."""
    wanted = {f"{cluster.topic(topic)}/{partition}/{offset}" for offset in offsets}

    def kept() -> set[str]:
        return {
            place
            for place, record in cluster.quarantined().items()
            if (record.topic, record.partition) == (cluster.topic(topic), partition) and record.offset >= min(offsets)
        }

    wait_until(lambda: len(kept()) >= len(wanted), QUARANTINED_S, f"{len(wanted)} of {topic.name} in quarantine")
    assert kept() == wanted
