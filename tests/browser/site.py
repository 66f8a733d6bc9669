"""A small real cluster for the browser: a broker, two nodes that serve web views, and a dozen services to break.

The services are real ports; what the page shows of them went the whole way: probe, Kafka, fold, replica, page.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.config.producer import ConfigProducer
from connectors.kafka import KafkaAccess, OwnProducer
from connectors.replica.control import ControlReplica
from infra.cluster.nodes import Launch, Nodes
from infra.kafka.broker import Broker
from infra.topics import init
from schemas.codec import encode
from schemas.config import Kind, Operation, Verb
from schemas.identifiers import NO_VIEW, EntityId, NodeId, partition_of
from schemas.states import Cause, CauseKind, ServiceTransition, State
from schemas.topics import SERVICE_TRANSITIONS, topic_name
from tests.integration.targets import Ailment, Farm, Target
from tests.integration.test_web import unused_port
from tests.waiting import wait_until

CLUSTER = "browser"
NAMES = (
    *("auth-1", "auth-2", "cart-1", "cart-2", "checkout-1", "checkout-2", "search-1", "search-2", "search-3"),
    *("media-1", "media-2", "mail-1", "stock-1", "stock-2", "prices-1", "invoice-1"),
)
READY_S = 60.0
SOON_S = 60.0
MINUTE_MS = 60_000


@dataclass(frozen=True)
class Site:
    """The cluster, as a test sees it."""

    broker: Broker
    nodes: Nodes
    urls: tuple[str, ...]
    targets: dict[str, Target]
    token: str | None = None

    @property
    def url(self) -> str:
        """The first node's dashboard."""
        return self.urls[0]

    def ask(self, path: str, node: int = 0) -> dict[str, Any]:
        """A page of JSON."""
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        asked = urllib.request.Request(f"{self.urls[node]}{path}", headers=headers)
        with urllib.request.urlopen(asked, timeout=10) as response:
            return json.loads(response.read())  # type: ignore[no-any-return]

    def state(self, name: str) -> str:
        """What the first node says of a service."""
        return str(self.ask(f"api/services/{name}")["state"])

    def break_(self, name: str, ailment: Ailment = Ailment.CLOSED) -> None:
        """Make a service ill."""
        self.targets[name].become(ailment)

    def heal(self, *names: str) -> None:
        """Make services well, and wait until the cluster has seen it."""
        for name in names or self.targets:
            self.targets[name].become(Ailment.NONE)
        for name in names or self.targets:
            wait_until(lambda name=name: self.state(name) == "UP", SOON_S, f"{name} UP again")  # type: ignore[misc]


@contextmanager
def running_site(
    folder: Path,
    names: tuple[str, ...] = NAMES,
    node_ids: tuple[str, ...] = ("b0", "b1"),
    token: str | None = None,
) -> Iterator[Site]:
    """Everything UP when the block begins. Ends with it. With a token, the nodes' doors are open, and want it."""
    ports = [unused_port() for _ in node_ids]
    with (
        Broker.start(folder / "kafka") as broker,
        Farm() as farm,
        Nodes(broker.bootstrap, CLUSTER, folder) as nodes,
    ):
        init(broker.bootstrap, CLUSTER)
        with ControlReplica(broker.bootstrap, CLUSTER) as control:
            if token is not None:
                nodes.launches |= {
                    NodeId(one): open_door(port, token) for one, port in zip(node_ids, ports, strict=True)
                }
            nodes.start(*node_ids, web_ports=ports if token is None else ())
            nodes.wait_serving(control, node_ids, READY_S)
        targets = {name: farm.target() for name in names}
        write_past(broker.bootstrap, names)
        with ConfigProducer(broker.bootstrap, CLUSTER) as config:
            result = config.send(configured(targets), "test", deadline_s=READY_S)
        assert result.accepted, result.rejections
        site = Site(broker, nodes, tuple(f"http://127.0.0.1:{port}/" for port in ports), targets, token)
        site.heal()
        yield site


def open_door(port: int, token: str) -> Launch:
    """A node whose pages others than this machine can reach, who must show the token."""
    return Launch(environment={"WATCHBILL_WEB_TOKEN": token}, options=("--web", f"0.0.0.0:{port}"))


def configured(targets: dict[str, Target]) -> list[Operation]:
    """A quick monitor, bound to every service; a vserver of the first two; and a service that needs another's other."""
    quick = {"type": "HTTP", "interval": "400ms", "response_timeout": "350ms", "retries": 2, "down_time": "400ms"}
    operations = [Operation(Verb.ADD, Kind.MONITOR, "http", quick)]
    for name, target in targets.items():
        operations.append(Operation(Verb.ADD, Kind.SERVICE, name, {"address": "127.0.0.1", "port": target.port}))
        operations.append(Operation(Verb.BIND, Kind.SERVICE, name, {"weight": 10}, Kind.MONITOR, "http"))
    operations.append(Operation(Verb.ADD, Kind.VSERVER, "shop", {"address": "127.0.0.1", "port": 8443}))
    if {"invoice-1", "stock-2", "prices-1"} <= targets.keys():
        for name, needed in (("invoice-1", "prices-1"), ("prices-1", "stock-2")):
            operations.append(Operation(Verb.BIND, Kind.SERVICE, name, {}, Kind.SERVICE, needed))
    bound = list(targets)[:2]
    return operations + [Operation(Verb.BIND, Kind.VSERVER, "shop", {}, Kind.SERVICE, name) for name in bound]


def write_past(bootstrap: str, names: tuple[str, ...]) -> None:
    """An hour of history, as the log of an older cluster would hold it: the strip and time travel have a past.

    The ids are those that the first command of a new cluster gives. Under no view: whatever a node tells is newer.
    """
    producer = OwnProducer(KafkaAccess(bootstrap, "test-past"), delivery_timeout_ms=10_000)
    now_ms = time.time_ns() // 1_000_000
    for number, name in enumerate(names):
        entity_id = EntityId(f"0-{1 + 2 * number}")
        for sequence, (minutes, state) in enumerate(past(number)):
            before = State.UP if state is State.DOWN else State.DOWN if sequence else State.UNKNOWN
            at_ms, cause = (
                now_ms - int(minutes * MINUTE_MS),
                Cause(CauseKind.PROBE, "http: TIMEOUT, no answer in 150 ms"),
            )
            transition = ServiceTransition(
                NO_VIEW, sequence, entity_id, name, NodeId("b0"), before, state, 0, 10, cause, at_ms
            )
            topic = topic_name(CLUSTER, SERVICE_TRANSITIONS)
            assert producer.send(topic, partition_of(entity_id), entity_id.encode(), encode(transition))
    assert producer.flush(10) == 0
    producer.close()


def past(number: int) -> list[tuple[float, State]]:
    """Minutes ago, and the state from then on; each service had its own hour, the same in every run."""
    times = [(130.0, State.UP)]
    if number % 3 == 0:
        times += [(48.0 - number % 5, State.DOWN), (46.5 - number % 5, State.UP)]
    if number % 4 == 1:
        times += [(21.0, State.DOWN), (20.2, State.UP), (12.0 - number % 3, State.DOWN), (9.0 - number % 3, State.UP)]
    return times
