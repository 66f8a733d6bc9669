"""Path monitoring on a real Kafka: nodes in network namespaces, a target in another, links that are cut and healed.

The nodes have Kafka through a relay at their own loopback, so that a node that is cut off from the target is a sound
member of the view all the while. Its own pings alone know.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.replica.paths import PathReplica
from connectors.replica.reach import Reach
from infra.cluster.nodes import start_node
from infra.kafka.broker import Broker
from schemas.config import Kind, Operation, Setting, Verb
from schemas.effective import effective_state
from schemas.identifiers import EntityId, NodeId
from schemas.probes import PathState
from schemas.processing import NO_PATHS, redirect, service_set
from schemas.states import CauseKind, PathMonitoring, ServiceState, State
from tests.integration.cluster import Cluster, add_monitor, add_service, bind, on_service, prepared
from tests.integration.conftest import delete_topics
from tests.netns.network import Network
from tests.netns.relay import Relay, http_get
from tests.waiting import wait_until

NODES = ("b0", "b1", "b2")
JOINER = "b3"
TARGET = "web"
WEB_PORT = 8099
"""Of every node: each has a loopback of its own."""
PATH_S = 45.0


@dataclass(slots=True)
class World:
    """A cluster on a network of its own."""

    cluster: Cluster
    network: Network
    paths: PathReplica
    reach: Reach
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
        Reach(broker.bootstrap, "paths") as reach,
    ):
        reach.wait_ready(PATH_S)
        made = World(cluster, network, paths, reach, log_dir)
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


def page(world: World, node: str, path: str) -> Any:
    """A page of one node's web views."""
    status, body = http_get(world.network, node, WEB_PORT, path)
    assert status == 200, body
    return body


def vserver_is_known(world: World, node: str) -> bool:
    """Whether its configuration has come to the node."""
    return http_get(world.network, node, WEB_PORT, "/api/vservers/shop")[0] == 200


def shown(world: World, *words: str) -> Any:
    """What `watchbill show ... -o json` prints."""
    command = [sys.executable, "-m", "streams.cli.main", "show", *words, "-o", "json"]
    command += ["--bootstrap", world.cluster.bootstrap, "--cluster", world.cluster.name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_PS1_PS2_a_vservers_traffic_goes_to_a_node_that_has_a_path(world: World) -> None:
    world.service("behind")
    world.cluster.apply(
        Operation(Verb.ADD, Kind.VSERVER, "shop", {"address": "10.1.1.1", "port": 80}),
        Operation(Verb.BIND, Kind.VSERVER, "shop", {}, Kind.SERVICE, "behind"),
    )
    lost = world.not_owner("behind")
    others = sorted({*NODES} - {lost})
    for node in NODES:
        wait_until(lambda node=node: vserver_is_known(world, node), PATH_S, f"{node} knows of the vserver")
    wait_until(lambda: page(world, lost, "/api/vservers/shop")["processing_set"] == [*NODES], PATH_S, "all three")
    world.network.cut(lost)
    try:
        world.wait_paths("behind", **{lost: PathState.DOWN})
        for node in NODES:
            wait_until(
                lambda node=node: page(world, node, "/api/vservers/shop")["processing_set"] == others, PATH_S, node
            )
        told = page(world, others[0], "/api/services/behind")
        assert {each["node"]: each["state"] for each in told["nodes"]} == {
            node: "DOWN" if node == lost else "UP" for node in NODES
        }
        assert (told["state"], told["processing_set"]) == ("UP", others)
        (redirect_to,) = {page(world, node, "/api/vservers/shop")["redirects"][lost] for node in NODES}
        assert redirect_to in others
        reach = world.reach
        wait_until(
            lambda: reach.vserver("shop").processing_set == (*map(NodeId, others),), PATH_S, "the SDK knows it too"
        )
        assert reach.vserver("shop").redirects == {lost: redirect_to}
        assert reach.service("behind").processing_set == (*others,)
        assert [reach.effective("behind", NodeId(node)) for node in (lost, others[0], "b9")] == [
            State.DOWN,
            State.UP,
            None,
        ]
        vserver, service = shown(world, "vserver", "shop"), shown(world, "service", "behind")
        assert (vserver["processing_set"], vserver["redirects"]) == (others, {lost: redirect_to})
        assert {each["node"]: each["path"] for each in service["nodes"]}[lost] == "DOWN"
    finally:
        world.network.heal(lost)
    wait_until(lambda: page(world, lost, "/api/vservers/shop")["redirects"] == {}, PATH_S, "all three again")


def test_P2_each_node_pings_the_target_once_and_says_with_which_socket(world: World) -> None:
    for name in ("twin1", "twin2"):
        world.service(name)
    for node in NODES:
        paths = page(world, node, "/healthz")["paths"]
        assert (paths["pings_with"], paths["cure"]) == ("raw socket", None)
        assert paths["addresses"] == {"UP": 1, "DOWN": 0, "UNKNOWN": 0}
    assert {node["pings"] for node in shown(world, "node") if node["in_view"]} == {"raw socket"}


def test_P7_switched_off_the_reports_are_taken_back_and_the_owners_word_counts(world: World) -> None:
    world.service("off", path_monitor_individual="no")
    lost, service = world.not_owner("off"), world.id_of("off")
    world.network.cut(lost)
    try:
        world.cluster.wait_state("off", State.DOWN)
        world.cluster.apply(
            on_service(Verb.SET, "off", path_monitor_individual="yes"),
        )
        world.cluster.wait_state("off", State.UP)
        assert world.effective("off")[lost] is State.DOWN
        world.cluster.apply(on_service(Verb.SET, "off", path_monitor="no", path_monitor_individual=None))
        up = world.cluster.wait_record("off", lambda held: held.path_monitoring is PathMonitoring.OFF, "off")
        assert up.state is State.UP
        assert world.effective("off") == dict.fromkeys(NODES, State.UP)
        wait_until(lambda: world.paths.paths(service) == NO_PATHS, PATH_S, "every report was taken back")
    finally:
        world.network.heal(lost)


def test_V9_V10_a_joining_node_has_every_report_before_it_serves(world: World) -> None:
    world.service("joined", path_monitor_individual="no")
    lost = world.not_owner("joined")
    world.network.cut(lost, JOINER)
    try:
        world.cluster.wait_state("joined", State.DOWN)
        world.start(JOINER)
        told = page(world, JOINER, "/api/services/joined")
        by_node = {each["node"]: each["path"] for each in told["nodes"]}
        assert {node: by_node[node] for node in NODES} == {node: "DOWN" if node == lost else "UP" for node in NODES}
        assert told["state"] == "DOWN"
        world.wait_paths("joined", **{JOINER: PathState.DOWN})
        world.network.heal(lost)
        world.wait_paths("joined", **{lost: PathState.UP})
        assert world.cluster.state("joined") is State.DOWN, "the node that joined cannot reach it"
        status = world.cluster.control.nodes()[NodeId(JOINER)]
        assert sum(status.applied["path-reports"]) > 0, "it says how far it has read them (T4)"
        world.cluster.node(JOINER).stop()
        world.cluster.wait_serving(NODES)
        up = world.cluster.wait_state("joined", State.UP)
        assert up.cause.kind in (CauseKind.PATH, CauseKind.OWNERSHIP)
    finally:
        world.network.heal(lost, JOINER)
