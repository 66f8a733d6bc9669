"""S-1 end to end: the record of a service on the owner's link has its MAC and interface, one on loopback only its MSS.

The node and the target are hosts of a network of the test's own; the node has Kafka through a relay at its loopback.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.cluster.nodes import start_node
from infra.kafka.broker import Broker
from schemas.states import State
from tests.integration.cluster import add_monitor, add_service, bind, prepared
from tests.integration.test_show import watchbill
from tests.netns.network import PORT, Network
from tests.netns.relay import Relay

LISTENS_AT = 8080


@contextmanager
def target(network: Network, host: str) -> Iterator[None]:
    """Something that takes connections on a host; the kernel alone answers them."""
    listener = network.within(host, lambda: socket.create_server((network.address(host), LISTENS_AT), backlog=128))
    with listener:
        yield


def test_S1_the_owner_tells_the_link_of_each_service(broker: Broker, cluster_name: str, tmp_path: Path) -> None:
    port = int(broker.bootstrap.rpartition(":")[2])
    with (
        Network("b0", "t0") as network,
        Relay(network, port, "b0"),
        target(network, "t0"),
        prepared(broker.bootstrap, cluster_name, tmp_path) as cluster,
    ):
        node = start_node("b0", cluster.bootstrap, cluster.name, tmp_path, prefix=network.prefix("b0"))
        cluster.nodes.running[node.node_id] = node
        cluster.wait_serving()
        cluster.apply(
            add_monitor("tcp"),
            add_service("near", LISTENS_AT, address=network.address("t0")),
            add_service("home", port),
            bind("near", "tcp"),
            bind("home", "tcp"),
        )
        cluster.wait_states(("near", "home"), State.UP)
        near = cluster.wait_record("near", lambda held: held.mss is not None, "its link is told")
        mac = network.run("t0", "cat", f"/sys/class/net/{PORT}/address").strip()
        assert near.layer_two is not None
        assert (near.layer_two.mac, near.layer_two.vlan, near.layer_two.channel) == (mac, 0, PORT)
        assert near.mss is not None
        assert 1_300 < near.mss <= 1_460, "Ethernet's 1,500, without the headers"
        home = cluster.wait_record("home", lambda held: held.mss is not None, "its link is told")
        assert home.layer_two is None
        assert home.mss is not None
        assert home.mss > 1_460, "loopback carries more"
        shown = json.loads(watchbill(cluster.bootstrap, cluster.name, "show", "service", "near", "-o", "json").stdout)
        assert (shown["mss"], shown["layer_two"]["mac"]) == (near.mss, mac)
        table = watchbill(cluster.bootstrap, cluster.name, "show", "service", "near").stdout
        assert f"{mac} on {PORT}, MSS {near.mss}" in table
        cluster.check_promise()
