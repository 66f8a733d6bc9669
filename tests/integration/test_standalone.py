"""Clustering off (V-12), and services that every node monitors for itself (O-11), on real Kafka."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.cluster.nodes import start_node
from infra.kafka.broker import Broker
from schemas.config import Kind, Operation, Verb
from schemas.identifiers import NodeId
from schemas.states import State
from tests.integration.cluster import Cluster, add_monitor, add_service, bind, prepared
from tests.integration.conftest import delete_topics
from tests.integration.targets import Ailment
from tests.waiting import wait_until

NAME = "standalone"


@pytest.fixture
def cluster(broker: Broker, tmp_path: Path) -> Iterator[Cluster]:
    with prepared(broker.bootstrap, NAME, tmp_path) as made:
        yield made
    delete_topics(broker.bootstrap, NAME)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def shown(port: int, name: str) -> Any:
    """A service as a node's web views show it; {} while they do not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/services/{name}", timeout=2) as answer:
            return json.load(answer)
    except OSError:
        return {}


def start(cluster: Cluster, node_id: str, port: int | None, *options: str) -> None:
    node = start_node(node_id, cluster.bootstrap, cluster.name, cluster.nodes.log_dir, web_port=port, options=options)
    cluster.nodes.running[NodeId(node_id)] = node


def test_V12_a_standalone_node_has_everything_and_ends_where_another_serves(cluster: Cluster) -> None:
    start(cluster, "alone", None, "--standalone")
    cluster.wait_serving(["alone"])
    cluster.apply(add_monitor("http", "HTTP"), Operation(Verb.ADD, Kind.NODE_GROUP, "edge", {}))
    cluster.add_services(["web", "far"], "http")
    cluster.apply(Operation(Verb.BIND, Kind.SERVICE, "far", {}, Kind.NODE_GROUP, "edge"))
    cluster.wait_states(["web", "far"], State.UP)
    assert set(cluster.owners(["web", "far"]).values()) == {"alone"}, "node groups divide nothing among one"

    start(cluster, "b1", None)
    node = cluster.node("alone")
    wait_until(lambda: not node.is_alive, 20, "the standalone node ends")
    assert node.process.returncode == 1
    assert "clustering is off for node 'alone', but b1 serve in the same cluster" in node.last_lines()
    cluster.wait_serving(["b1"])
    wait_until(lambda: cluster.owners(["web"]) == {"web": "b1"}, 20, "b1 takes over what it hosts")


def test_O11_each_node_shows_its_own_state_of_an_internal_service_and_tells_nobody(cluster: Cluster) -> None:
    ports = {"b0": free_port(), "b1": free_port()}
    for node_id, port in ports.items():
        start(cluster, node_id, port)
    cluster.wait_serving(ports)
    target = cluster.farm.target()
    cluster.apply(add_monitor("http", "HTTP"), add_service("own", target.port, internal=True), bind("own", "http"))
    for node_id, port in ports.items():
        wait_until(lambda port=port: shown(port, "own").get("state") == "UP", 20, f"{node_id} finds it UP")
        assert shown(port, "own")["owner"] == node_id
    target.become(Ailment.ERROR)
    for node_id, port in ports.items():
        wait_until(lambda port=port: shown(port, "own").get("state") == "DOWN", 20, f"{node_id} finds it DOWN")
    assert cluster.states.by_name("own") is None
    assert not [batch for batch in cluster.probe_results() if batch.runs or batch.claims]
