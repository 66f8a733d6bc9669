"""Path monitoring on a real Kafka: nodes in network namespaces, a target in another, links that are cut and healed.

The nodes have Kafka through a relay at their own loopback, so that a node that is cut off from the target is a sound
member of the view all the while. Its own pings alone know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.replica.paths import PathReplica
from infra.cluster.nodes import start_node
from infra.kafka.broker import Broker
from schemas.config import Setting
from schemas.effective import effective_state
from schemas.identifiers import EntityId, NodeId
from schemas.probes import PathState
from schemas.processing import redirect, service_set
from schemas.states import CauseKind, PathMonitoring, ServiceState, State
from tests.integration.cluster import Cluster, add_monitor, add_service, bind, prepared
from tests.integration.conftest import delete_topics
from tests.netns.network import Network
from tests.netns.relay import Relay
from tests.waiting import wait_until

NODES = ("b0", "b1", "b2")
JOINER = "b3"
TARGET = "web"
WEB_PORT = 8099
"""Of every node: each has a loopback of its own."""
PATH_S = 15.0


@dataclass(slots=True)
class World:
    """A cluster on a network of its own."""

    cluster: Cluster
    network: Network
    paths: PathReplica
    log_dir: Path

    def start(self, *nodes: str) -> None:
        """Start nodes, each on its host, and wait until all that run serve."""
        for name in nodes:
            prefix = self.network.prefix(name)
            node = start_node(
                name, self.cluster.bootstrap, self.cluster.name, self.log_dir, web_port=WEB_PORT, prefix=prefix
            )
            self.cluster.nodes.running[node.node_id] = node
        self.cluster.wait_serving()

    def service(self, name: str, **settings: Setting) -> ServiceState:
        """A service at the target, monitored and path-monitored, once it is UP and every node has reported its path."""
        address = self.network.address(TARGET)
        self.cluster.apply(
            add_service(name, 80, address=address, path_monitor="yes", **settings), bind(name, "reachable")
        )
        held = self.cluster.wait_state(name, State.UP)
        self.wait_paths(name, **dict.fromkeys(NODES, PathState.UP))
        return held

    def id_of(self, name: str) -> EntityId:
        held = self.cluster.states.by_name(name)
        assert held is not None
        return held.entity_id

    def wait_paths(self, name: str, **paths: PathState) -> None:
        """Wait until these nodes have reported these paths to a service."""
        service = self.id_of(name)

        def seen() -> bool:
            return all(self.paths.of(service, NodeId(node)) is path for node, path in paths.items())

        wait_until(seen, PATH_S, f"paths {paths} to {name}")

    def effective(self, name: str) -> dict[str, State]:
        """By which state each node serves, as any consumer works it out."""
        held = self.cluster.states.by_name(name)
        assert held is not None
        return {node: effective_state(held, self.paths.of(held.entity_id, NodeId(node))) for node in NODES}

    def processing_set(self, name: str) -> frozenset[NodeId]:
        held = self.cluster.states.by_name(name)
        assert held is not None
        return service_set(self.cluster.view().nodes, held.path_monitoring, self.paths.paths(held.entity_id))

    def not_owner(self, name: str) -> str:
        held = self.cluster.states.by_name(name)
        assert held is not None
        return next(node for node in NODES if node != held.owner)


@pytest.fixture(scope="module")
def world(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log_dir = tmp_path_factory.mktemp("paths")
    port = int(broker.bootstrap.rpartition(":")[2])
    with (
        Network(*NODES, JOINER, TARGET) as network,
        Relay(network, port, *NODES, JOINER),
        prepared(broker.bootstrap, "paths", log_dir) as cluster,
        PathReplica(broker.bootstrap, "paths") as paths,
    ):
        made = World(cluster, network, paths, log_dir)
        made.start(*NODES)
        cluster.apply(add_monitor("path-monitor", "PING"), add_monitor("reachable", "PING"))
        yield made
    delete_topics(broker.bootstrap, "paths")


def test_P5_P9_a_node_that_is_cut_off_holds_the_service_down_for_itself_alone(world: World) -> None:
    world.service("own")
    lost = world.not_owner("own")
    assert world.effective("own") == dict.fromkeys(NODES, State.UP)
    assert world.processing_set("own") == set(NODES)
    world.network.cut(lost)
    try:
        world.wait_paths("own", **{lost: PathState.DOWN})
        assert world.cluster.state("own") is State.UP
        assert world.effective("own") == {node: State.DOWN if node == lost else State.UP for node in NODES}
        assert world.processing_set("own") == {*NODES} - {lost}
        assert redirect(world.id_of("own"), NodeId(lost), world.processing_set("own")) in {*NODES} - {lost}
    finally:
        world.network.heal(lost)
    world.wait_paths("own", **{lost: PathState.UP})
    assert world.effective("own") == dict.fromkeys(NODES, State.UP)


def test_P5_P10_decided_together_one_node_without_a_path_is_down_for_all(world: World) -> None:
    world.service("all", path_monitor_individual="no")
    lost = world.not_owner("all")
    world.network.cut(lost)
    try:
        down = world.cluster.wait_state("all", State.DOWN)
        assert (down.cause.kind, down.cause.text) == (CauseKind.PATH, f"{lost} cannot reach it")
        assert (down.path_state, down.path_monitoring) == (PathState.DOWN, PathMonitoring.TOGETHER)
        assert world.effective("all") == dict.fromkeys(NODES, State.DOWN)
    finally:
        world.network.heal(lost)
    up = world.cluster.wait_state("all", State.UP)
    assert (up.cause.kind, up.path_state) == (CauseKind.PATH, PathState.UP)
