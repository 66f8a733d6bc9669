"""F4 and F8: records that nobody can read, and good ones that come twice, late, or from the dead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from connectors.kafka.places import LogRecord
from schemas.config import Verb
from schemas.identifiers import partition_of
from schemas.states import ServiceState, ServiceTransition, State
from schemas.topics import CONFIG_COMMANDS, CONFIG_ENTITIES, NODES, PROBE_RESULTS, SERVICE_STATES, VIEWS, Topic
from streams.faust_app.app import group_name
from tests.chaos.tally import Tally
from tests.chaos.world import SETTLED_S, World
from tests.integration.cluster import add_monitor, on_service
from tests.integration.poison import READ_TOPICS, alive, assert_quarantined, good, partition_for, poison
from tests.integration.raw import raw_producer, send_many
from tests.waiting import let_pass, wait_until

FLOOD_RECORDS = 1_000
ENOUGH_S = (2.0, 5.0)
REPLAYED: tuple[Topic, ...] = (PROBE_RESULTS, SERVICE_STATES, VIEWS, NODES, CONFIG_ENTITIES, CONFIG_COMMANDS)


def poisoned(world: World, tally: Tally) -> None:
    """F4: every kind of poison thrice in a row and a thousand at once, on every topic that nodes read."""
    before, injected = alive(world.cluster), 0
    with world.weather.changing():
        for topic in READ_TOPICS:
            injected += poison_topic(world, topic)
            answer = world.cluster.apply(add_monitor(f"after-{world.random.getrandbits(40):x}"))
            tally.require(answer.accepted, f"a good command after poison on {topic.name} was refused")
    tally.took_effect(f"{injected} bad records on {len(READ_TOPICS)} topics, all of them in quarantine")
    tally.note("injected", injected)
    tally.require(
        alive(world.cluster) == before, f"processes or incarnations changed: {before}, {alive(world.cluster)}"
    )


def poison_topic(world: World, topic: Topic) -> int:
    """How many bad records were put; each of them, and nothing else, is in quarantine."""
    partition, name = partition_for(world.cluster, topic), world.cluster.topic(topic)
    records: list[tuple[bytes | None, bytes | None]] = [
        (f"poison-{kind}".encode(), value) for kind, value in poison(world.cluster, topic).items() for _ in range(3)
    ]
    world.random.shuffle(records)
    truncated = good(world.cluster, topic)[:40]
    flood = 100 if world.quick else FLOOD_RECORDS
    records += [(f"flood-{number}".encode(), truncated) for number in range(flood)]
    with raw_producer(world.cluster.bootstrap) as producer:
        offsets = send_many(producer, name, partition, records)
    if topic is SERVICE_STATES:
        world.forged.update((partition, offset) for offset in offsets)
    assert_quarantined(world.cluster, topic, partition, offsets)
    return len(records)


def replayed(world: World, tally: Tally) -> None:
    """F8: every topic that nodes read is written once more behind itself, doubled and out of order."""
    with world.weather.changing():
        let_pass(world.random.uniform(*ENOUGH_S))
    wait_until(lambda: all_told_up(world), SETTLED_S, "what the weather did is told, history and all")
    removed = raise_the_dead(world, tally)
    before = {name: world.cluster.states.by_name(name) for name in world.names}
    entities, view, lines = world.cluster.control.entities(), world.cluster.view(), history(world)
    written = sum(write_again(world, topic) for topic in REPLAYED)
    ends = results_ends(world)
    wait_until(lambda: folded(world, ends), SETTLED_S, "the group has read what probe-results held")
    wait_until(world.all_repaired, SETTLED_S, "the good records stand last again")
    tally.took_effect(f"{written} old records written again, doubled and out of order, on {len(REPLAYED)} topics")
    after = {name: world.cluster.states.by_name(name) for name in world.names}
    pairs = [(*told_of(before[name], after[name]), before[name], after[name]) for name in world.names]
    different = [pair for pair in pairs if pair[0] != pair[1]]
    tally.require(not different, f"states differ: {different[:1]}")
    made = [line for line in history(world) if line not in lines]
    tally.require(not made, f"history was made: {made[:3]}")
    tally.require(world.cluster.control.entities() == entities, "the configuration differs")
    tally.require(world.cluster.view() == view, f"the view differs: {view}, now {world.cluster.view()}")
    tally.require(world.cluster.states.by_name(removed) is None, f"{removed} was removed and has a state again")
    tally.note("written_again", written)


def history(world: World) -> list[ServiceTransition]:
    """What was told of the services of this world; the removed one's is its own."""
    return [line for line in world.history() if line.name in world.names]


