"""Each private name of Faust and aiokafka that the runtime leans on is there, and behaves as leant on. Fast, no Kafka.

The versions are pinned; a new pin that breaks a name fails here, with the name, and not as a node that quietly runs
with Faust's own assignor, store or producer.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import inspect
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator
from faust.assignor.client_assignment import ClientAssignment
from faust.assignor.partition_assignor import PartitionAssignor
from faust.events import Event
from faust.stores import base
from faust.tables.manager import TableManager
from faust.transport.consumer import Consumer as FaustConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import Message
from mode.utils.queues import FlowControlQueue

from schemas.identifiers import PARTITIONS, NodeId
from schemas.topics import PROBE_RESULTS, SERVICE_STATES, topic_name
from streams.faust_app.app import (
    AppSettings,
    WatchbillApp,
    assert_ours,
    build,
    commands_topic,
    results_topic,
    state_table,
)
from streams.faust_app.assignor import Assignor
from streams.faust_app.identity import NodeIdentity, member_of
from streams.faust_app.transport import (
    CALM_AFTER_S,
    HURRIED_WAIT_MS,
    HURRY_S,
    IDLE_WAIT_MS,
    Consumer,
    ConsumerThread,
    Transport,
)
from streams.node.lease import Lease
from streams.ownership.placement import place
from streams.ownership.view import Member
from streams.tables.replica_store import Store
from streams.tables.service_table import ServiceTable

CLUSTER = "contract"

SIGNATURES: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    (PartitionAssignor, "_perform_assignment", ("self", "cluster", "member_metadata")),
    (PartitionAssignor, "_get_copartitioned_groups", ("topics", "cluster", "subscriptions")),
    (PartitionAssignor, "_update_member_urls", ("self", "clients_metadata")),
    (PartitionAssignor, "_get_client_metadata", ("metadata",)),
    (PartitionAssignor, "_get_changelog_distribution", ("self", "assignments")),
    (PartitionAssignor, "_get_external_topic_distribution", ("self", "assignments")),
    (
        PartitionAssignor,
        "_protocol_assignments",
        ("self", "assignments", "cl_distribution", "tp_distribution", "topic_groups"),
    ),
    (driver.AIOKafkaConsumerThread, "_create_worker_consumer", ("self", "transport")),
    (
        driver.AIOKafkaConsumerThread,
        "_fetch_records",
        ("self", "consumer", "active_partitions", "timeout", "max_records"),
    ),
    (driver.AIOKafkaConsumerThread, "_ensure_consumer", ("self",)),
    (driver.AIOKafkaConsumerThread, "seek_to_committed", ("self",)),
    (driver.Consumer, "_new_consumer_thread", ("self",)),
    (driver.Consumer, "_wait_next_records", ("self", "timeout")),
    (driver.Consumer, "_get_active_partitions", ("self",)),
    (driver.Consumer, "stop_flow", ("self",)),
    (driver.Consumer, "resume_flow", ("self",)),
    (driver.Consumer, "_filter_committable_offsets", ("self", "tps")),
    (driver.Consumer, "_new_offset", ("self", "tp")),
    (driver.Consumer, "_commit_offsets", ("self", "offsets", "start_new_transaction")),
    (faust.Table, "on_key_set", ("self", "key", "value")),
    (faust.Table, "on_key_del", ("self", "key")),
    (faust.Table, "partition_for_key", ("self", "key")),
    (base.Store, "persisted_offset", ("self", "tp")),
    (base.Store, "apply_changelog_batch", ("self", "batch", "to_key", "to_value")),
)
"""(class, private name, its parameters)."""


class NoReplica:
    """What the store asks of a replica, empty."""

    def encoded(self, _: str) -> None:
        return None

    def position(self, _: object, partition: int) -> int:
        return 100 + partition

    def __iter__(self) -> Any:
        return iter(())


class KeptOutbox:
    """What the table hands to the outbox."""

    def __init__(self) -> None:
        self.put_calls: list[tuple[str, bytes | None]] = []

    def put(self, service: str, state: bytes | None) -> None:
        self.put_calls.append((service, state))


def ignore(_: object) -> None:
    """Led: nobody listens."""


def built(node: str = "b0", on_led: Callable[[tuple[Member, ...] | None], None] = ignore) -> tuple[WatchbillApp, Any]:
    """An app that is not started, and its table."""
    settings = AppSettings("127.0.0.1:1", CLUSTER, 1.5, 0.3)
    identity = NodeIdentity(NodeId(node), "1-abc", ("edge",))
    app = build(settings, identity, NoReplica(), KeptOutbox(), on_led, Lease(1.0))
    table = state_table(app, CLUSTER)
    for topic in (results_topic(app, CLUSTER), commands_topic(app, CLUSTER)):
        app.agent(topic, name=topic.get_topic_name())(_body)
    app.finalize()
    return app, table


async def _body(stream: Any) -> None:
    async for _ in stream:
        continue


@pytest.mark.parametrize(
    ("owner", "name", "parameters"), SIGNATURES, ids=lambda value: getattr(value, "__name__", None)
)
def test_private_names_take_what_they_took(owner: Any, name: str, parameters: tuple[str, ...]) -> None:
    assert tuple(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_versions_are_those_that_the_names_were_read_in() -> None:
    assert importlib.metadata.version("faust-streaming") == "0.15.3"
    assert importlib.metadata.version("aiokafka") == "0.14.0"


def test_the_fetch_wait_is_an_attribute_that_the_fetcher_is_given() -> None:
    assert "self._fetch_max_wait_ms = fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.__init__)
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.start)
    assert "fetch_max_wait_ms=1500" in inspect.getsource(driver.AIOKafkaConsumerThread._create_worker_consumer), (
        "the driver still hard-codes it: without ours, a record waits 1.5 s behind an idle connection"
    )


def test_our_transport_is_what_the_broker_url_names() -> None:
    app, _ = built()
    assert isinstance(app.transport, Transport)
    assert app.transport.Consumer is Consumer
    assert issubclass(ConsumerThread, driver.AIOKafkaConsumerThread)


class TimersOfLoop:
    """The timers of a thread's loop; each runs when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def call_soon_threadsafe(self, call: Callable[..., None], *arguments: Any) -> None:
        call(*arguments)

    def call_later(self, delay_s: float, call: Callable[..., None], *arguments: Any) -> None:
        self.waiting.append((delay_s, partial(call, *arguments)))


