"""`show` and `watch` on a real Kafka, as processes: what they print, how fast, and what they say when Kafka is away."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.kafka.producer import OwnProducer
from connectors.replica.base import default_access
from infra.kafka.broker import Broker
from schemas.codec import encode
from schemas.identifiers import EntityId, NodeId, ViewId, entity_id, partition_of
from schemas.states import Cause, CauseKind, ServiceTransition, State
from schemas.topics import SERVICE_STATES, SERVICE_TRANSITIONS, topic_name
from tests.unit.cli.test_completion import completed
from tests.unit.cli_show.samples import state
from tests.waiting import wait_until

SERVICES = 1_000
NO_ANSWER = 3


def watchbill(broker: str, cluster: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A verb, run to its end."""
    command = [sys.executable, "-m", "streams.cli.main", *arguments, "--bootstrap", broker, "--cluster", cluster]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_every_kind_is_shown(broker: Broker, filled: str) -> None:
    shown = {}
    for kind in ("service", "monitor", "vserver", "node", "view"):
        ran = watchbill(broker.bootstrap, filled, "show", kind, "-o", "json")
        assert ran.returncode == 0, ran.stderr
        shown[kind] = json.loads(ran.stdout)
    missing = {entity_id(1, index) for index in range(SERVICES)} - {one["entity_id"] for one in shown["service"]}
    assert not missing, {partition_of(service) for service in missing}
    assert [one["name"] for one in shown["monitor"]] == ["http"]
    assert [one["node_id"] for one in shown["node"]] == ["b0", "b1"]
    assert sum(len(one["partitions"]) for one in shown["node"]) == 64
    assert [one["in_force"] for one in shown["view"]] == [True, False]


def test_one_service_is_shown_as_yaml_and_an_unknown_one_is_refused(broker: Broker, filled: str) -> None:
    ran = watchbill(broker.bootstrap, filled, "show", "service", "web", "-o", "yaml")
    assert "monitor_name: http" in ran.stdout
    ran = watchbill(broker.bootstrap, filled, "show", "service", "wep")
    assert ran.returncode == 1
    assert 'did you mean "web"?' in ran.stderr


def test_stat_counts_what_is_there_and_names_what_changed(broker: Broker, filled: str) -> None:
    at_ms = time.time_ns() // 1_000_000
    change = ServiceTransition(
        view_id=ViewId(0),
        sequence=1,
        entity_id=EntityId("1-0"),
        name="web",
        owner=NodeId("b0"),
        before=State.UP,
        after=State.DOWN,
        up_weight=0,
        threshold=0,
        cause=Cause(CauseKind.PROBE, "refused"),
        at_ms=at_ms,
    )
    producer = OwnProducer(default_access(broker.bootstrap, "test"), delivery_timeout_ms=20_000)
    topic = topic_name(filled, SERVICE_TRANSITIONS)
    assert producer.send(topic, partition_of(change.entity_id), b"1-0", encode(change))
    assert producer.close(20.0) == 0
    ran = watchbill(broker.bootstrap, filled, "stat", "-o", "json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["services"]["total"], told["services"]["by_state"]["UP"]) == (3, 3)
    assert [one["name"] for one in told["transitions"]["busiest"]] == ["web"]
    assert [one["node_id"] for one in told["nodes"]] == ["b0", "b1"]
    assert "services    3" in watchbill(broker.bootstrap, filled, "stat").stdout


def test_a_tab_completes_names_of_services_and_nodes(broker: Broker, filled: str, tmp_path: Path) -> None:
    where = {"WATCHBILL_BOOTSTRAP": broker.bootstrap, "WATCHBILL_CLUSTER": filled}
    assert completed(tmp_path, "watchbill explain w", **where) == ["web"]
    assert completed(tmp_path, f"watchbill show monitor --cluster {filled} ", **where) == ["http"]
    assert completed(tmp_path, "watchbill show node b", **where) == ["b0", "b1"]
    assert completed(tmp_path, "watchbill bind monitor http to service n", **where) == ["new"]


def test_show_loads_no_faust(broker: Broker, filled: str) -> None:
    code = (
        "import sys\nfrom streams.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    sys.stderr.write(str(sorted(\n"
        "        name for name in ('faust', 'aiokafka', 'mode') if name in sys.modules)))"
    )
    command = [sys.executable, "-c", code, "show", "node", "--bootstrap", broker.bootstrap, "--cluster", filled]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stderr.endswith("[]")
    assert "b0" in ran.stdout


def test_missing_topics_are_told_with_their_fix(broker: Broker, cluster_name: str) -> None:
    ran = watchbill(broker.bootstrap, cluster_name, "show", "service")
    assert ran.returncode == NO_ANSWER
    assert "watchbill init" in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize("verb", [("show", "service"), ("watch",)])
def test_a_kafka_that_is_away_is_told_with_its_fix(verb: tuple[str, ...]) -> None:
    ran = watchbill("127.0.0.1:1", "nothing", *verb)
    assert ran.returncode == NO_ANSWER
    assert "watchbill kafka start" in ran.stderr
    assert ran.stdout == ""


def test_watch_tells_a_change(broker: Broker, filled: str) -> None:
    arguments = ["watch", "web", "-o", "json", "--count", "1", "--bootstrap", broker.bootstrap, "--cluster", filled]
    with subprocess.Popen(
        [sys.executable, "-m", "streams.cli.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stderr is not None
        assert "watching 1 services" in watching.stderr.readline()
        service = EntityId("1-0")
        changed = replace(state(State.DOWN), sequence=9)
        producer = OwnProducer(default_access(broker.bootstrap, "test"), delivery_timeout_ms=20_000)
        producer.send(topic_name(filled, SERVICE_STATES), partition_of(service), service.encode(), encode(changed))
        producer.close(20.0)
        wait_until(lambda: watching.poll() is not None, 30.0, "watch ended after one change")
        assert watching.stdout is not None
        line = json.loads(watching.stdout.read())
    assert (line["name"], line["before"], line["after"]) == ("web", "UP", "DOWN")