def all_told_up(world: World) -> bool:
    """Whether every service is UP, and its history ends so."""
    last = {line.name: line.after for line in history(world)}
    return all(world.cluster.state(name) is State.UP and last.get(name, State.UP) is State.UP for name in world.names)


def told_of(before: ServiceState | None, after: ServiceState | None) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """What of two records may not differ. Of the sequence that is so where no probe was reported in between: targets in
    this busy process answer late or fail once, and what comes of it is a record of its own.
    """
    if before is None or after is None:
        return (before,), (after,)
    probed = [each.sequence for each in after.bindings] > [each.sequence for each in before.bindings]
    one, other = (
        (state.view_id, state.state, state.owner, state.up_weight, state.changed_at_ms, probed or state.sequence)
        for state in (before, after)
    )
    return one, other


def raise_the_dead(world: World, tally: Tally) -> str:
    """A service is removed, and its last state written behind its tombstone; the tombstone must stand last again."""
    name = f"dead-{world.random.getrandbits(40):x}"
    world.cluster.add_services([name], "http")
    del world.cluster.targets[name]
    held = world.cluster.wait_state(name, State.UP)
    key, partition = held.entity_id.encode(), partition_of(held.entity_id)

    def last() -> LogRecord:
        return [record for record in world.cluster.records(SERVICE_STATES) if record.key() == key][-1]

    old = last().value()
    world.cluster.apply(on_service(Verb.RM, name))
    wait_until(lambda: last().value() is None, SETTLED_S, f"the tombstone of {name}")
    with raw_producer(world.cluster.bootstrap) as producer:
        offsets = send_many(producer, world.cluster.topic(SERVICE_STATES), partition, [(key, old)])
    world.forged.update((partition, offset) for offset in offsets)
    wait_until(lambda: last().value() is None, SETTLED_S, f"{name} stays removed")
    tally.took_effect(f"the state of {name} was written behind its tombstone")
    return name


def write_again(world: World, topic: Topic) -> int:
    """All of a topic behind itself: every record, a third of them twice, in blocks of random order."""
    by_partition: dict[int, list[LogRecord]] = defaultdict(list)
    for record in world.cluster.records(topic):
        by_partition[record.partition()].append(record)
    count = 0
    with raw_producer(world.cluster.bootstrap) as producer:
        for partition, records in by_partition.items():
            again = shuffled(world, records)
            pairs = [(record.key(), record.value()) for record in again]
            offsets = send_many(producer, world.cluster.topic(topic), partition, pairs)
            count += len(offsets)
            if topic is SERVICE_STATES:
                world.forged.update((partition, offset) for offset in offsets)
    return count


def shuffled(world: World, records: Sequence[LogRecord]) -> list[LogRecord]:
    """In order as a whole topic is replayed, or out of order; some of them twice."""
    again = [record for record in records for _ in range(world.random.choice((1, 1, 2)))]
    if world.random.random() < 0.5:
        world.random.shuffle(again)
    return again


def results_ends(world: World) -> dict[int, int]:
    """Where each partition of `probe-results` ends now."""
    with results_reader(world) as reader:
        places = [TopicPartition(world.cluster.topic(PROBE_RESULTS), each) for each in range(PROBE_RESULTS.partitions)]
        return {spot.partition: reader.get_watermark_offsets(spot, timeout=SETTLED_S)[1] for spot in places}


def folded(world: World, ends: Mapping[int, int]) -> bool:
    """Whether the group's commits, which stay some seconds behind the work, have come to these ends."""
    with results_reader(world) as reader:
        places = [TopicPartition(world.cluster.topic(PROBE_RESULTS), partition) for partition in ends]
        committed = {spot.partition: spot.offset for spot in reader.committed(places, timeout=SETTLED_S)}
    return all(committed[partition] >= end for partition, end in ends.items() if end)


@contextmanager
def results_reader(world: World) -> Iterator[Any]:
    """A member of the nodes' group that never joins."""
    group = group_name(world.cluster.name)
    reader = Consumer({"bootstrap.servers": world.cluster.bootstrap, "group.id": group, "log_level": 0})
    try:
        yield reader
    finally:
        reader.close()
