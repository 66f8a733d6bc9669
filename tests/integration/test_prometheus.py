"""A real Prometheus beside real nodes: it scrapes them, discovers the services, and each query of the Grafana
dashboard gives data. Configured as docs/integrations.md says.
"""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from infra.cluster.nodes import Launch
from infra.kafka.broker import Broker
from schemas.identifiers import NodeId
from schemas.states import State
from tests.documents import DOCS, example, put_in_place
from tests.integration.cluster import Cluster, add_monitor, prepared
from tests.integration.conftest import delete_topics
from tests.integration.targets import Ailment
from tests.servers.running import free_port, needed
from tests.servers.running import running as program
from tests.waiting import wait_until

NAME = "scraped"
NODES = ("b0", "b1")
SCRAPED_S = 60.0
NOBODY_LISTENS = Launch(environment={"WATCHBILL_ALERTMANAGER": "http://127.0.0.1:9"})
"""So that there are figures of telling."""
BUILT_IN = {"$__rate_interval": "10s"}


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Its API."""

    port: int

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}", timeout=10) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]

    def query(self, text: str) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self.get("query", query=text)["result"]
        return result

    def labels(self, text: str, name: str) -> dict[str, float]:
        return {row["metric"][name]: float(row["value"][1]) for row in self.query(text)}


@pytest.fixture(scope="module")
def cluster(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with prepared(broker.bootstrap, NAME, tmp_path_factory.mktemp("nodes")) as made:
        made.nodes.launches.update({NodeId(node): NOBODY_LISTENS for node in NODES})
        made.nodes.start(*NODES, web_ports=[free_port() for _ in NODES])
        made.wait_serving()
        made.apply(add_monitor("http", "HTTP"))
        made.add_services(["good", "bad"], "http")
        made.targets["bad"].become(Ailment.ERROR)
        made.wait_state("good", State.UP)
        made.wait_state("bad", State.DOWN)
        yield made
    delete_topics(broker.bootstrap, NAME)


@pytest.fixture(scope="module")
def prometheus(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    first, second = (f"127.0.0.1:{cluster.node(node).web_port}" for node in NODES)
    places = {
        'targets: ["127.0.0.1:8080"]': f"targets: [{first!r}, {second!r}]",
        "http://127.0.0.1:8080/": f"http://{first}/",
        "scrape_interval: 15s": "scrape_interval: 500ms\n  evaluation_interval: 1s",
        "refresh_interval: 30s": "refresh_interval: 1s",
    }
    (folder / "watchbill.rules.yml").write_text(example("integrations.md", "Rules", "yaml"))
    (folder / "prometheus.yml").write_text(put_in_place(example("integrations.md", "Prometheus", "yaml"), places))
    command = [needed("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}"]
    made = Prometheus(port)
    with program(command, port, folder, ready=made.is_ready):
        wait_until(lambda: len(made.query("rate(watchbill_fold_runs_total[10s])")) == 2, SCRAPED_S, "two scrapes each")
        yield made


def test_the_nodes_are_scraped_and_the_services_discovered(prometheus: Prometheus, cluster: Cluster) -> None:
    assert set(prometheus.labels("watchbill_service_up", "service")) == {"good", "bad"}
    assert prometheus.labels("max by (service) (watchbill_service_up)", "service") == {"good": 1, "bad": 0}
    up = 'up{job="services"}'
    wait_until(lambda: set(prometheus.labels(up, "service")) == {"good", "bad"}, SCRAPED_S, "both are targets")
    wait_until(lambda: prometheus.labels(up, "service") == {"good": 1, "bad": 0}, SCRAPED_S, "as they are")
    found = prometheus.get("targets")["activeTargets"]
    targets = {row["labels"]["service"]: row for row in found if row["scrapePool"] == "services"}
    assert targets["bad"]["discoveredLabels"]["__meta_watchbill_state"] == "DOWN"
    assert targets["good"]["labels"]["instance"] == f"127.0.0.1:{cluster.targets['good'].port}"


def test_each_rule_can_be_asked_and_speaks_of_figures_that_there_are(prometheus: Prometheus) -> None:
    def rules() -> list[dict[str, Any]]:
        return [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]

    wait_until(lambda: {rule["health"] for rule in rules()} == {"ok"}, SCRAPED_S, "each was asked without a fault")
    told = prometheus.get("label/__name__/values")
    for rule in rules():
        named = re.findall(r"watchbill_\w+|\bup\b", rule["query"])
        assert named
        assert set(named) <= set(told), rule["query"]


def test_each_expression_of_the_operations_page_can_be_asked_and_speaks_of_figures_that_there_are(
    prometheus: Prometheus,
) -> None:
    page = (DOCS / "operations.md").read_text(encoding="utf-8")
    section = page.split("\n## What to be woken for\n")[1].split("\n## ")[0]
    expressions = [
        text for text in re.findall(r"`([^`]+)`", section) if re.match(r"(up|watchbill_\w+|increase)\b", text)
    ]
    assert len(expressions) >= 8
    told = set(prometheus.get("label/__name__/values"))
    for text in expressions:
        prometheus.query(text)
        assert set(re.findall(r"watchbill_\w+|\bup\b", text)) <= told, text


def dashboard() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((DOCS / "grafana" / "watchbill.json").read_text(encoding="utf-8"))
    return made


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def filled_in(text: str) -> str:
    """A query as Grafana sends it with all chosen."""
    for name, value in (*BUILT_IN.items(), *((f"${name}", ".+") for name in ("job", "instance"))):
        text = text.replace(name, value)
    assert "$" not in text, text
    return text


def test_every_query_of_the_dashboard_gives_data(prometheus: Prometheus) -> None:
    queries = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
    assert len(queries) > 20
    assert [title for title, text in queries if not prometheus.query(filled_in(text))] == []


def test_the_dashboard_has_something_to_choose_from(prometheus: Prometheus) -> None:
    variables = [row for row in dashboard()["templating"]["list"] if row["type"] == "query"]
    for variable in variables:
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
        assert found, variable
        series, label = filled_in(found[1]), found[2]
        values = prometheus.get(f"label/{label}/values", **{"match[]": series})
        assert len(values) == {"job": 1, "instance": len(NODES)}[label]


def test_every_figure_of_a_node_is_on_the_dashboard(prometheus: Prometheus) -> None:
    told = {name for name in prometheus.get("label/__name__/values") if name.startswith("watchbill_")}
    shown = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    assert [name for name in sorted(told) if not re.search(rf"\b{name}\b", shown)] == []
