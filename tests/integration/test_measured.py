"""Monitors that measure and monitors that listen, from the command to the state on another node: LOAD against a real
snmpd, response times of a target that slows down, HTTP-INLINE and TCP-INLINE fed by a real HAProxy and over the web.
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka import KafkaAccess, OwnProducer
from connectors.replica import VserverReader
from connectors.replica.paths import report_key
from infra.kafka.broker import Broker
from schemas.cluster import NodeStatus, Phase
from schemas.codec import encode
from schemas.config import Kind, Operation, Verb
from schemas.identifiers import NodeId, partition_of
from schemas.probes import PathReport, PathState, Reason, Verdict
from schemas.states import BindingVerdict, LoadInfo, PathMonitoring, ServiceState, State
from schemas.topics import NODES, PATH_REPORTS, SERVICE_STATES
from tests.integration.cluster import Cluster, add_monitor, add_service, bind, decoded, prepared
from tests.integration.conftest import delete_topics
from tests.integration.targets import Ailment, Target
from tests.integration.test_web import Site, unused_port
from tests.servers.proxied import haproxy, request, short_folder
from tests.servers.running import workplace
from tests.servers.snmp_agent import COMMUNITY, COMMUNITY_REF, FIFTY, HUNDRED, snmp_agent
from tests.waiting import wait_until

NAME = "measured"
INLINE = {"interval": "10s", "retries": 2}
"""Ten seconds of silence may pass, twice, before a monitor says that it hears nothing."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Two nodes with web views, fed by one HAProxy before one target, and an SNMP agent."""

    cluster: Cluster
    sites: dict[str, Site]
    target: Target
    proxy_port: int
    agent_port: int

    def tell(self, node: str, service: str, **told: Any) -> int:
        """POST to a node; the status."""
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.sites[node].port}/api/inline/{service}",
            json.dumps(told).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    def inline(self, node: str, service: str) -> list[dict[str, Any]]:
        """What a node alone makes of a service's traffic."""
        found: list[dict[str, Any]] = self.sites[node].ask(f"/api/services/{service}")[1].get("inline", [])
        return found