def test_our_thread_sets_the_fetch_wait_and_a_rebalance_shortens_it_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: Any = SimpleNamespace(_fetch_max_wait_ms=1500)
    made._fetcher = made
    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_create_worker_consumer", lambda self, transport: made)
    thread: Any = object.__new__(ConsumerThread)
    thread.thread_loop = timers = TimersOfLoop()
    thread._consumer = thread._create_worker_consumer(None)
    assert made._fetch_max_wait_ms == HURRIED_WAIT_MS

    def after_timer() -> int:
        timers.waiting.pop(0)[1]()
        return int(made._fetch_max_wait_ms)

    assert after_timer() == IDLE_WAIT_MS
    thread.hurry()
    assert made._fetch_max_wait_ms == HURRIED_WAIT_MS
    thread.calm_down()
    thread.calm_down()
    assert [delay_s for delay_s, _ in timers.waiting] == [HURRY_S, CALM_AFTER_S, CALM_AFTER_S]
    waits = [after_timer() for _ in range(3)]
    assert waits == [HURRIED_WAIT_MS, HURRIED_WAIT_MS, IDLE_WAIT_MS], "the last word counts: the flow goes on twice"
    thread.thread_loop = new_loop = asyncio.new_event_loop()
    new_loop.close()
    thread.hurry()


def test_the_fetcher_has_the_wait_that_a_rebalance_changes() -> None:
    assert "self._fetch_max_wait_ms = fetch_max_wait_ms" in inspect.getsource(Fetcher.__init__)
    assert "self._fetch_max_wait_ms" in inspect.getsource(Fetcher._get_actions_per_node)


def test_the_fetcher_has_the_prefetch_wait_that_our_thread_sets() -> None:
    assert "self._prefetch_backoff = prefetch_backoff" in inspect.getsource(Fetcher.__init__)
    assert "self._prefetch_backoff" in inspect.getsource(Fetcher._proc_fetch_request)


