"""F7 and F10: Kafka goes and comes back; and everything starts at once, with very many services."""

from __future__ import annotations

import socket
import time
from enum import Enum

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from schemas.config import Kind, Operation, Verb
from schemas.states import State
from schemas.topics import SERVICE_STATES
from tests.bench.rig import SERVICES_PER_COMMAND
from tests.chaos.tally import Tally
from tests.chaos.weather import wall_ms
from tests.chaos.world import ADMIN_S, SETTLED_S, World
from tests.integration.cluster import add_monitor
from tests.waiting import let_pass, wait_until

BACK_S = 30.0
"""No partition may be stuck so long after Kafka's return."""
AWAY_S = 60.0
QUICK_AWAY_S = 5.0
AGED_S = 3.0
SERVICES = 20_000
QUICK_SERVICES = 2_000
COLD_S = 120.0
STATES_S = 240.0
COMPACT_NOW = {
    "segment.ms": "1000",
    "min.cleanable.dirty.ratio": "0.01",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "1000",
}


class Away(Enum):
    """How Kafka goes, and for how long it stays away."""

    RESTARTED = "stopped in order, and started again"
    KILLED = "killed, and started again"
    GONE = "away for a minute"


def away(world: World, tally: Tally) -> None:
    """F7: the last states stay and age; half a minute after Kafka's return every partition is alive."""
    how, kafka = world.random.choice(list(Away)), world.site.kafka
    before = {name: world.cluster.states.by_name(name) for name in world.names}
    broken = world.random.choice(world.names)
    let_pass(world.random.uniform(0.0, 2.0))
    (kafka.broker.kill if how is Away.KILLED else kafka.broker.stop)()
    gone_s = time.monotonic()
    wait_until(lambda: not world.cluster.states.connected, SETTLED_S, "a reader knows that Kafka is away")
    world.weather.ill(broken)
    wait_until(lambda: world.cluster.states.age_s() > AGED_S, SETTLED_S, "the states age")
    if how is Away.GONE:
        let_pass(gone_s + (QUICK_AWAY_S if world.quick else AWAY_S) - time.monotonic())
    kept = {name: world.cluster.states.by_name(name) for name in world.names}
    tally.require(kept == before, "states changed while Kafka was away")
    tally.require(all(node.is_alive for node in world.cluster.nodes.running.values()), "a node ended with Kafka")
    world.site.kafka.start()
    back_s, back_ms = time.monotonic(), wall_ms()
    tally.took_effect(f"Kafka {how.value}: {back_s - gone_s:.1f} s")
    world.grace_s = back_s - gone_s + BACK_S
    all_alive(world, broken, back_ms)
    tally.took([time.monotonic() - back_s], BACK_S * world.patience, "not every partition is alive")


def all_alive(world: World, broken: str, back_ms: int) -> None:
    """Every heartbeat is back, and in every partition a service that falls ill is told of."""
    world.cluster.wait_state(broken, State.DOWN, SETTLED_S * world.patience)
    wait_until(
        lambda: all(status.sent_at_ms > back_ms for status in world.cluster.control.nodes().values()),
        SETTLED_S * world.patience,
        "every node's heartbeat is back",
    )
    world.cluster.wait_serving()
    for name in world.names:
        world.weather.ill(name)
    world.cluster.wait_states(world.names, State.DOWN, SETTLED_S * world.patience)
    for name in world.names:
        world.weather.well(name)
    world.cluster.wait_states(world.names, State.UP, SETTLED_S * world.patience)


def cold_start(world: World, tally: Tally) -> None:
    """F10: Kafka and all nodes start at once, with very many services, while their states are compacted."""
    count = world.services or (QUICK_SERVICES if world.quick else SERVICES)
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as target:
        if len(world.cluster.states) < count:
            add_many(world, count, target.getsockname()[1])
        compact_now(world)
        before, view_id = incarnations(world), world.cluster.view().view_id
        for node in world.cluster.nodes.running.values():
            node.kill()
        world.site.kafka.stop()
        started_s = time.monotonic()
        world.site.kafka.start()
        world.cluster.nodes.running.clear()
        world.cluster.nodes.start(*world.plan.node_ids)
        wait_until(lambda: not before & incarnations(world), COLD_S, "every node beats under a new incarnation")
        world.cluster.nodes.wait_serving(world.cluster.control, world.plan.node_ids, COLD_S)
        tally.took([time.monotonic() - started_s], COLD_S, "not serving")
        held = len(world.cluster.states)
        tally.require(held >= count, f"of {count} services {held} have a state")
        wait_until(
            lambda: sum(view > view_id for _, view in world.seen.last.values()) >= count,
            STATES_S,
            "every service is told of by a new run of a node",
        )
        tally.note("all_told_max_s", time.monotonic() - started_s)
        tally.note("services", count)
        removed = wait_until(lambda: compacted(world), COLD_S, "Kafka has compacted the states")
        tally.took_effect(f"{count} services; compaction has removed {removed} of their states")
        world.settled()


def incarnations(world: World) -> set[str]:
    """The runs of the nodes that beat."""
    return {status.incarnation for status in world.cluster.control.nodes().values()}


def compacted(world: World) -> int:
    """How many of the states written are there no more."""
    records = world.cluster.records(SERVICE_STATES)
    ends = {record.partition(): record.offset() + 1 for record in records}
    return sum(ends.values()) - len(records)


def add_many(world: World, count: int, port: int) -> None:
    """Services on one port, by commands, until each has a state."""
    world.cluster.apply(add_monitor("slow", "TCP", interval="30s", response_timeout="2s", retries=3, down_time="30s"))
    for start in range(0, count, SERVICES_PER_COMMAND):
        operations = []
        for number in range(start, min(count, start + SERVICES_PER_COMMAND)):
            name = f"many{number:06d}"
            operations.append(Operation(Verb.ADD, Kind.SERVICE, name, {"address": "127.0.0.1", "port": port}))
            operations.append(Operation(Verb.BIND, Kind.SERVICE, name, {}, Kind.MONITOR, "slow"))
        world.cluster.apply(*operations)
    wait_until(lambda: len(world.cluster.states) >= count, STATES_S, f"{count} services with a state")


def compact_now(world: World) -> None:
    """Let Kafka compact the states as soon, and as often, as it can."""
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in COMPACT_NOW.items()
    ]
    topic = ConfigResource(ResourceType.TOPIC, world.cluster.topic(SERVICE_STATES), incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": world.cluster.bootstrap, "log_level": 0})
    for future in admin.incremental_alter_configs([topic], request_timeout=ADMIN_S).values():
        future.result(ADMIN_S)
