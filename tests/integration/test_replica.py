"""Replicas on a real Kafka: ready, changes, no gap, stale and bad records, a broker that goes and comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from connectors.kafka import (
    BadRecord,
    FaultKind,
    LogFault,
)
from connectors.replica import Change, ControlReplica, EntityChange, NotReady, StaleRecord, StateReplica, entity_key
from infra.kafka.broker import Broker
from infra.topics import init
from schemas.cluster import NodeStatus, Phase, ViewChange, ViewMember
from schemas.codec import encode
from schemas.config import ConfigEntity, ConfigRevision, Kind
from schemas.identifiers import NO_VIEW, EntityId, NodeId, partition_of
from schemas.states import State
from schemas.topics import CONFIG_ENTITIES, NODES, SERVICE_STATES, VIEWS, topic_name
from tests.integration.writing import SOON_S, Writer
from tests.unit.replica.samples import service_state
from tests.waiting import wait_until

READY_S = 60.0
NOWHERE = "127.0.0.1:9"  # the discard service, which no machine of ours runs


@pytest.fixture
def replicas(broker: Broker, cluster: str) -> Iterator[Callable[..., StateReplica]]:
    made: list[StateReplica] = []

    def make(**callbacks: object) -> StateReplica:
        made.append(StateReplica(broker.bootstrap, cluster, **callbacks))  # type: ignore[arg-type]
        made[-1].wait_ready(READY_S)
        return made[-1]

    yield make
    for replica in made:
        replica.close()


Replicas = Callable[..., StateReplica]


def test_reads_what_was_written_before_and_after(writer: Writer, replicas: Replicas) -> None:
    writer.put(*(service_state(f"{n}-0", sequence=n) for n in range(50)))
    states = replicas()
    assert len(states) == 50
    assert [entity_id for entity_id, _ in states.items()] == sorted(f"{n}-0" for n in range(50))
    assert states[EntityId("7-0")] == service_state("7-0", sequence=7)
    assert states.by_name("svc-9-0") == service_state("9-0", sequence=9)
    writer.put(service_state("7-0", sequence=99, state=State.DOWN, name="renamed"))
    wait_until(lambda: states[EntityId("7-0")].state is State.DOWN, SOON_S, "the change is seen")
    assert states.by_name("renamed") == states[EntityId("7-0")]
    assert states.by_name("svc-7-0") is None
    assert sum(states.positions()[SERVICE_STATES.name]) == 51
    assert states.connected
    assert states.age_s() < SOON_S


def test_a_subscriber_sees_each_change_once_and_tombstones(writer: Writer, replicas: Replicas) -> None:
    first, second = service_state("1-0"), service_state("1-0", sequence=2, state=State.DOWN)
    writer.put(first)
    states, seen = replicas(), []
    assert dict(states.on_change(seen.extend).items()) == {"1-0": first}
    writer.put(second)
    writer.raw("1-0", None)
    writer.settle()
    wait_until(lambda: len(seen) == 2, SOON_S, "both changes")
    partition = partition_of(EntityId("1-0"))
    assert seen == [Change("1-0", first, second, partition, 1), Change("1-0", second, None, partition, 2)]
    assert EntityId("1-0") not in states
    assert len(states) == 0


def test_subscribing_among_writes_leaves_no_gap_and_no_overlap(writer: Writer, replicas: Replicas) -> None:
    states, rounds = replicas(), 400
    keys = [f"{n}-0" for n in range(8)]

    def write() -> None:
        for sequence in range(1, rounds + 1):
            for key in keys:
                writer.raw(key, encode(service_state(key, sequence=sequence)))

    thread = threading.Thread(target=write)
    thread.start()
    subscribers: list[tuple[dict[str, int], list[Change]]] = []
    while thread.is_alive() and len(subscribers) < 20:
        seen: list[Change] = []
        taken = states.on_change(seen.extend)
        subscribers.append(({entity_id: state.sequence for entity_id, state in taken.items()}, seen))
        threading.Event().wait(0.01)
    thread.join()
    writer.settle()
    wait_until(lambda: sum(states.positions()[SERVICE_STATES.name]) == rounds * len(keys), SOON_S, "all is read")
    for snapshot, seen in subscribers:
        for key in keys:
            heard = [change.after.sequence for change in seen if change.entity_id == key and change.after]
            assert heard == list(range(snapshot.get(key, 0) + 1, rounds + 1))


def test_S10_a_stale_record_is_ignored_and_reported(writer: Writer, replicas: Replicas) -> None:
    stale: list[StaleRecord] = []
    states = replicas(on_stale=stale.append)
    writer.put(service_state("1-0", view_id=5))
    writer.put(service_state("1-0", view_id=4, sequence=70))
    wait_until(lambda: stale, SOON_S, "the stale record is reported")
    assert (stale[0].offset, stale[0].order, stale[0].stored) == (1, (4, 70), (5, 1))
    assert states[EntityId("1-0")].view_id == 5
    assert states.rejected == 1
    assert states.unrepaired() == tuple(stale)
    writer.put(service_state("1-0", view_id=5))
    wait_until(lambda: not states.unrepaired(), SOON_S, "the repair is seen")
    assert states.rejected == 1


def test_F4_bad_records_are_reported_and_cost_nothing(writer: Writer, replicas: Replicas) -> None:
    bad: list[BadRecord] = []
    good = service_state("1-0")
    writer.raw("9-9", b"\x00\x00\x00\x00\x01 confluent")
    writer.put(good)
    states = replicas(on_bad=bad.append)
    assert len(states) == 1
    for value in (
        b"",
        b"noise",
        encode(service_state("1-0", sequence=9))[:-3],
        encode(service_state("2-0", sequence=9)),
    ):
        writer.raw("1-0", value)
    writer.put(service_state("3-0"))
    wait_until(lambda: EntityId("3-0") in states and len(bad) == 5, SOON_S, "all five are reported")
    assert states[EntityId("1-0")] == good
    assert states.bad == 5
    assert {each.topic for each in bad} == {writer.topic}


def test_F4_two_bad_records_in_a_row_give_their_place_back_to_the_good_one(writer: Writer, replicas: Replicas) -> None:
    bad: list[BadRecord] = []
    states = replicas(on_bad=bad.append)
    writer.put(service_state("1-0", sequence=3))
    wait_until(lambda: EntityId("1-0") in states, SOON_S, "the good one is there")
    for sequence in (9, 10):
        writer.raw("1-0", encode(service_state("1-0", sequence=sequence))[:-3])
    wait_until(lambda: len(bad) == 2, SOON_S, "both are reported, each once")
    assert states[EntityId("1-0")] == service_state("1-0", sequence=3)
    assert states.encoded(EntityId("1-0")) == encode(service_state("1-0", sequence=3))
    assert [stale.entity_id for stale in states.unrepaired()] == ["1-0"]
    writer.put(service_state("1-0", sequence=4))
    wait_until(lambda: states[EntityId("1-0")].sequence == 4, SOON_S, "the next good one is taken")
    assert states.unrepaired() == ()


def test_F4_bytes_that_prove_bad_only_when_asked_for_are_reported_once(writer: Writer, replicas: Replicas) -> None:
    bad: list[BadRecord] = []
    writer.raw("1-0", encode(service_state("1-0"))[:-3])
    writer.put(service_state("2-0"))
    states = replicas(on_bad=bad.append)
    assert [state.entity_id for state in states.values()] == ["2-0"]
    assert states.get(EntityId("1-0")) is None
    assert [(each.key, each.offset) for each in bad] == [(b"1-0", -1)]
    assert len(states) == 1


def test_F4_who_reads_ahead_is_told_of_bad_bytes_that_nobody_asks_for(writer: Writer, replicas: Replicas) -> None:
    bad: list[BadRecord] = []
    writer.raw("1-0", encode(service_state("1-0"))[:-3])
    writer.put(service_state("2-0"))
    states = replicas(on_bad=bad.append, read_ahead=True)
    wait_until(lambda: [each.key for each in bad] == [b"1-0"], SOON_S, "the bad one is told of")
    assert len(states) == 1


def test_a_callback_that_raises_stops_nobody(writer: Writer, replicas: Replicas) -> None:
    states = replicas()
    seen: list[Change] = []

    def raises(_: Sequence[Change]) -> None:
        raise RuntimeError("the subscriber's own fault")

    states.on_change(raises)
    states.on_change(seen.extend)
    writer.put(service_state("1-0"), service_state("2-0"))
    wait_until(lambda: len(seen) == 2, SOON_S, "the other subscriber hears both")


def test_a_missing_topic_is_told_with_the_mend(broker: Broker, cluster_name: str) -> None:
    with (
        StateReplica(broker.bootstrap, cluster_name) as states,
        pytest.raises(NotReady, match=r"does not exist: run `watchbill init`"),
    ):
        states.wait_ready(READY_S)


def test_a_topic_that_comes_later_is_read(broker: Broker, cluster_name: str) -> None:
    with StateReplica(broker.bootstrap, cluster_name) as states:
        wait_until(lambda: states.fault, SOON_S, "the missing topic is a fault")
        init(broker.bootstrap, cluster_name)
        wait_until(lambda: states.ready, SOON_S, "it is read once it is there")
        assert states.fault is None


def test_a_recreated_topic_is_refused(broker: Broker, cluster: str, writer: Writer) -> None:
    writer.put(service_state("1-0"))
    faults: list[LogFault] = []
    with StateReplica(broker.bootstrap, cluster, on_fault=faults.append) as states:
        states.wait_ready(READY_S)
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        admin.delete_topics([states.topic])[states.topic].result(SOON_S)
        wait_until(lambda: states.fault, SOON_S, "the deletion is a fault")
        init(broker.bootstrap, cluster)
        wait_until(lambda: states.fault and states.fault.kind is FaultKind.TOPIC_RECREATED, SOON_S, "refused")
        assert states.fault is not None
        assert "made anew" in states.fault.message
        wait_until(lambda: faults and faults[-1] == states.fault, SOON_S, "and told")
        assert states.get(EntityId("1-0")) == service_state("1-0")


def test_no_kafka_is_told() -> None:
    with StateReplica(NOWHERE) as states:
        assert states.age_s() == float("inf")
        with pytest.raises(NotReady, match="no Kafka broker answers at"):
            states.wait_ready(0.5)


def test_U9_states_stay_and_age_while_kafka_is_away(tmp_path: Path) -> None:
    with Broker.start(tmp_path) as first:
        init(first.bootstrap, "away")
        writer = Writer(first.bootstrap, "away")
        writer.put(service_state("1-0"))
        states = StateReplica(first.bootstrap, "away")
        states.wait_ready(READY_S)
        seen: list[Change] = []
        states.on_change(seen.extend)
    with states:
        wait_until(lambda: not states.connected, SOON_S, "the replica notices")
        wait_until(lambda: states.age_s() > 1.5, SOON_S, "its age grows")
        assert states[EntityId("1-0")] == service_state("1-0")
        assert seen == []
        with Broker.start(tmp_path) as second:
            assert second.bootstrap == first.bootstrap
            wait_until(lambda: states.connected and states.age_s() < 1.5, READY_S, "it is back")
            writer.put(service_state("1-0", sequence=2))
            wait_until(lambda: len(seen) == 1, READY_S, "and goes on where it stood")
            assert writer.producer.close() == 0
    assert states.rejected == 0


def test_the_control_replica_reads_three_topics(broker: Broker, cluster: str, writer: Writer) -> None:
    heard: list[tuple[list[EntityChange], int]] = []
    bad: list[BadRecord] = []
    entity = ConfigEntity(EntityId("0-0"), Kind.SERVICE, "web", 0, True, {"port": 80}, ())
    status = NodeStatus(NodeId("b0"), "i", Phase.SERVING, (), 1, None, NO_VIEW, {"nodes": (3,)}, (), 1, 0, 0, "0.1.0")
    view = ViewChange(NO_VIEW, 1, (ViewMember(NodeId("b0"), "i", ()),), NodeId("b0"), 0)

    def send(topic: str, key: str | None, value: bytes | None) -> None:
        assert writer.producer.send(topic, 0, None if key is None else key.encode(), value)

    entities, nodes, views = (topic_name(cluster, topic) for topic in (CONFIG_ENTITIES, NODES, VIEWS))
    send(entities, entity_key(entity), encode(entity))
    send(views, None, b"noise")
    send(views, None, encode(view))
    send(nodes, "b0", encode(status))
    send(nodes, "b1", encode(status))
    writer.settle()
    with ControlReplica(
        broker.bootstrap,
        cluster,
        on_entities=lambda changes, revision: heard.append((list(changes), revision)),
        on_bad=bad.append,
    ) as control:
        control.wait_ready(READY_S)
        assert control.entities() == {}
        send(entities, "revision", encode(ConfigRevision(0, "c0")))
        wait_until(lambda: heard, SOON_S, "the mark shows the command")
        assert heard == [([EntityChange("SERVICE/0-0", None, entity)], 0)]
        assert control.views() == [(1, view)]
        assert control.nodes() == {"b0": status}
        assert sorted((each.topic, each.offset) for each in bad) == [(nodes, 1), (views, 0)]
        assert control.positions() == {"config-entities": (2,), "nodes": (2,), "views": (2,)}
