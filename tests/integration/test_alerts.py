"""People told of what is DOWN: a real Alertmanager and a real receiver, by real nodes, one of which dies in the middle.

Configured as docs/integrations.md says. The tests run in their order, on one cluster; the last one kills a node.
"""

from __future__ import annotations

import json
import shlex
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from infra.cluster.nodes import Launch
from infra.kafka.broker import Broker
from schemas.config import Kind, Operation, Verb
from schemas.identifiers import NodeId
from schemas.states import State
from streams.ownership.placement import place
from tests.documents import example, put_in_place
from tests.integration.cluster import Cluster, add_monitor, in_partition, on_service, prepared
from tests.integration.conftest import delete_topics
from tests.integration.targets import Ailment
from tests.servers.running import free_port, needed
from tests.servers.running import running as program
from tests.waiting import wait_until

NAME = "alerting"
PAGE = "integrations.md"
NODES = ("b0", "b1")
TOKEN, PATH_SECRET = "tell-nobody-this-token", "tell-nobody-this-path"
NAMES = [f"svc{number}" for number in range(10)]
TOLD_S = 60.0
Alert = dict[str, Any]


@dataclass
class Hook:
    """What was posted, by path. While `sick` it answers 500 and takes nothing."""

    sick: bool = False
    tried: int = 0
    """Requests of the nodes."""
    taken: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """(path, Authorization, body)."""

    def alerts(self, path: str = f"/{PATH_SECRET}") -> list[Alert]:
        """Every alert that was posted there, with its sender."""
        bodies = [body for where, _, body in list(self.taken) if where == path]
        return [{**alert, "node": body.get("node")} for body in bodies for alert in body["alerts"]]

    def told(self, service: str) -> list[tuple[str, str]]:
        """What the webhook was told of a service."""
        return [(alert["kind"], alert["status"]) for alert in self.alerts() if alert["service"] == service]


@pytest.fixture(scope="module")
def hook() -> Iterator[tuple[Hook, int]]:
    made = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.tried += PATH_SECRET in self.path
            if not made.sick:
                made.taken.append((self.path, self.headers.get("Authorization", ""), body))
            self.send_response(500 if made.sick else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made, server.server_address[1]
        server.shutdown()
        thread.join()


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Its API."""

    port: int

    def active(self) -> dict[str, Alert]:
        """Alerts that go on, by service."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v2/alerts?active=true", timeout=10) as answer:
            return {alert["labels"]["service"]: alert for alert in json.load(answer)}


