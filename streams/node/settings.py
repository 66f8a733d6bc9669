"""What an operator sets for one node, and the times that follow from it.

Rule: one number, the group's session time-out, gives all the others, in the order that fencing needs: heartbeat period
< producer delivery < lease < session. A test holds the order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from connectors.haproxy_socket import check_place
from connectors.probes.policy import NO_RULES, TargetPolicy
from connectors.resolver.answers import is_server
from schemas.identifiers import NodeId
from schemas.topics import DEFAULT_CLUSTER, Topic, topic_name
from streams.node.alert_settings import NOBODY, AlertSettings
from streams.ownership.view import EVERY_GROUP
from streams.web.guard import Door, check_token

DEFAULT_SESSION_TIMEOUT_S = 3.0
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
NAME_RULE = "give 1 to 63 letters, digits, '_', '-' or '.', the first a letter, a digit or '_', such as b0"
MINIMUM_SESSION_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Validated on construction; a ValueError says what to change."""

    node_id: NodeId
    bootstrap: str
    cluster: str = DEFAULT_CLUSTER
    engines: int = 1
    node_groups: tuple[str, ...] = ()
    web_host: str = "127.0.0.1"
    web_port: int | None = None
    session_timeout_s: float = DEFAULT_SESSION_TIMEOUT_S
    targets: TargetPolicy = NO_RULES
    """Which addresses this node may probe."""
    scripts: Path | None = None
    """The folder of scripts that USER monitors may name; None: they are off."""
    resolvers: tuple[str, ...] = ()
    """DNS servers, as ADDRESS or ADDRESS:PORT; none: those of /etc/resolv.conf."""
    haproxy_stats: str | None = None
    """HAProxy's stats socket, a path or HOST:PORT, from which passive monitors are fed; None: they are not."""
    clustering: bool = True
    """Off: this node is all there is (V-12); it ends when it finds another in its view."""
    web_token: str | None = field(default=None, repr=False)
    """What whoever tells passive monitors of traffic over the web must show, and, where the web views are not on
    loopback, whoever reads; None: nothing.
    """
    web_names: tuple[str, ...] = ()
    """What the web views are called besides their address, where a name leads to it."""
    alerts: AlertSettings = NOBODY
    """Who is told of what is DOWN."""

    def __post_init__(self) -> None:
        for name in (self.node_id, *self.node_groups):
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot name a node or a node group: {NAME_RULE}")
        for server in self.resolvers:
            if not is_server(server):
                raise ValueError(f"{server!r} is no DNS server: give ADDRESS[:PORT], such as 10.0.0.53 or [::1]:5353")
        if self.haproxy_stats is not None:
            check_place(self.haproxy_stats)
        if self.web_token is not None:
            check_token(self.web_token)
        if self.web_port is not None:
            self.door()
        if not 1 <= self.engines <= 64:
            raise ValueError(f"{self.engines} engines: give 1 to 64, at most one a core")
        if self.session_timeout_s < MINIMUM_SESSION_TIMEOUT_S:
            raise ValueError(f"session time-out {self.session_timeout_s} s: the broker takes no less than 1 s")

    def door(self) -> Door:
        """Where the web views are served, and to whom. Raises OpenBind, a ValueError, for an address open to all."""
        return Door(self.web_host, self.web_token, frozenset(name.lower() for name in self.web_names))

    def topic(self, topic: Topic) -> str:
        """A topic's name in this cluster."""
        return topic_name(self.cluster, topic)

    @property
    def hosted_groups(self) -> tuple[str, ...]:
        """The node groups that this node tells others it serves."""
        return self.node_groups if self.clustering else (EVERY_GROUP,)

    @property
    def lease_s(self) -> float:
        """How long a heartbeat gives the right to act as owner."""
        return 0.7 * self.session_timeout_s

    @property
    def delivery_timeout_s(self) -> float:
        """After this a record that was not delivered is given back: less than the lease."""
        return 0.6 * self.session_timeout_s

    @property
    def kernel_timeout_s(self) -> float:
        """How long the kernel sends what it has of a record: with the lease it is less than the session, so that
        nothing that left under the lease arrives behind a successor's first record.
        """
        return 0.25 * self.session_timeout_s

    @property
    def heartbeat_period_s(self) -> float:
        """How often a node writes its status."""
        return 0.15 * self.session_timeout_s

    @property
    def group_heartbeat_s(self) -> float:
        """How often the group hears of the node, and so how soon the node hears of a rebalance. A node that leaves has
        given its services away before (T5); of a crash's takeover this is a twentieth of a second.
        """
        return 0.1

    @property
    def web_url(self) -> str | None:
        """Where the node's web views answer, None if they are off."""
        if self.web_port is None:
            return None
        host = self.web_names[0] if self.web_names else self.web_host
        return f"http://[{host}]:{self.web_port}" if ":" in host else f"http://{host}:{self.web_port}"
