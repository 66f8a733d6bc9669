"""U-8, F6: a node that is cut off from the targets, and not from Kafka, doubts itself, and others are asked first.

The nodes and the targets are hosts of a network of the test's own. The nodes have Kafka through a relay at their own
loopback, so that a node whose plug is pulled stays a sound member of the view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.cluster.nodes import start_node
from infra.kafka.broker import Broker
from schemas.identifiers import NodeId
from schemas.states import ServiceState, State
from tests.integration.cluster import NODE_IDS, Cluster, add_monitor, add_service, bind, prepared
from tests.netns.network import Network
from tests.netns.relay import Relay
from tests.waiting import wait_until

TARGETS = ("t0", "t1", "t2", "t3")
SERVICES = {f"{target}-{number}": target for target in TARGETS for number in range(9)}
NOTICED_S = 45.0


@dataclass(slots=True)
class World:
    """Three nodes, four targets, nine services each."""

    cluster: Cluster
    network: Network

    def start(self, log_dir: Path) -> None:
        for name in NODE_IDS:
            prefix = self.network.prefix(name)
            node = start_node(name, self.cluster.bootstrap, self.cluster.name, log_dir, prefix=prefix)
            self.cluster.nodes.running[node.node_id] = node
        self.cluster.wait_serving()

    def configure(self) -> None:
        self.cluster.apply(add_monitor("ping", "PING"))
        added = [add_service(name, 80, address=self.network.address(target)) for name, target in SERVICES.items()]
        self.cluster.apply(*added, *(bind(name, "ping") for name in SERVICES))
        self.cluster.wait_states(SERVICES, State.UP)

    def records(self) -> dict[str, ServiceState]:
        found = {name: self.cluster.states.by_name(name) for name in SERVICES}
        return {name: record for name, record in found.items() if record is not None}

    def owned_by(self, node: str) -> set[str]:
        return {name for name, record in self.records().items() if record.owner == node}

    def wait(self, names: set[str], wanted: Callable[[ServiceState], bool], what: str) -> None:
        def met() -> bool:
            return all(wanted(self.records()[name]) for name in names)

        try:
            wait_until(met, NOTICED_S, what)
        except AssertionError as late:
            odd = {name: self.records()[name] for name in names if not wanted(self.records()[name])}
            raise AssertionError(f"{late}; not so: {odd}") from None

    def wait_suspects(self, *nodes: str) -> None:
        def met() -> bool:
            return {node for node, status in self.cluster.control.nodes().items() if status.suspect} == set(nodes)

        wait_until(met, NOTICED_S, f"suspect: {nodes or 'nobody'}")

    def downs(self) -> dict[str, str]:
        """Services that went DOWN at any time, and why."""
        return {
            name: f"{line.owner}: {line.cause.text}"
            for name in SERVICES
            for line in self.cluster.transitions(name)
            if line.after is State.DOWN
        }


@pytest.fixture
def world(broker: Broker, cluster_name: str, tmp_path: Path) -> Iterator[World]:
    port = int(broker.bootstrap.rpartition(":")[2])
    with (
        Network(*NODE_IDS, *TARGETS) as network,
        Relay(network, port, *NODE_IDS),
        prepared(broker.bootstrap, cluster_name, tmp_path) as cluster,
    ):
        made = World(cluster, network)
        made.start(tmp_path)
        made.configure()
        yield made


def reached_by_another(record: ServiceState) -> bool:
    return record.state is State.UP and record.doubt is not None and record.doubt.until_ms is None


def test_F6_U8_a_node_cut_off_from_the_targets_takes_no_service_down(world: World) -> None:
    network, ours = world.network, world.owned_by("b0")
    assert len({SERVICES[name] for name in ours}) >= 2
    network.cut("b0")
    world.wait_suspects("b0")
    world.wait(ours, reached_by_another, "another node reaches every service of b0")
    asked = {record.doubt.asked for name, record in world.records().items() if name in ours and record.doubt}
    assert asked <= {NodeId("b1"), NodeId("b2")}
    assert world.downs() == {}

    dead = {name for name, target in SERVICES.items() if target == "t0"}
    network.cut("t0")
    world.wait(dead, lambda record: record.state is State.DOWN, "a real death is found, also where b0 is the owner")
    causes = [world.records()[name].cause.text for name in dead & ours]
    assert causes
    assert all("second opinion of b" in text for text in causes), causes
    assert all(reached_by_another(world.records()[name]) for name in ours - dead)

    network.heal("b0")
    world.wait_suspects()
    world.wait(ours - dead, lambda record: record.state is State.UP and record.doubt is None, "b0 reaches them itself")
    assert world.downs().keys() == dead, world.downs()
    network.heal("t0")
    world.wait(dead, lambda record: record.state is State.UP, "everything is UP again")
    world.cluster.check_promise()


def test_F6_U8_of_two_nodes_cut_off_neither_is_believed_and_the_third_is_asked(world: World) -> None:
    ours = world.owned_by("b0") | world.owned_by("b1")
    world.network.cut("b0", "b1")
    world.wait_suspects("b0", "b1")
    world.wait(ours, reached_by_another, "the third node reaches every service of both")
    assert {record.doubt.asked for record in world.records().values() if record.doubt} == {NodeId("b2")}
    world.network.heal("b0", "b1")
    world.wait(ours, lambda record: record.state is State.UP and record.doubt is None, "they reach them again")
    assert world.downs() == {}
    world.cluster.check_promise()


def test_F12_U8_where_every_target_dies_nobody_is_believed_to_reach_them(world: World) -> None:
    world.network.cut(*TARGETS)
    world.wait(set(SERVICES), lambda record: record.state is State.DOWN, "every service is DOWN")
    world.wait_suspects()
    assert all(record.doubt is None for record in world.records().values())
    world.cluster.check_promise()