@pytest.fixture(scope="module")
def alertmanager(hook: tuple[Hook, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    folder, port = tmp_path_factory.mktemp("alertmanager"), free_port()
    places = {"127.0.0.1:9999": f"127.0.0.1:{hook[1]}", "group_wait: 10s": "group_wait: 100ms", "1m": "1s"}
    (folder / "alertmanager.yml").write_text(put_in_place(example(PAGE, "Alerts", "yaml"), places))
    command = [needed("prometheus-alertmanager"), f"--config.file={folder}/alertmanager.yml"]
    command += [f"--storage.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
    with program([*command, "--cluster.listen-address="], port, folder):
        yield Alertmanager(port)


def environment(hook_port: int, manager_port: int) -> dict[str, str]:
    """What the page's options say, as the environment, where `ps` does not show it."""
    places = {"127.0.0.1:9999/watchbill": f"127.0.0.1:{hook_port}/{PATH_SECRET}", "9093": str(manager_port)}
    words = shlex.split(put_in_place(example(PAGE, "Alerts", "sh"), places))
    given = dict(zip(words[2::2], words[3::2], strict=True))
    return {
        "WATCHBILL_ALERT_WEBHOOK": given["--alert-webhook"],
        "WATCHBILL_ALERTMANAGER": given["--alertmanager"],
        "WATCHBILL_ALERT_TOKEN": TOKEN,
    }


@pytest.fixture(scope="module")
def cluster(
    broker: Broker,
    hook: tuple[Hook, int],
    alertmanager: Alertmanager,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    with ExitStack() as stack:
        made = stack.enter_context(prepared(broker.bootstrap, NAME, tmp_path_factory.mktemp("nodes")))
        launch = Launch(environment=environment(hook[1], alertmanager.port))
        made.nodes.launches.update({NodeId(node): launch for node in NODES})
        made.start(*NODES)
        made.apply(add_monitor("http", "HTTP"), add_monitor("told", "HTTP", alert_retries=2))
        made.add_services(NAMES, "http")
        made.wait_states(NAMES, State.UP)
        yield made
    delete_topics(broker.bootstrap, NAME)


def await_told(hook: Hook, service: str, *told: tuple[str, str]) -> None:
    wait_until(lambda: hook.told(service) == list(told), TOLD_S, f"of {service} was told {told}; all: {hook.alerts()}")


FIRING, RESOLVED = ("SERVICE_DOWN", "firing"), ("SERVICE_DOWN", "resolved")


def test_down_and_its_end_are_told_once_and_nothing_secret_is_logged(
    cluster: Cluster, hook: tuple[Hook, int], alertmanager: Alertmanager
) -> None:
    receiver, name = hook[0], NAMES[0]
    cluster.targets[name].become(Ailment.ERROR)
    cluster.wait_state(name, State.DOWN)
    await_told(receiver, name, FIRING)
    wait_until(lambda: name in alertmanager.active(), TOLD_S, "Alertmanager has it")
    wait_until(lambda: receiver.alerts("/people"), TOLD_S, "Alertmanager tells people")
    labels = {"alertname": "WatchbillServiceDown", "cluster": NAME, "service": name, "severity": "critical"}
    assert alertmanager.active()[name]["labels"] == labels
    first = receiver.alerts()[0]
    record = cluster.wait_state(name, State.DOWN)
    assert first["id"] == f"{record.entity_id}/SERVICE_DOWN/{record.changed_at_ms}/firing"
    assert "HTTP 503" in first["text"]
    assert receiver.taken[0][1] == f"Bearer {TOKEN}" or receiver.taken[0][0] == "/people"
    cluster.targets[name].become(Ailment.NONE)
    await_told(receiver, name, FIRING, RESOLVED)
    wait_until(lambda: name not in alertmanager.active(), TOLD_S, "it is over for Alertmanager")
    for node in NODES:
        log = cluster.node(node).log_path.read_text()
        assert TOKEN not in log
        assert PATH_SECRET not in log


def test_M20_what_depends_on_what_is_down_is_silent_until_that_is_up(cluster: Cluster, hook: tuple[Hook, int]) -> None:
    receiver, (base, above) = hook[0], NAMES[1:3]
    cluster.apply(Operation(Verb.BIND, Kind.SERVICE, above, {}, Kind.SERVICE, base))
    cluster.targets[base].become(Ailment.ERROR)
    await_told(receiver, base, FIRING)
    cluster.targets[above].become(Ailment.ERROR)
    cluster.wait_state(above, State.DOWN)
    cluster.targets[NAMES[3]].become(Ailment.ERROR)
    await_told(receiver, NAMES[3], FIRING)
    assert receiver.told(above) == [], "what came later was told, and this was not"
    cluster.targets[base].become(Ailment.NONE)
    await_told(receiver, base, FIRING, RESOLVED)
    await_told(receiver, above, FIRING)


def test_what_is_taken_out_of_service_is_over_and_its_monitors_are_silent(
    cluster: Cluster, hook: tuple[Hook, int]
) -> None:
    receiver, name = hook[0], NAMES[4]
    cluster.apply(Operation(Verb.BIND, Kind.SERVICE, name, {}, Kind.MONITOR, "told"))
    cluster.apply(on_service(Verb.DISABLE, name, graceful=True))
    cluster.wait_state(name, State.GOING_OUT_OF_SERVICE)
    cluster.targets[name].become(Ailment.ERROR)
    cluster.apply(on_service(Verb.DISABLE, NAMES[3]))
    await_told(receiver, NAMES[3], FIRING, RESOLVED)
    assert receiver.told(name) == []
    cluster.apply(on_service(Verb.ENABLE, name))
    wait_until(lambda: FIRING in receiver.told(name), TOLD_S, "in service again it is told")
    wait_until(lambda: ("PROBES_FAILED", "happened") in receiver.told(name), TOLD_S, "what its monitor asked for too")


def folded_by(cluster: Cluster, node: str, names: Sequence[str]) -> list[str]:
    """Those of the services that a node folds in the view in force."""
    view = cluster.view()
    return in_partition(cluster.ids(names), place(view.nodes).partitions_of(NodeId(node)))


def test_the_successor_tells_what_a_killed_node_had_not_told_and_nothing_twice(
    cluster: Cluster, hook: tuple[Hook, int], alertmanager: Alertmanager
) -> None:
    receiver = hook[0]
    victim = next(node for node in NODES if len(folded_by(cluster, node, NAMES[5:])) > 1)
    early, late = folded_by(cluster, victim, NAMES[5:])[:2]
    cluster.targets[early].become(Ailment.ERROR)
    await_told(receiver, early, FIRING)
    receiver.sick, before = True, receiver.tried
    cluster.targets[late].become(Ailment.ERROR)
    cluster.wait_state(late, State.DOWN)
    wait_until(lambda: receiver.tried > before, TOLD_S, "the victim tries in vain")
    cluster.node(victim).kill()
    receiver.sick = False
    cluster.wait_serving()
    await_told(receiver, late, FIRING)
    (told,) = [alert for alert in receiver.alerts() if alert["service"] == late]
    assert told["node"] != victim
    assert receiver.told(early) == [FIRING], "its successor read that it was told"
    wait_until(lambda: {early, late} <= set(alertmanager.active()), TOLD_S, "both go on")
    for name in (early, late):
        cluster.targets[name].become(Ailment.NONE)
        await_told(receiver, name, FIRING, RESOLVED)
    assert len({alert["id"] for alert in receiver.alerts()}) == len(receiver.alerts()), "no id was told twice"
