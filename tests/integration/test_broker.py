"""The broker of our own and the topics on it: started, stopped, killed, found again, created, verified, refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from infra.errors import BrokerDied, BrokerRunning, BrokerUnreachable, PortTaken, TopicsRefused
from infra.kafka.broker import Broker, _choose_port
from infra.kafka.process import start_time
from infra.topics import init
from schemas.topics import PROBE_RESULTS, SERVICE_STATES, TOPICS, VIEWS, topic_name
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def own_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a broker that these tests stop and kill."""
    data_dir = tmp_path_factory.mktemp("own-kafka")
    yield data_dir
    left = Broker.attach(data_dir)
    if left is not None:
        left.kill()


def write_one(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, "acks": "all"})
    producer.produce(topic, value, partition=0)
    assert producer.flush(20) == 0


def read_all(bootstrap: str, topic: str) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "log_level": 0})
    try:
        partition = TopicPartition(topic, 0, 0)
        _, end = consumer.get_watermark_offsets(partition, timeout=20)
        consumer.assign([partition])
        return [message.value() for message in consumer.consume(end, timeout=20)]
    finally:
        consumer.close()


@pytest.mark.timeout(240)
def test_restart_keeps_data_and_port(own_dir: Path) -> None:
    with Broker.start(own_dir) as first:
        assert first.is_running()
        topic = topic_name("kept", VIEWS)
        assert init(first.bootstrap, "kept", topics=[VIEWS]).created == (topic,)
        write_one(first.bootstrap, topic, b"before the restart")
    assert not first.is_running()

    second = Broker.start(own_dir)
    assert (second.port, second.bootstrap) == (first.port, f"127.0.0.1:{first.port}")
    assert second.pid != first.pid
    assert read_all(second.bootstrap, topic) == [b"before the restart"]
    write_one(second.bootstrap, topic, b"before the kill")
    second.kill()
    assert not second.is_running()

    with Broker.start(own_dir) as third:
        assert third.port == first.port
        assert read_all(third.bootstrap, topic) == [b"before the restart", b"before the kill"]


def test_a_folder_has_one_broker(broker: Broker) -> None:
    with pytest.raises(BrokerRunning, match=f"pid {broker.pid}"):
        Broker.start(broker.data_dir)
    attached = Broker.attach(broker.data_dir)
    assert attached is not None
    assert (attached.pid, attached.bootstrap) == (broker.pid, broker.bootstrap)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            Broker.start(tmp_path, port)


def test_a_preferred_port_is_taken_if_it_is_free_and_then_remembered(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        assert _choose_port(tmp_path, "127.0.0.1", None, port) != port
    assert _choose_port(tmp_path, "127.0.0.1", None, port) == port
    with socket.create_server(("127.0.0.1", 0)) as other:
        (tmp_path / "port").write_text(str(other.getsockname()[1]))
        with pytest.raises(PortTaken):
            _choose_port(tmp_path, "127.0.0.1", None, port)


def test_a_broker_that_dies_at_start_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(BrokerDied, match=r"num[.]io[.]threads"):
        Broker.start(tmp_path, settings={"num.io.threads": "none"})
    assert Broker.attach(tmp_path) is None


def test_a_pid_file_of_another_process_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "broker.pid").write_text(
        json.dumps({"pid": os.getpid(), "started": "long ago", "port": 1, "version": "4.3.0", "log_path": "kafka.log"})
    )
    assert start_time(os.getpid()) != "long ago"
    assert Broker.attach(tmp_path) is None


def test_the_command_leaves_the_broker_running_and_stops_it(own_dir: Path) -> None:
    def kafka(verb: str) -> dict[str, object]:
        command = "from streams.cli.kafka import app; app()"
        arguments = [sys.executable, "-c", command, verb, "--data-dir", str(own_dir), "-o", "json"]
        environment = {key: value for key, value in os.environ.items() if key != "WATCHBILL_BOOTSTRAP"}
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment, timeout=100)
        found: dict[str, object] = json.loads(done.stdout)
        assert found["kind"] == "own Kafka, from pip"
        return found

    started = kafka("start")
    assert kafka("status") == started
    assert started["state"] == "running"
    assert kafka("stop")["state"] == "stopped"
    assert kafka("status")["state"] == "not running"


def test_init_creates_then_verifies(broker: Broker, cluster_name: str) -> None:
    names = tuple(topic_name(cluster_name, topic) for topic in TOPICS)
    first = init(broker.bootstrap, cluster_name)
    assert (first.created, first.verified) == (names, ())
    again = init(broker.bootstrap, cluster_name)
    assert (again.created, again.verified) == ((), names)
    assert again.views_id == first.views_id
    partitions = AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=20).topics
    assert {name: len(partitions[name].partitions) for name in names} == {
        topic_name(cluster_name, topic): topic.partitions for topic in TOPICS
    }


def test_init_refuses_wrong_partitions_and_creates_nothing(broker: Broker, cluster_name: str) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    wrong = topic_name(cluster_name, PROBE_RESULTS)
    admin.create_topics([NewTopic(wrong, 3, 1, config=PROBE_RESULTS.kafka_settings())])[wrong].result(20)
    with pytest.raises(TopicsRefused, match=f"{wrong}: has 3 partitions, must have {PROBE_RESULTS.partitions}"):
        init(broker.bootstrap, cluster_name)
    assert [name for name in admin.list_topics(timeout=20).topics if name.startswith(cluster_name)] == [wrong]


def test_init_refuses_wrong_settings_and_says_what_to_set(broker: Broker, cluster_name: str) -> None:
    init(broker.bootstrap, cluster_name, topics=[VIEWS, SERVICE_STATES])
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    wrong = topic_name(cluster_name, SERVICE_STATES)
    change = ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, wrong, incremental_configs=[change])
    admin.incremental_alter_configs([resource])[resource].result(20)
    with pytest.raises(TopicsRefused, match=f"--alter --topic {wrong} --add-config cleanup.policy=compact"):
        init(broker.bootstrap, cluster_name)


def test_a_recreated_views_topic_has_another_id(broker: Broker, cluster_name: str) -> None:
    first = init(broker.bootstrap, cluster_name, topics=[VIEWS])
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    name = topic_name(cluster_name, VIEWS)
    admin.delete_topics([name])[name].result(20)
    wait_until(lambda: name not in admin.list_topics(timeout=20).topics, 20, f"{name} is gone")
    second = init(broker.bootstrap, cluster_name, topics=[VIEWS])
    assert second.created == (name,)
    assert second.views_id != first.views_id


def test_init_says_that_nothing_answers() -> None:
    with pytest.raises(BrokerUnreachable, match="no Kafka answers"):
        init("127.0.0.1:1", "anything", deadline_s=1)
