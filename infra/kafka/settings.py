"""The settings of the one-node Kafka, as a table, and the properties file made from it.

One KRaft node, broker and controller in one process, on loopback alone. Every row that differs from Kafka's default
has its reason beside it; the common ones: one node cannot replicate, a laptop has little memory, and a group must
notice a dead member in a second or two. The controller's port is chosen anew at each start (voters are told by
setting, so no file remembers it); the clients' port is remembered, because configurations name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

HOST = "127.0.0.1"
MESSAGE_MAX_BYTES = 10 << 20

FIXED: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "CLIENT",
    "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # Topics are made by `watchbill init` with their settings; a typing error must not make one.
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",
    # A node that died is noticed within 1 to 3 s, and a group of one does not wait for a second.
    "group.min.session.timeout.ms": "1000",
    "group.initial.rebalance.delay.ms": "0",
    # One node: its internal topics have one copy, and few partitions.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # A broker that comes back after kill -9 waits until its earlier self has lapsed: 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # A small heap. At the default of 128 MB for the cleaner's table the broker dies without a word.
    "log.cleaner.dedupe.buffer.size": str(4 << 20),
    "log.cleaner.io.buffer.size": str(512 << 10),
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "group.coordinator.threads": "1",
    "group.coordinator.background.threads": "1",
    # An index entry of 8 bytes each 4 KB of a 1 GB segment fits 2 MB; the default maps five times that a partition.
    "log.index.size.max.bytes": str(2 << 20),
    # Batches of commands and states are large.
    "message.max.bytes": str(MESSAGE_MAX_BYTES),
    "replica.fetch.max.bytes": str(MESSAGE_MAX_BYTES),
    "server.max.startup.time.ms": "60000",
}


def properties(
    data_dir: Path, port: int, controller_port: int, settings: Mapping[str, str], host: str = HOST
) -> dict[str, str]:
    """Every property of the broker. `settings` are the caller's and win, save for listeners and folders."""
    return {
        **FIXED,
        **settings,
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"CLIENT://{host}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"CLIENT://{host}:{port}",
        "log.dirs": str(data_dir / "logs"),
    }


def write_properties(path: Path, values: Mapping[str, str]) -> None:
    """Writes a Java properties file."""
    path.write_text("".join(f"{key}={_escaped(value)}\n" for key, value in values.items()), encoding="utf-8")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")
