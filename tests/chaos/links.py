"""Links of nodes that lose packets: all, those of one direction, or some, by rules in the node's own namespace.

Rule: each node is a host of a network of the run's own (`tests/netns`); Kafka and the targets are on another one, at
addresses of their own, so that a node can be cut from the one and not from the other. Packets are dropped where they
come in and where they go out of the node's link (nftables, netdev), behind the back of its sockets, and are counted.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from enum import Enum

from tests.netns.network import PORT, CannotMakeNetworks, Network

HUB = "hub"
"""The host of Kafka, the targets, and the run itself."""
TARGET_HOSTS = ("10.77.0.201", "10.77.0.202")
TABLE = "netdev chaos"


class Way(Enum):
    """Which packets are dropped, seen from the node."""

    BOTH = ("in", "out")
    IN = ("in",)
    OUT = ("out",)


@dataclass(frozen=True, slots=True)
class Links:
    """The links of a network's nodes. Made by `lay`."""

    network: Network

    @property
    def kafka(self) -> str:
        """Kafka's address."""
        return self.network.address(HUB)

    def cut(self, node: str, addresses: tuple[str, ...], way: Way = Way.BOTH, percent: int = 100) -> None:
        """Drop that share of the packets between a node and these addresses."""
        some = "" if percent == 100 else f"numgen random mod 100 < {percent} "
        for direction in way.value:
            end = "saddr" if direction == "in" else "daddr"
            for address in addresses:
                self._nft(node, f'add rule {TABLE} {direction} ip {end} {address} {some}counter name "dropped" drop')

    def heal(self, node: str) -> None:
        """Drop nothing any more."""
        self._nft(node, f"flush table {TABLE}")

    def dropped(self, node: str) -> int:
        """Packets dropped so far."""
        told = json.loads(self.network.run(node, "nft", "-j", "list", "counters", "table", *TABLE.split()))
        return sum(int(one["counter"]["packets"]) for one in told["nftables"] if "counter" in one)

    def _nft(self, node: str, text: str) -> None:
        self.network.run(node, "nft", text)


def lay(network: Network) -> Links:
    """Ready the nodes' links, and the addresses of the targets. Raises CannotMakeNetworks with the mend."""
    if shutil.which("nft") is None:
        raise CannotMakeNetworks("there is no `nft` command: install the package nftables")
    links = Links(network)
    for address in TARGET_HOSTS:
        network.run(HUB, "ip", "address", "add", f"{address}/24", "dev", PORT)
    for node in network.hosts:
        if node != HUB:
            network.run(node, "nft", f"add table {TABLE}")
            network.run(node, "nft", f"add counter {TABLE} dropped")
            for direction, hook in (("in", "ingress"), ("out", "egress")):
                rule = f'{{ type filter hook {hook} device "{PORT}" priority 0; policy accept; }}'
                network.run(node, "nft", f"add chain {TABLE} {direction} {rule}")
    return links
