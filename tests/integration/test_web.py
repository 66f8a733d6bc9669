"""The web views of real nodes on real Kafka, asked over HTTP as a script, a load balancer or Prometheus asks them."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors.config.producer import ConfigProducer
from connectors.replica.control import ControlReplica
from infra.cluster.nodes import Nodes
from infra.kafka.broker import Broker
from infra.topics import init
from schemas.config import Kind, Operation, Verb
from tests.waiting import wait_until

READY_S = 60.0
SOON_S = 60.0
REQUEST_S = 10.0


@dataclass(frozen=True, slots=True)
class Site:
    """A node's web views. `ask` gives status and JSON; (0, {}) where nobody answers."""

    port: int

    def raw(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=REQUEST_S) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()
        except (urllib.error.URLError, ConnectionError):
            return 0, b"{}"

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        status, body = self.raw(path)
        return status, json.loads(body)

    def state(self, name: str) -> str | None:
        return self.ask(f"/api/services/{name}")[1].get("state")


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def watched(bootstrap: str, cluster: str, log_dir: Path, *node_ids: str) -> Iterator[tuple[Site, ...]]:
    """Nodes that serve, with web1 (a port that listens) and web2 (one that does not) configured."""
    sites = tuple(Site(unused_port()) for _ in node_ids)
    with (
        socket.create_server(("127.0.0.1", 0), backlog=4096) as healthy,
        Nodes(bootstrap, cluster, log_dir) as nodes,
        ControlReplica(bootstrap, cluster) as control,
    ):
        nodes.start(*node_ids, web_ports=[site.port for site in sites])
        nodes.wait_serving(control, node_ids, READY_S)
        with ConfigProducer(bootstrap, cluster) as config:
            result = config.send(
                services(web1=healthy.getsockname()[1], web2=unused_port()), "test", deadline_s=READY_S
            )
        assert result.accepted, result.rejections
        for site in sites:
            wait_until(lambda site=site: site.state("web1") == "UP", SOON_S, "web1 UP")  # type: ignore[misc]
            wait_until(lambda site=site: site.state("web2") == "DOWN", SOON_S, "web2 DOWN")  # type: ignore[misc]
        yield sites


def services(**ports: int) -> list[Operation]:
    quick = {"type": "TCP", "interval": "500ms", "response_timeout": "300ms", "retries": 2}
    operations = [Operation(Verb.ADD, Kind.MONITOR, "tcp", quick)]
    for name, port in ports.items():
        operations.append(Operation(Verb.ADD, Kind.SERVICE, name, {"address": "127.0.0.1", "port": port}))
        operations.append(Operation(Verb.BIND, Kind.SERVICE, name, {"weight": 10}, Kind.MONITOR, "tcp"))
    return operations


@pytest.mark.timeout(300)
def test_every_node_gives_the_same_answers(broker: Broker, cluster: str, tmp_path: Path) -> None:
    with watched(broker.bootstrap, cluster, tmp_path, "b0", "b1") as (first, second):
        status, page = first.ask("/api/services")
        assert status == 200
        rows = {row["name"]: row for row in page["services"]}
        assert {name: row["state"] for name, row in rows.items()} == {"web1": "UP", "web2": "DOWN"}
        assert {row["owner"] for row in rows.values()} <= {"b0", "b1"}
        assert rows["web2"]["cause"]["topic"] == f"{cluster}.probe-results"
        wait_until(
            lambda: without_ages(second) == without_ages(first), SOON_S, "both nodes show the same records"
        )  # a record may still be on its way to one of them
        check_details(first)
        check_cluster(first, cluster)
        check_metrics(first)


def without_ages(site: Site) -> list[dict[str, Any]]:
    return [{**row, "age_s": None} for row in site.ask("/api/services")[1]["services"]]


def check_details(site: Site) -> None:
    status, web2 = site.ask("/api/services/web2")
    assert status == 200
    (bound,) = web2["bindings"]
    assert (bound["monitor"], bound["type"], bound["weight"], bound["state"]) == ("tcp", "TCP", 10, "DOWN")
    assert bound["reason"] == "REFUSED"
    assert set(bound["outcomes"]) == {"-"}
    status, error = site.ask("/api/services/web9")
    assert (status, error) == (404, {"error": 'no service "web9": did you mean "web1"?'})
    assert [row["name"] for row in site.ask("/api/services?state=DOWN")[1]["services"]] == ["web2"]
    assert site.ask("/api/services?limit=1")[1]["next_after"] == "web1"


def check_cluster(site: Site, cluster: str) -> None:
    status, nodes = site.ask("/api/nodes")
    assert status == 200
    assert [(row["node_id"], row["phase"], row["in_view"]) for row in nodes["nodes"]] == [
        ("b0", "SERVING", True),
        ("b1", "SERVING", True),
    ]
    assert sum(row["partitions"] for row in nodes["nodes"]) == 64
    views = site.ask("/api/views")[1]
    assert [member["node_id"] for member in views["held"]["members"]] == ["b0", "b1"]
    assert views["views"][0]["offset"] >= views["held"]["view_id"] == nodes["view_id"]
    status, health = site.ask("/healthz")
    assert (status, health["ok"], health["node_id"]) == (200, True, "b0")
    assert health["kafka"]["connected"]
    assert health["lease"]["held"]


def check_metrics(site: Site) -> None:
    status, text = site.raw("/metrics")
    assert status == 200
    families = {family.name: family for family in text_string_to_metric_families(text.decode())}
    states = {sample.labels["state"]: sample.value for sample in families["watchbill_services"].samples}
    assert (states["UP"], states["DOWN"]) == (1, 1)
    up = {sample.labels["service"]: sample.value for sample in families["watchbill_service_up"].samples}
    assert up == {"web1": 1, "web2": 0}
    phases = {sample.labels["phase"]: sample.value for sample in families["watchbill_nodes"].samples}
    assert phases["SERVING"] == 2
    assert families["watchbill_kafka_connected"].samples[0].value == 1
    assert families["watchbill_view_id"].samples[0].value >= 0


@pytest.mark.timeout(300)
def test_U9_a_node_that_loses_kafka_says_so_and_keeps_the_last_states(tmp_path: Path) -> None:
    with Broker.start(tmp_path / "kafka") as broker:
        init(broker.bootstrap, "away")
        with watched(broker.bootstrap, "away", tmp_path, "b0") as (site,):
            broker.stop()
            wait_until(lambda: lacks_kafka(site), SOON_S, "/healthz says since when Kafka is away")
            health = site.ask("/healthz")[1]
            assert any(reason.startswith("Kafka has not answered since 20") for reason in health["reasons"])
            assert any(reason.startswith("no lease: ") for reason in health["reasons"])
            states = {row["name"]: row["state"] for row in site.ask("/api/services")[1]["services"]}
            assert states == {"web1": "UP", "web2": "DOWN"}
            assert site.ask("/api/services/web1")[1]["age_s"] > 0


def lacks_kafka(site: Site) -> bool:
    status, health = site.ask("/healthz")
    return status == 503 and not health["kafka"]["connected"] and not health["lease"]["held"]
