"""Commands on a real Kafka: all or nothing, once per id, every reason told, and no command lost with its agent.

The agent is a node like any other: it may die between two commands, or in the middle of one. What it had written by
then must never show as half a command, and its successor finishes the work from the audit log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from infra.kafka.broker import Broker
from schemas.codec import decode, encode
from schemas.config import ConfigCommand, ConfigEntity, ConfigResult, ConfigRevision, Kind, Operation, Verb
from schemas.identifiers import NodeId, Partition
from schemas.inventory.entities import entity_key
from schemas.states import State
from schemas.topics import CONFIG_COMMANDS, CONFIG_ENTITIES, CONFIG_RESULTS
from streams.folding.config.fold import ConfigFold
from streams.ownership.placement import place
from tests.integration.cluster import (
    Cluster,
    add_monitor,
    add_service,
    bind,
    decoded,
    on_service,
    prepared,
    readable,
    running,
    unbind,
)
from tests.integration.conftest import delete_topics
from tests.integration.raw import raw_producer, send_raw
from tests.waiting import wait_until

ANSWER_S = 60.0
SUCCESSION_S = 8.0
"""From the kill of the agent to its successor's first answer: the session's 1.5 s, and a machine that is shared."""


@pytest.fixture(scope="module")
def cluster(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes."""
    with running(broker.bootstrap, "config", tmp_path_factory.mktemp("config")) as made:
        yield made
    delete_topics(broker.bootstrap, "config")


def names(cluster: Cluster) -> set[tuple[Kind, str]]:
    """Kind and name of every visible entity."""
    return {(entity.kind, entity.name) for entity in cluster.control.entities().values()}


def config_agent(cluster: Cluster) -> NodeId:
    """The node that has the commands: partition 0 of the placement."""
    node = place(cluster.view().nodes).node_of(Partition(0))
    assert node is not None
    return node


def test_U5_the_same_command_id_takes_effect_once(cluster: Cluster) -> None:
    operations = [add_monitor("once"), add_service("twice", 80), bind("twice", "once")]
    first = cluster.config.send(operations, issuer="test", command_id="the-same")
    second = cluster.config.send(operations, issuer="test", command_id="the-same")
    assert first.accepted
    assert second == first, "the first answer, with its offset and its ids"
    assert [entity.name for entity in first.entities] == ["once", "twice"]
    assert sum(name == "twice" for _, name in names(cluster)) == 1


def test_a_command_with_one_bad_operation_changes_nothing(cluster: Cluster) -> None:
    before, revision = cluster.control.entities(), cluster.control.revision
    good = [add_service(f"all{number}", 80 + number) for number in range(20)]
    result = cluster.send(*good, bind("all0", "no-such-monitor"))
    assert not result.accepted
    assert [(reason.operation, "no-such-monitor" in reason.message) for reason in result.rejections] == [(20, True)]
    marker = cluster.apply(add_monitor("marker"))
    wait_until(lambda: cluster.control.revision == marker.command_offset, 10, "the next command is shown")
    assert set(cluster.control.entities()) - set(before) == {f"MONITOR/{marker.command_offset}-0"}
    assert revision < marker.command_offset


def test_every_reason_of_a_rejection_is_told_with_its_operation_and_line(cluster: Cluster) -> None:
    cluster.apply(add_monitor("reasons"), add_service("reasoned", 80), bind("reasoned", "reasons"))
    bad: Sequence[tuple[Operation, str]] = [
        (add_service("reasoned", 80), "exists already"),
        (add_service("sp ace", 80), "cannot be called so"),
        (Operation(Verb.ADD, Kind.SERVICE, "portless", {"address": "127.0.0.1"}), "port"),
        (add_service("addressed", 80, address="no where"), "address"),
        (add_service("high", 99_999), "port"),
        (Operation(Verb.ADD, Kind.MONITOR, "odd", {"type": "MORSE"}), "type"),
        (add_monitor("slow", interval="1s", response_timeout="2s"), "response_timeout"),
        (add_monitor("many", retries=2, failure_retries=3), "failure_retries"),
        (on_service(Verb.SET, "reasoned", colour="red"), "colour"),
        (on_service(Verb.SET, "absent", threshold=1), "does not exist"),
        (on_service(Verb.RM, "absent"), "does not exist"),
        (Operation(Verb.RM, Kind.MONITOR, "reasons", {}), "still bound"),
        (on_service(Verb.RENAME, "reasoned", "a/b"), "cannot be renamed"),
        (bind("reasoned", "absent"), "does not exist"),
        (bind("reasoned", "reasons", weight=101), "weight"),
        (unbind("reasoned", "once"), "not bound"),
        (Operation(Verb.ENABLE, Kind.NODE_GROUP, "group", {}), "cannot be enabled"),
        (Operation(Verb.BIND, Kind.MONITOR, "reasons", {}, Kind.SERVICE, "reasoned"), "cannot be bound"),
    ]
    lined = [
        Operation(
            operation.verb,
            operation.kind,
            operation.name,
            operation.settings,
            operation.target_kind,
            operation.target,
            operation.new_name,
            line=100 + index,
        )
        for index, (operation, _) in enumerate(bad)
    ]
    result = cluster.send(*lined)
    assert not result.accepted
    told = {reason.operation: reason for reason in result.rejections}
    for index, (operation, word) in enumerate(bad):
        assert index in told, f"{operation} was not complained of"
        assert word in told[index].message, told[index].message
        assert told[index].line == 100 + index