async def _seek(asked: list[TP], sought: dict[TP, int]) -> dict[Any, int]:
    """Our seek, over a consumer that answers once all three partitions have asked."""
    all_asked = asyncio.Event()
    offsets = {TP("t", 0): 7, TP("t", 1): None, TP("t", 2): 9}

    class Driven:
        def assignment(self) -> set[TP]:
            return set(offsets)

        async def committed(self, place: TP) -> int | None:
            asked.append(place)
            if len(asked) == len(offsets):
                all_asked.set()
            await asyncio.wait_for(all_asked.wait(), 1)
            return offsets[place]

        def seek(self, place: TP, offset: int) -> None:
            sought[place] = offset

    thread = object.__new__(ConsumerThread)
    thread._ensure_consumer = Driven
    return await thread._seek_to_committed_at_once()


def test_the_coordinator_asks_through_what_the_lease_listens_to() -> None:
    """A heartbeat, a join, a sync and a leave go through `_send_req`, looked up on the coordinator each time."""
    for ask in (
        GroupCoordinator._do_heartbeat,
        GroupCoordinator._maybe_leave_group,
        CoordinatorGroupRebalance.perform_group_join,
        CoordinatorGroupRebalance._send_sync_group_request,
    ):
        assert "._send_req(request)" in inspect.getsource(ask)
    assert "self._coordinator = GroupCoordinator(" in inspect.getsource(AIOKafkaConsumer.start)


def test_committed_offsets_are_asked_for_together() -> None:
    asked: list[TP] = []
    sought: dict[TP, int] = {}
    committed = asyncio.run(_seek(asked, sought))
    assert len(asked) == 3
    assert sought == {TP("t", 0): 7, TP("t", 2): 9}
    assert committed == {TP("t", 0): 7, TP("t", 1): None, TP("t", 2): 9}


def test_nothing_sleeps_for_a_second_while_no_partition_is_to_be_read() -> None:
    assert "await self.sleep(1)" in inspect.getsource(driver.Consumer._wait_next_records), "what ours steps around"
    consumer = object.__new__(Consumer)
    consumer.flow_active = True
    consumer._get_active_partitions = set
    assert asyncio.run(asyncio.wait_for(consumer._wait_next_records(1.0), 0.5)) == ({}, set())


def test_assignor_table_and_store_are_ours() -> None:
    app, table = built()
    assert_ours(app, table)
    assert isinstance(app.assignor, Assignor)
    assert isinstance(table, ServiceTable)
    assert isinstance(table.data, Store)


def test_faust_keeps_no_statistics_but_what_its_own_watch_over_streams_asks_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, _ = built()
    list(app.on_init_dependencies())
    assert list(app.sensors) == []
    assert app.sensors.on_stream_event_in(TP("t", 1), 7, None, None) == {}
    assert list(app.monitor.stream_inbound_time) == [TP("t", 1)]
    app.on_rebalance_start()
    with caplog.at_level("WARNING"):
        app.on_rebalance_return()
        app.on_rebalance_end()
    assert not caplog.records, "Faust misses nothing"
    assert "monitor.stream_inbound_time.get(tp)" in inspect.getsource(driver.AIOKafkaConsumerThread.verify_event_path)


def test_a_foreign_assignor_is_told_loudly() -> None:
    app, table = built()
    app.__dict__["assignor"] = PartitionAssignor(app)
    with pytest.raises(RuntimeError, match="not with our assignor"):
        assert_ours(app, table)


def test_an_app_without_a_table_is_told_loudly() -> None:
    app, table = built()
    app.tables._changelogs.clear()
    with pytest.raises(RuntimeError, match="ignores the assignor"):
        assert_ours(app, table)


def test_a_foreign_store_is_told_loudly() -> None:
    app, _ = built()
    memory = app.Table("elsewhere", partitions=PARTITIONS, store="memory:///elsewhere")
    with pytest.raises(RuntimeError, match="is the package installed"):
        assert_ours(app, memory)


