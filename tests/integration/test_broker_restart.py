"""F7, U-9: Kafka goes away and comes back, twice. The last states stay, with their age, in every replica, on every
node's pages; no service goes DOWN for it.

A broker of its own: it is stopped and started again on the same folder and port.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.kafka.broker import Broker
from schemas.config import Setting
from schemas.states import ServiceTransition, State
from schemas.topics import SERVICE_TRANSITIONS
from tests.integration.cluster import NODE_IDS, Cluster, add_monitor, decoded, prepared
from tests.integration.targets import Ailment
from tests.integration.test_web import Site, unused_port
from tests.waiting import wait_until

NAMES = [f"svc{number}" for number in range(12)]
BACK_S = 30.0
"""reliability.md F7: no partition stuck 30 s after the broker's return."""
NOTICED_S = 45.0
AGED_S = 3.0
PATIENT: dict[str, Setting] = {"interval": "250ms", "response_timeout": "240ms", "retries": 3}
"""The targets live in this process, which is busy: a monitor in a hurry would tell of the test, not of the targets."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the broker's data lies."""
    return tmp_path_factory.mktemp("restarted")


@pytest.fixture(scope="module")
def brokers(folder: Path) -> Iterator[list[Broker]]:
    """The broker that now runs, as the only item."""
    brokers = [Broker.start(folder / "kafka")]
    yield brokers
    brokers[0].stop()


@pytest.fixture(scope="module")
def cluster(brokers: list[Broker], folder: Path) -> Iterator[Cluster]:
    """Three nodes, twelve services that are UP."""
    with prepared(brokers[0].bootstrap, "restart", folder / "logs") as made:
        made.nodes.start(*NODE_IDS, web_ports=[unused_port() for _ in NODE_IDS])
        made.wait_serving()
        made.apply(add_monitor("http", "HTTP", **PATIENT))
        made.add_services(NAMES, "http")
        made.wait_states(NAMES, State.UP)
        yield made
        if not brokers[0].is_running():
            brokers[0] = Broker.start(folder / "kafka")


def told_of_kafka(cluster: Cluster, since: dict[str, int]) -> set[str]:
    """Nodes whose log, behind these places, says that they act as owner no more.

    librdkafka's own words about the broker are not asked for: each kind of them is told once in half a minute.
    """
    texts = {node_id: node.log_path.read_text()[since[node_id] :] for node_id, node in cluster.nodes.running.items()}
    return {node_id for node_id, text in texts.items() if "the lease ended" in text}


def sites(cluster: Cluster) -> list[Site]:
    """The web views of every node."""
    return [Site(node.web_port) for node in cluster.nodes.running.values() if node.web_port is not None]


def check_web(site: Site) -> None:
    """U-9 on a node's pages: every last state, its age, and plain words about Kafka."""
    status, page = site.ask("/api/services")
    assert status == 200
    assert {row["name"]: row["state"] for row in page["services"]} == dict.fromkeys(NAMES, "UP")
    assert page["states_age_s"] > AGED_S
    assert all(row["age_s"] > AGED_S for row in page["services"])
    status, health = site.ask("/healthz")
    assert status == 503
    assert any("the last states stay, and age" in reason for reason in health["reasons"]), health["reasons"]


@pytest.mark.parametrize("attempt", [1, 2])
def test_U9_F7_states_outlive_a_broker_restart_and_breaks_are_seen_again(
    brokers: list[Broker], cluster: Cluster, folder: Path, attempt: int
) -> None:
    broken = NAMES[attempt]
    states = {name: cluster.states.by_name(name) for name in NAMES}
    since = {node_id: len(node.log_path.read_text()) for node_id, node in cluster.nodes.running.items()}
    port = brokers[0].port
    assert brokers[0].stop()
    stopped_s = time.monotonic()
    wait_until(lambda: not cluster.states.connected, NOTICED_S, "the replica knows that Kafka is away")
    cluster.targets[broken].become(Ailment.ERROR)
    wait_until(lambda: len(told_of_kafka(cluster, since)) == 3, NOTICED_S, "every node says so")
    wait_until(lambda: cluster.states.age_s() > AGED_S + 2, NOTICED_S, "the states age, in all nodes too")
    assert {name: cluster.states.by_name(name) for name in NAMES} == states, "the last states stay as they were"
    assert cluster.states.age_s() <= time.monotonic() - stopped_s + 5
    for site in sites(cluster):
        check_web(site)
    assert all(node.is_alive for node in cluster.nodes.running.values())

    brokers[0] = Broker.start(folder / "kafka", port)
    returned_ms = time.time() * 1000
    cluster.wait_state(broken, State.DOWN, BACK_S)

    def beating() -> bool:
        return all(status.sent_at_ms > returned_ms for status in cluster.control.nodes().values())

    wait_until(beating, BACK_S, "every node's heartbeat is back: none is frozen")
    cluster.wait_serving()
    for name in NAMES:
        if name != broken:
            cluster.targets[name].become(Ailment.ERROR)
            cluster.wait_state(name, State.DOWN, BACK_S)
            cluster.targets[name].become(Ailment.NONE)
    assert cluster.states.connected
    cluster.targets[broken].become(Ailment.NONE)
    cluster.wait_states(NAMES, State.UP, BACK_S)
    cluster.check_promise()


def test_U9_nobody_went_down_because_kafka_was_away(cluster: Cluster) -> None:
    """Each service was broken by hand once a round: UP, DOWN, UP for each, and not a line more.

    A line that was on its way when Kafka went is sent again, and may stand there twice: the very same is one.
    """
    lines = decoded(cluster.records(SERVICE_TRANSITIONS), ServiceTransition)
    for name in NAMES:
        told = list(dict.fromkeys(line for line in lines if line.name == name))
        causes = "; ".join(f"{line.after.value} by {line.owner}: {line.cause.text}" for line in told)
        assert [line.after for line in told] == [State.UP, *(State.DOWN, State.UP) * 2], f"{name}: {causes}"