def test_S9_a_reader_never_sees_half_a_command(cluster: Cluster) -> None:
    size = 300
    group = cluster.apply(*(add_service(f"half{number:03d}", 80) for number in range(size)))
    wait_until(lambda: cluster.control.revision >= group.command_offset, ANSWER_S, "the command is shown")
    records = cluster.records(CONFIG_ENTITIES)
    mark = next(
        record.offset()
        for record in readable(records, ConfigRevision)
        if decode(ConfigRevision, record.value()).command_offset == group.command_offset
    )
    written = [
        record.offset()
        for record in readable(records, ConfigEntity)
        if decode(ConfigEntity, record.value()).revision == group.command_offset
    ]
    assert len(written) == size
    assert max(written) < mark


def test_F1_the_next_agent_goes_on_where_a_killed_one_stood(cluster: Cluster) -> None:
    before = cluster.config.send([add_monitor("mortal")], issuer="test", command_id="before-the-kill")
    agent = config_agent(cluster)
    cluster.node(agent).kill()
    operations = [add_service("survivor", 80), bind("survivor", "mortal")]
    after = cluster.config.send(operations, issuer="test", deadline_s=SUCCESSION_S)
    assert after.command_offset == before.command_offset + 1
    again = cluster.config.send(
        [add_monitor("mortal")], issuer="test", command_id="before-the-kill", deadline_s=ANSWER_S
    )
    assert again == before, "the new agent knows the answers of the old one"
    twice = cluster.send(add_monitor("mortal"))
    assert not twice.accepted, "and its entities"
    cluster.nodes.start(agent)
    cluster.wait_serving()
    assert cluster.apply(on_service(Verb.SET, "survivor", threshold=1)).accepted


def test_F9_commands_sent_in_the_middle_of_rebalances_are_all_answered_soon(cluster: Cluster) -> None:
    """A record that comes while the group rebalances must neither be lost nor wait for a watchdog."""
    for number in range(3):
        joiner = f"extra{number}"
        generation = cluster.view().generation
        cluster.nodes.start(joiner)
        moment = 0
        while cluster.view().generation == generation or joiner not in cluster.view().nodes or moment < 5:
            moment += 1
            added = add_monitor(f"rebalancing-{number}-{moment}")
            assert cluster.config.send([added], issuer="test", deadline_s=SUCCESSION_S).accepted
        assert cluster.node(joiner).stop() == 0
    cluster.wait_serving()


def crashed_agent(cluster: Cluster, commands: Sequence[ConfigCommand], *, marked: bool, upto: int = 2) -> None:
    """What stands in Kafka when an agent answered all commands but the last, of which it wrote `upto` entities.

    With `marked` it wrote all of them and their mark, and died before the answer.
    """
    fold = ConfigFold()
    with raw_producer(cluster.bootstrap) as producer:
        for command in commands:
            last = command is commands[-1]
            offset = send_raw(producer, cluster.topic(CONFIG_COMMANDS), 0, command.command_id.encode(), encode(command))
            result, changes = fold.take(command, offset)
            assert result.accepted, result.rejections
            topic = cluster.topic(CONFIG_ENTITIES)
            for entity in changes if marked or not last else changes[:upto]:
                assert isinstance(entity, ConfigEntity)
                send_raw(producer, topic, 0, entity_key(entity.kind, entity.entity_id).encode(), encode(entity))
            if marked or not last:
                send_raw(producer, topic, 0, b"revision", encode(ConfigRevision(offset, command.command_id)))
            if not last:
                key = command.command_id.encode()
                send_raw(producer, cluster.topic(CONFIG_RESULTS), 0, key, encode(result))


@pytest.mark.parametrize("marked", [False, True], ids=["entities without their mark", "mark without an answer"])
def test_F1_a_command_cut_short_by_a_crash_is_finished_by_the_next_agent(
    broker: Broker, cluster_name: str, tmp_path: Path, marked: bool
) -> None:
    with prepared(broker.bootstrap, cluster_name, tmp_path) as cluster:
        target = cluster.farm.target()
        whole = ConfigCommand("whole", 0, "test", (add_monitor("http", "HTTP"), add_service("old", target.port)))
        added = [add_service(f"new{number}", target.port) for number in range(5)]
        bound = [bind(name, "http") for name in ("old", *(f"new{number}" for number in range(5)))]
        short = ConfigCommand("short", 0, "test", (*added, *bound))
        crashed_agent(cluster, [whole, short], marked=marked)
        if not marked:
            assert {name for _, name in names(cluster)} <= {"http", "old"}, "half a command is not shown"
        cluster.start("b0")

        def answers() -> dict[str, ConfigResult]:
            return {found.command_id: found for found in decoded(cluster.records(CONFIG_RESULTS), ConfigResult)}

        answer = wait_until(lambda: answers().get("short"), ANSWER_S, "the command that was cut short is answered")
        assert answer.accepted
        assert answer.command_offset == 1
        wait_until(lambda: len(cluster.control.entities()) == 7, 10, "all of it is shown")
        cluster.wait_states(["old", *(f"new{number}" for number in range(5))], State.UP)
        assert "cut short" in cluster.node("b0").log_path.read_text()
        again = cluster.config.send([add_monitor("other")], issuer="test", command_id="short")
        assert again == answer
        next_one = cluster.apply(on_service(Verb.RM, "new0"))
        assert next_one.entities[0].entity_id == "1-0", "ids are those of the log, not of the repair"
        assert_entities_equal_the_log(cluster)


def assert_entities_equal_the_log(cluster: Cluster) -> None:
    """What is visible is what folding the audit log from its start gives."""
    fold = ConfigFold()
    for record in cluster.records(CONFIG_COMMANDS):
        fold.take(decode(ConfigCommand, record.value()), record.offset())

    def shown() -> dict[str, ConfigEntity]:
        return {entity.entity_id: entity for entity in cluster.control.entities().values()}

    wait_until(lambda: shown() == dict(fold.entities.by_id.items()), 10, "the entities that the log gives")