def test_faust_asks_the_store_where_recovery_begins() -> None:
    _, table = built()
    assert table.persisted_offset(TP(topic_name(CLUSTER, SERVICE_STATES), 7)) == 106, "the replica's position, less one"
    assert "persisted_offset" in inspect.getsource(importlib.import_module("faust.tables.recovery"))


def test_a_write_goes_to_our_outbox_and_not_to_fausts_producer() -> None:
    app, table = built()
    source = inspect.getsource(type(table).__mro__[1].__mro__[1]) + inspect.getsource(faust.Table)
    assert "on_key_set" in source
    table.on_key_set("1-0", b"state")
    table.on_key_del("1-0")
    assert app.state_outbox.put_calls == [("1-0", b"state"), ("1-0", None)]


def test_the_table_asks_the_store_once_and_gives_what_it_has() -> None:
    _, table = built()
    asked: list[str] = []
    table.data.newest = lambda key: asked.append(key) or {"5-0": b"state"}.get(key)
    assert (table.get("5-0"), table.get("5-1"), table.get("5-1", b"none")) == (b"state", None, b"none")
    assert asked == ["5-0", "5-1", "5-1"]


def test_the_tables_manager_knows_changelogs_by_topic() -> None:
    app, table = built()
    assert isinstance(app.tables, TableManager)
    assert app.tables.changelog_topics == {topic_name(CLUSTER, SERVICE_STATES)}
    assert app.tables._changelogs[topic_name(CLUSTER, SERVICE_STATES)] is table


def test_a_members_url_survives_faust_and_names_the_node() -> None:
    app, _ = built("b 0")
    assert member_of(str(app.conf.canonical_url)) == Member(NodeId("b 0"), "1-abc", frozenset({"edge"}))


def test_the_leader_places_as_every_node_would_and_says_for_whom() -> None:
    led: list[tuple[Member, ...]] = []
    apps = {node: built(node, led.append)[0] for node in ("b0", "b1", "b2")}
    leader = apps["b0"]

    class Cluster:
        def partitions_for_topic(self, topic: str) -> set[int]:
            return set(range(1 if topic.endswith("config-commands") else PARTITIONS))

        def topics(self) -> set[str]:
            return set()

    topics = {topic_name(CLUSTER, PROBE_RESULTS), topic_name(CLUSTER, SERVICE_STATES), f"{CLUSTER}.config-commands"}
    metadata = {f"member-{node}": app.assignor.metadata(topics) for node, app in apps.items()}
    given = leader.assignor._perform_assignment(Cluster(), metadata)
    placement = place([NodeId(node) for node in apps])
    for node in apps:
        partitions = dict(given[f"member-{node}"].assignment)
        assert tuple(partitions[topic_name(CLUSTER, PROBE_RESULTS)]) == placement.partitions_of(NodeId(node))
    assert [member.node for member in led[-1]] == ["b0", "b1", "b2"]


def test_client_assignments_are_made_of_actives_and_standbys() -> None:
    assignment = ClientAssignment(actives={"topic": [1]}, standbys={})
    assert cast(Any, assignment).actives == {"topic": [1]}


def test_the_agents_event_gives_message_and_generation() -> None:
    assert "message" in inspect.getsource(Event.__init__)
    assert {"topic", "partition", "offset", "key", "value", "generation_id"} <= set(Message.__slots__)
    assert isinstance(built()[0].consumer_generation_id, int)


def test_a_queue_of_events_is_not_emptied_when_flow_resumes() -> None:
    assert "clear_on_resume" in inspect.getsource(FlowControlQueue), "what our app turns off still empties a queue"
    app, _ = built()
    queue = app.FlowControlQueue(maxsize=10, clear_on_resume=True)
    assert isinstance(queue, FlowControlQueue)
    assert not queue._clear_on_resume, "what is fetched between a rebalance's two resumes would be lost"


def test_signals_of_the_group_are_where_the_node_listens() -> None:
    app, _ = built()
    for name in ("on_partitions_assigned", "on_partitions_revoked"):
        assert callable(getattr(app, name).connect)
    assert callable(FaustConsumer.perform_seek)
