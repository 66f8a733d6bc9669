"""The Faust app of a node: embedded, with our transport, assignor and table, and nothing that we do not need.

Rule: the app runs inside the node's event loop (`finalize`, `start`), not under Faust's worker, which takes over
signals, stdout and logging. What must not be silently absent is asserted at start: Faust ignores the assignor when
there are no tables, and falls back to memory for a store it cannot parse.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import faust
from faust.sensors import SensorDelegate
from faust.utils import terminal

from schemas.identifiers import PARTITIONS
from schemas.topics import CONFIG_COMMANDS, PROBE_RESULTS, SERVICE_STATES, topic_name
from schemas.topics import group_name as group_name  # the app's id, for whoever asks after the group
from streams.faust_app.assignor import Assignor, Led
from streams.faust_app.group_watch import GroupListener
from streams.faust_app.identity import NodeIdentity
from streams.faust_app.security import credentials
from streams.tables.replica_store import STORE_URL, Store
from streams.tables.service_table import ServiceTable

BUFFERED_EVENTS = 4_096

terminal.logtable = lambda *_, **__: ""
"""Faust draws a table of every partition for logs that are off, at each commit and three times a rebalance: a tenth of
a second of each takeover.
"""
MAX_FETCH_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AppSettings:
    """What the app needs of the node's settings."""

    bootstrap: str
    cluster: str
    session_timeout_s: float
    heartbeat_s: float
    security: Mapping[str, str] = field(default_factory=dict, repr=False)
    """As `KafkaAccess` has them."""


class Sensors(SensorDelegate):  # type: ignore[misc]
    """Without Faust's own statistics, which nobody reads here: a tenth of what a node's loop does in a takeover."""

    def add(self, sensor: Any) -> None:
        """Nothing: Faust adds its monitor by itself."""

    def on_stream_event_in(self, tp: Any, offset: int, stream: Any, event: Any) -> dict[Any, Any]:  # noqa: ARG002
        """Note only what Faust's own watch over its streams asks for."""
        self.app.monitor.stream_inbound_time[tp] = time.monotonic()
        return {}

    def on_rebalance_start(self, app: Any) -> dict[Any, Any]:
        """Faust warns of each rebalance that nobody has noted anything of."""
        return {app: {}}


class WatchbillApp(faust.App):  # type: ignore[misc]
    """Faust's app with what our table and store look up on it, and queues that lose nothing."""

    service_replica: Any
    state_outbox: Any

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sensors = Sensors(self)

    def FlowControlQueue(self, maxsize: int | None = None, *, clear_on_resume: bool = False) -> Any:  # noqa: N802, ARG002
        """A queue that is not emptied when flow resumes.

        After a rebalance Faust resumes the flow, then seeks to the committed offsets, then resumes the flow again,
        which empties the queues: what was fetched between the seek and the second resume was lost (one takeover in
        four, tried). Without it a record may come twice, and every agent here knows a record that it has had.
        """
        return super().FlowControlQueue(maxsize, clear_on_resume=False)

    on_led: Led | None = None
    group_listener: GroupListener


def build(
    settings: AppSettings, identity: NodeIdentity, replica: Any, outbox: Any, on_led: Led, listener: GroupListener
) -> WatchbillApp:
    """The app of the consumer group, not started yet; after a stall a fresh one takes its place."""
    app = WatchbillApp(
        id=group_name(settings.cluster),
        broker=f"watchbill://{settings.bootstrap}",
        broker_credentials=credentials(settings.security),
        canonical_url=identity.canonical_url(),
        broker_client_id=f"watchbill-{identity.node_id}",
        store=STORE_URL,
        Table=ServiceTable,
        PartitionAssignor=Assignor,
        key_serializer="raw",
        value_serializer="raw",
        topic_partitions=PARTITIONS,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        table_standby_replicas=0,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.heartbeat_s,
        broker_rebalance_timeout=max(settings.session_timeout_s, 3.0),
        broker_request_timeout=10.0,
        broker_commit_interval=1.0,
        broker_max_poll_records=2_000,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MAX_FETCH_BYTES,
        consumer_metadata_max_age_ms=60_000,
        stream_buffer_maxsize=BUFFERED_EVENTS,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        recovery_consistency_check=False,
        worker_redirect_stdouts=False,
        web_enabled=False,
        debug=False,
        autodiscover=False,
        logging_config=None,
    )
    app.service_replica = replica
    app.state_outbox = outbox
    app.assignor.on_led = on_led
    app.group_listener = listener
    return app


def build_web(host: str, port: int) -> Any:
    """An app of which only the web server is used, so that pages answer while the node replays, and while the other
    app is started anew. It never meets Kafka.
    """
    return faust.App(
        "watchbill-web",
        broker="kafka://127.0.0.1:1",
        web_host=host,
        web_bind=host,
        web_port=port,
        web_router_enabled=False,
        web_tables_enabled=False,
        autodiscover=False,
        logging_config=None,
    )


def state_table(app: WatchbillApp, cluster: str) -> Any:
    """The table of service states. Its changelog is the public topic itself: no second copy of every state."""
    changelog = app.topic(
        topic_name(cluster, SERVICE_STATES), partitions=PARTITIONS, key_serializer="raw", value_serializer="raw"
    )
    return app.Table(
        "service-states",
        key_type=str,
        value_type=bytes,
        partitions=PARTITIONS,
        changelog_topic=changelog,
        store=STORE_URL,
    )


def results_topic(app: WatchbillApp, cluster: str) -> Any:
    """Batches of probe results, as raw bytes."""
    return _raw_topic(app, topic_name(cluster, PROBE_RESULTS), PARTITIONS)


def commands_topic(app: WatchbillApp, cluster: str) -> Any:
    """Configuration commands, as raw bytes."""
    return _raw_topic(app, topic_name(cluster, CONFIG_COMMANDS), 1)


def _raw_topic(app: WatchbillApp, name: str, partitions: int) -> Any:
    return app.topic(name, partitions=partitions, key_serializer="raw", value_serializer="raw", value_type=bytes)


def assert_ours(app: WatchbillApp, table: Any) -> None:
    """Raises RuntimeError if Faust would quietly run with its own assignor or store."""
    if not isinstance(app.assignor, Assignor):
        raise RuntimeError(f"Faust runs with {type(app.assignor).__name__}, not with our assignor: check its release")
    if not app.tables.changelog_topics:
        raise RuntimeError("Faust has no table, and ignores the assignor without one")
    if not isinstance(table.data, Store):
        raise RuntimeError(f"the state table's store is {type(table.data).__name__}: is the package installed?")