@pytest.fixture(scope="module")
def stage(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        place, folder = stack.enter_context(short_folder()), stack.enter_context(workplace())
        patch.setenv("WATCHBILL_SECRET_SNMP", COMMUNITY)
        patch.setenv("WATCHBILL_HAPROXY_STATS", str(place / "admin.sock"))
        cluster = stack.enter_context(prepared(broker.bootstrap, NAME, tmp_path_factory.mktemp(NAME)))
        target = cluster.farm.target()
        proxy = stack.enter_context(haproxy(place, target.port))
        agent = stack.enter_context(snmp_agent(folder))
        sites = {node: Site(unused_port()) for node in ("b0", "b1")}
        cluster.nodes.start(*sites, web_ports=[site.port for site in sites.values()])
        cluster.wait_serving()
        cluster.apply(
            add_monitor("tcp"),
            Operation(Verb.ADD, Kind.MONITOR, "http-inline", {"type": "HTTP-INLINE", **INLINE}),
            Operation(Verb.ADD, Kind.MONITOR, "tcp-inline", {"type": "TCP-INLINE", **INLINE}),
        )
        yield Stage(cluster, sites, target, proxy.port, agent.port)
    delete_topics(broker.bootstrap, NAME)


def test_CL1_the_load_of_a_service_reaches_every_node_and_never_its_state(stage: Stage) -> None:
    cluster = stage.cluster
    settings = {"metrics": f"{HUNDRED} 400 3,{FIFTY} 200 1", "snmp_community_ref": COMMUNITY_REF}
    cluster.apply(add_monitor("load", "LOAD", destination_port=stage.agent_port, **settings))
    cluster.add_services(["loaded"], "tcp")
    cluster.apply(bind("loaded", "load"))
    cluster.wait_record("loaded", lambda state: state.load == LoadInfo(False, 25, None), "its load")
    cluster.wait_state("loaded", State.UP)
    cluster.apply(Operation(Verb.SET, Kind.MONITOR, "load", {"metrics": f"{HUNDRED} 400 3,{FIFTY} 50 1"}))
    held = cluster.wait_record("loaded", lambda state: state.load == LoadInfo(True, 44), "the flag")
    assert held.state is State.UP
    for site in stage.sites.values():
        wait_until(lambda site=site: site.ask("/api/services/loaded")[1]["load"]["threshold_reached"], 5, "its page")


def test_L2_L3_a_response_time_that_somebody_chooses_by_is_told_as_it_moves(stage: Stage) -> None:
    cluster = stage.cluster
    cluster.apply(add_monitor("timed", "HTTP", lrtm="yes", interval="200ms", response_timeout="190ms"))
    cluster.add_services(["chosen", "other"], "timed")
    cluster.apply(
        Operation(Verb.ADD, Kind.VSERVER, "least", {"method": "LRTM"}),
        Operation(Verb.BIND, Kind.VSERVER, "least", {}, Kind.SERVICE, "chosen"),
    )
    cluster.wait_states(["chosen", "other"], State.UP)
    for name in ("chosen", "other"):
        cluster.targets[name].delay_s = 0.1
    held = cluster.wait_record("chosen", lambda state: slow(state, 80_000), "its response time")
    assert held.state is State.UP
    other = cluster.states.by_name("other")
    assert other is not None
    assert not slow(other, 80_000), "nobody chooses by it: told with the minute's summary"
    made = [state for state in decoded(cluster.records(SERVICE_STATES), ServiceState) if state.name == "chosen"]
    seconds = (made[-1].updated_at_ms - made[0].updated_at_ms) / 1000
    assert len(made) <= seconds + 5, "at most one a second, besides those of config and state"


def test_L5_a_program_chooses_in_ten_lines_and_over_http(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """The example of docs/values.md, run as it stands there but for the names."""
    cluster = stage.cluster
    text = (Path(__file__).parents[2] / "docs" / "values.md").read_text(encoding="utf-8")
    [example] = [part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "VserverReader" in part]
    assert example.count("\n") <= 10
    here = f'"{cluster.bootstrap}", "{cluster.name}"'
    exec(example.replace('"127.0.0.1:9092"', here).replace('"shop"', '"least"'))
    held = cluster.states.by_name("chosen")
    assert held is not None
    assert capsys.readouterr().out.startswith(f"chosen {held.ip_address} {held.port}\nleast response time ")
    for node, site in stage.sites.items():
        status, answer = site.ask(f"/api/vservers/least/best?node={node}")
        assert (status, answer["best"]["entity_id"], answer["method"]) == (200, held.entity_id, "LRTM")


def test_P4_a_program_at_a_node_without_a_path_chooses_among_the_others(stage: Stage) -> None:
    cluster = stage.cluster
    cluster.apply(Operation(Verb.SET, Kind.SERVICE, "chosen", {"path_monitor": "yes"}))
    held = cluster.wait_record(
        "chosen", lambda state: state.path_monitoring is PathMonitoring.INDIVIDUAL, "its path monitoring"
    )
    report = PathReport(held.entity_id, NodeId("b9"), PathState.DOWN, held.view_id, held.updated_at_ms)
    sending = OwnProducer(KafkaAccess(cluster.bootstrap, "test-writer"), delivery_timeout_ms=10_000)
    key = report_key(held.entity_id, report.node_id)
    assert sending.send(cluster.topic(PATH_REPORTS), partition_of(held.entity_id), key, encode(report))
    assert sending.flush(10) == 0
    sending.close()
    for node, best in (("b0", "chosen"), ("b9", None)):
        with VserverReader(cluster.bootstrap, cluster.name, node=node) as vservers:
            vservers.wait_ready(10)
            choice = vservers.choose("least")
            assert (choice.best.name if choice.best else None) == best, choice.why


def test_M20_a_service_that_is_down_because_of_another_one_names_it(stage: Stage) -> None:
    cluster = stage.cluster
    cluster.add_services(["base", "middle", "top"], "tcp")
    cluster.apply(
        Operation(Verb.BIND, Kind.SERVICE, "top", {}, Kind.SERVICE, "middle"),
        Operation(Verb.BIND, Kind.SERVICE, "middle", {}, Kind.SERVICE, "base"),
    )
    cluster.wait_states(["base", "middle", "top"], State.UP)
    for name in ("base", "top"):
        cluster.targets[name].become(Ailment.CLOSED)
        cluster.wait_state(name, State.DOWN)
    assert cluster.state("middle") is State.UP, "a dependency changes no state"
    for site in stage.sites.values():
        page = site.ask("/api/services/top")[1]
        assert (page["explained_by"], page["depends_on"]) == (["base"], [{"name": "middle", "state": "UP"}])
        assert site.ask("/api/services/base")[1]["explained_by"] == []
    refused = cluster.send(Operation(Verb.RM, Kind.SERVICE, "base", {}))
    assert not refused.accepted
    assert 'service "middle" depends on service "base"' in refused.rejections[0].message


def test_M13_a_server_that_begins_to_answer_errors_goes_down_by_haproxys_word(stage: Stage) -> None:
    cluster = stage.cluster
    cluster.apply(
        add_service("proxied", stage.target.port), bind("proxied", "http-inline"), bind("proxied", "tcp-inline")
    )

    def asked_until(state: State) -> None:
        def met() -> bool:
            request(stage.proxy_port)
            return cluster.state("proxied") is state

        wait_until(met, 15, f"proxied {state.value}")

    asked_until(State.UP)
    stage.target.become(Ailment.ERROR)
    asked_until(State.DOWN)
    held = cluster.states.by_name("proxied")
    assert held is not None
    assert {bound.state for bound in held.bindings} == {BindingVerdict.UP, BindingVerdict.DOWN}
    [bad] = [bound for bound in held.bindings if bound.state is BindingVerdict.DOWN]
    assert (bad.verdict, bad.reason) == (Verdict.DOWN, Reason.BAD_STATUS)
    assert bad.detail == "real traffic was answered with HTTP 5xx, expected 100-499"
    stage.target.become(Ailment.NONE)
    asked_until(State.UP)
    for node in stage.sites:
        assert {one["type"] for one in stage.inline(node, "proxied")} == {"HTTP-INLINE", "TCP-INLINE"}


def test_M13_A3_the_owners_word_counts_and_anothers_stays_with_it(stage: Stage) -> None:
    cluster = stage.cluster
    cluster.apply(add_service("told", 9), bind("told", "tcp-inline"))
    owner = str(wait_until(lambda: cluster.owners(["told"]), 15, "its owner")["told"])
    [other] = set(stage.sites) - {owner}
    assert stage.tell(owner, "told", successes=5) == 200
    cluster.wait_state("told", State.UP)
    assert stage.tell(other, "told", failures=5, reason="RESET", detail="reset by the target") == 200
    [there] = stage.inline(other, "told")
    assert (there["state"], there["failures"], there["reason"]) == ("DOWN", 5, "RESET")
    assert stage.tell(owner, "told", failures=5, reason="REFUSED", detail="connection refused") == 200
    down = cluster.wait_state("told", State.DOWN)
    assert down.cause.text == "tcp-inline: connection refused (2 of 2 probes failed)"
    [here] = stage.inline(owner, "told")
    assert (here["state"], here["successes"], here["failures"]) == ("DOWN", 5, 5)
    assert [line.after for line in cluster.transitions("told")] == [State.UP, State.DOWN]
    assert stage.tell(owner, "nobody", successes=1) == 404
    assert stage.tell(owner, "told", sucesses=1) == 400
    cluster.check_promise()


def test_L4_CL5_V9_a_joining_node_has_applied_every_value_before_it_serves(stage: Stage) -> None:
    cluster = stage.cluster
    ends: dict[int, int] = {}
    for record in cluster.records(SERVICE_STATES):
        ends[record.partition()] = record.offset() + 1
    site = Site(unused_port())
    cluster.nodes.start("b2", web_ports=[site.port])
    cluster.wait_serving()
    beats = [status for status in decoded(cluster.records(NODES), NodeStatus) if status.node_id == "b2"]
    first = next(status for status in beats if status.phase is Phase.SERVING)
    applied = first.applied[SERVICE_STATES.name]
    assert all(applied[partition] >= end for partition, end in ends.items())
    assert site.ask("/api/services/loaded")[1]["load"] is not None
    assert site.ask("/api/services/chosen")[1]["response_time_us"] >= 80_000


def slow(state: ServiceState, above_us: int) -> bool:
    return state.response_time_us is not None and state.response_time_us >= above_us
