"""The contracts against a real cluster: a node keeps its OpenAPI document, and a stranger reads states by AsyncAPI."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from confluent_kafka import Producer
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection

from connectors.replica import StateReplica
from infra.kafka.broker import Broker
from infra.topics import init
from schemas.codec import encode
from schemas.identifiers import EntityId, partition_of
from schemas.states import State
from tests.integration.conftest import delete_topics
from tests.integration.test_web import Site, watched
from tests.tidy.source import ROOT
from tests.unit.replica.samples import service_state

CLUSTER = "contracts"
OUTSIDER = Path(__file__).with_name("outsider.py")
EXAMPLES = 8
"""Of each address, beside those at the edges of what it takes."""
ENDLESS = "/api/events"


@pytest.fixture(scope="module")
def node(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    init(broker.bootstrap, CLUSTER)
    with watched(broker.bootstrap, CLUSTER, tmp_path_factory.mktemp("nodes"), "b0") as (site,):
        yield site
    delete_topics(broker.bootstrap, CLUSTER)


@pytest.fixture
def api(node: Site) -> Any:
    """What the node itself says that it answers."""
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{node.port}/api/openapi.json")


contract = schemathesis.pytest.from_fixture("api").exclude(path=ENDLESS)


@contract.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@pytest.mark.timeout(300)
def test_a_real_node_keeps_its_contract(case: schemathesis.Case) -> None:
    response = case.call(timeout=10)
    too_large = response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE  # refused too, unread
    case.validate_response(response, excluded_checks=[negative_data_rejection] if too_large else [])


def test_the_node_is_none_the_worse_for_it(node: Site) -> None:
    assert node.ask("/healthz")[1]["ok"]
    assert node.ask("/api/openapi.json")[1] == json.loads((ROOT / "docs" / "openapi.json").read_text())


def read_by_a_stranger(bootstrap: str, cluster: str) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(OUTSIDER), bootstrap, cluster, str(ROOT / "docs" / "asyncapi.json")],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=OUTSIDER.anchor,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def held_by(bootstrap: str, cluster: str) -> dict[str, dict[str, Any]]:
    with StateReplica(bootstrap, cluster) as replica:
        replica.wait_ready(20)
        return {
            state.entity_id: {
                "name": state.name,
                "state": state.state.value,
                "owner": state.owner,
                "view_id": state.view_id,
                "sequence": state.sequence,
                "up_weight": state.up_weight,
                "threshold": state.threshold,
                "changed_at_ms": state.changed_at_ms,
            }
            for state in replica.values()
        }


def test_a_stranger_has_no_line_of_ours() -> None:
    tree = ast.parse(OUTSIDER.read_text(encoding="utf-8"))
    names = {
        name.split(".")[0]
        for each in ast.walk(tree)
        if isinstance(each, ast.Import | ast.ImportFrom)
        for name in ([each.module or ""] if isinstance(each, ast.ImportFrom) else [one.name for one in each.names])
    }
    assert names == {"__future__", "io", "json", "sys", "typing", "fastavro", "confluent_kafka"}


def test_a_stranger_reads_the_states_of_a_running_cluster(broker: Broker, node: Site) -> None:
    assert {row["name"] for row in read_by_a_stranger(broker.bootstrap, CLUSTER).values()} == {"web1", "web2"}
    assert read_by_a_stranger(broker.bootstrap, CLUSTER) == held_by(broker.bootstrap, CLUSTER)


def test_a_stranger_and_the_replica_agree_on_stale_removed_and_foreign_records(broker: Broker, cluster: str) -> None:
    topic = f"{cluster}.service-states"
    producer = Producer({"bootstrap.servers": broker.bootstrap})

    def put(entity_id: str, value: bytes | None) -> None:
        producer.produce(topic, key=entity_id, value=value, partition=partition_of(EntityId(entity_id)))

    for number in range(200):
        put(f"{number}-0", encode(service_state(f"{number}-0", view_id=3, sequence=number + 1)))
    put("0-0", encode(service_state("0-0", view_id=2, sequence=99, state=State.DOWN)))  # a woken zombie's
    put("1-0", encode(service_state("1-0", view_id=4, sequence=1, state=State.DOWN)))
    put("2-0", None)
    put("2-0", encode(service_state("2-0", view_id=9, sequence=1)))  # late, after the removal
    put("3-0", b"no record at all")
    assert producer.flush(20) == 0
    ours = held_by(broker.bootstrap, cluster)
    assert (len(ours), ours["0-0"]["state"], ours["1-0"]["state"]) == (199, "UP", "DOWN")
    assert read_by_a_stranger(broker.bootstrap, cluster) == ours
