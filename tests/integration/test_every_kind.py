"""Every type of monitor, from one command to a state on another node: DOWN with its reason, and UP when all is well.

Two nodes; the one that does not own a service is asked for it, over its web views. The targets stand in this process.
"""

from __future__ import annotations

import json
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors.probes.ber import INTEGER, OCTETS, SEQUENCE, element, integer, object_id, octets
from connectors.probes.load import RESPONSE
from connectors.probes.mysql_packets import packet
from infra.kafka.broker import Broker
from schemas.config import Setting
from schemas.parameters.monitors import MONITOR_TYPES
from schemas.probes import Reason
from tests.integration.cluster import Cluster, add_monitor, add_service, bind, prepared
from tests.integration.conftest import delete_topics
from tests.integration.patients import (
    Maker,
    Patient,
    Ward,
    can_run_scripts,
    datagrams,
    fed,
    named,
    pinged,
    replying,
    saying,
    script,
    secured,
    shut,
    stream,
    talking,
)
from tests.integration.test_web import unused_port
from tests.unit.probes import test_probe_grpc as grpc
from tests.unit.probes import test_probe_ldap as ldap
from tests.unit.probes import test_probe_mysql as mysql
from tests.unit.probes import test_probe_pgsql as pgsql
from tests.waiting import wait_until

CALM: Mapping[str, Setting] = {"interval": "250ms", "response_timeout": "200ms", "retries": 2, "down_time": "250ms"}
"""Quick enough to see a change within a second, and patient enough for a machine that does much else."""
PATIENT: Mapping[str, Setting] = {"interval": "10s", "retries": 2}
"""For types that are told and do not probe: in an interval somebody must have told them something."""
NODES = ("b0", "b1")
SOON_S = 60.0
"""The first of these waits is also for Kafka's own beginnings, such as the producers' ids."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
SHUT = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nshop closed"
OID = "1.3.6.1.4.1.2021.10.1.5.1"
COMMUNITY = "public-enough"


def snmp(request: bytes) -> bytes:
    """Half of 400, as the answer to this very request."""
    number = request.partition(COMMUNITY.encode())[2][4]
    row = element(SEQUENCE, object_id(OID), integer(200, INTEGER))
    answer = element(RESPONSE, integer(number), integer(0), integer(0), element(SEQUENCE, row))
    return element(SEQUENCE, integer(1), octets(COMMUNITY.encode(), OCTETS), answer)


@dataclass(frozen=True, slots=True)
class Row:
    """A type: its target, why that is DOWN at first and what is said of it, and the monitor's own settings."""

    target: Maker
    reason: Reason
    says: str
    settings: Mapping[str, Setting] = field(default_factory=dict)


TABLE: dict[str, Row] = {
    "TCP": Row(shut, Reason.REFUSED, "connect to 127.0.0.1:", {"source_ip": "127.0.0.2"}),
    "HTTP": Row(stream(replying(BUSY), replying(OK)), Reason.BAD_STATUS, "HTTP 503 Service Unavailable, expected 200"),
    "HTTPS": Row(secured(None, replying(OK)), Reason.BAD_RESPONSE, "not TLS: 127.0.0.1:"),
    "HTTPS-ECV": Row(secured(replying(SHUT), replying(OK)), Reason.MISMATCH, "shop closed", {"recv": "is well"}),
    "PING": Row(pinged, Reason.MISMATCH, "answered, and the monitor is reversed", {"reverse": "yes"}),
    "TLS": Row(secured(None, replying(b"")), Reason.BAD_RESPONSE, "not TLS: 127.0.0.1:", {"expiry_days": 30}),
    "HTTP-ECV": Row(
        stream(replying(SHUT), replying(OK)), Reason.MISMATCH, "shop closed", {"recv_pattern": "is (well|fine)"}
    ),
    "MYSQL": Row(
        stream(saying(packet(0, mysql.error(1040, "Too many connections"))), saying(mysql.greeting())),
        Reason.BAD_STATUS,
        "Too many connections",
    ),
    "PGSQL": Row(
        stream(replying(pgsql.refusal("53300", "sorry, too many clients already")), replying(pgsql.SASL)),
        Reason.BAD_STATUS,
        "too many clients",
    ),
    "LDAP": Row(
        stream(replying(ldap.answer(1, 0x61, 51, "come back later")), replying(ldap.BOUND)),
        Reason.BAD_STATUS,
        "come back later",
    ),
    "GRPC": Row(
        stream(replying(grpc.HELLO + grpc.headers(*grpc.HEADED) + grpc.says(2) + grpc.OK), replying(grpc.SERVING)),
        Reason.BAD_STATUS,
        "NOT_SERVING",
    ),
    "TCP-ECV": Row(
        stream(saying(b"go away\r\n"), saying(b"welcome\r\n")), Reason.MISMATCH, "go away", {"recv": "welcome"}
    ),
    "UDP": Row(datagrams(None, bytes), Reason.REFUSED, "send to 127.0.0.1:"),
    "UDP-ECV": Row(
        datagrams(lambda _: b"not me", lambda asked: asked), Reason.MISMATCH, "not me", {"send": "ask", "recv": "ask"}
    ),
    "SMTP": Row(
        stream(
            saying(b"554 no mail today\r\n"),
            talking(b"220 hello\r\n", {b"EHLO": b"250 fine\r\n", b"QUIT": b"221 bye\r\n"}),
        ),
        Reason.BAD_STATUS,
        "554 no mail today",
    ),
    "REDIS": Row(
        stream(replying(b"-LOADING Redis is loading the dataset in memory\r\n"), replying(b"+PONG\r\n")),
        Reason.BAD_STATUS,
        "LOADING",
    ),
    "DNS": Row(
        named("shop.test"), Reason.TIMEOUT_FIRST_BYTE, "query ADDRESS of shop.test: no answer", {"query": "shop.test"}
    ),
    "FTP": Row(
        stream(
            saying(b"421 too many users\r\n"),
            talking(b"220 hello\r\n", {b"USER": b"331 and?\r\n", b"PASS": b"230 in\r\n", b"QUIT": b"221 bye\r\n"}),
        ),
        Reason.BAD_STATUS,
        "421 too many users",
    ),
    "USER": Row(script, Reason.BAD_STATUS, "ended with 3: the shop is shut", {"script_name": "check"}),
    "LOAD": Row(
        datagrams(lambda _: b"what?", snmp),
        Reason.BAD_RESPONSE,
        "no answer of SNMPv2c",
        {"metrics": f"{OID} 400 2", "snmp_community_ref": "env:WATCHBILL_SECRET_SNMP"},
    ),
    "HTTP-INLINE": Row(
        fed({"statuses": {"200": 1, "503": 9}}, {"statuses": {"200": 5, "404": 1}, "response_time_us": 1_500}),
        Reason.BAD_STATUS,
        "real traffic was answered with HTTP 503",
        PATIENT,
    ),
    "TCP-INLINE": Row(
        fed({"failures": 3, "reason": "RESET", "detail": "cut off"}, {"successes": 9, "response_time_us": 1_500}),
        Reason.RESET,
        "cut off",
        PATIENT,
    ),
}


@dataclass(frozen=True, slots=True)
class Hospital:
    """A cluster with a service of each type, named as the type, and their targets."""

    web_ports: Mapping[str, int]
    patients: Mapping[str, Patient]

    def elsewhere(self, name: str, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """What a node that does not own the service tells of it, once that is as wanted."""
        seen: list[dict[str, Any]] = [{}]

        def met() -> bool:
            seen[0] = self._told(name)
            return bool(seen[0]) and wanted(seen[0])

        try:
            wait_until(met, SOON_S, what)
        except AssertionError as late:
            raise AssertionError(f"{late}; told: {seen[0]}") from None
        return seen[0]

    def _told(self, name: str) -> dict[str, Any]:
        for node, port in self.web_ports.items():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/services/{name}", timeout=10) as response:
                    told: dict[str, Any] = json.loads(response.read())
            except urllib.error.HTTPError as refused:
                if refused.code != 404:
                    raise
                continue  # this node has not read of the service yet
            if told["owner"] not in (None, node):
                return told
        return {}


@pytest.fixture(scope="module")
def hospital(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """Two nodes, and one command that adds a monitor and a service of each type; every target is ill."""
    folder = tmp_path_factory.mktemp("kinds")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        scripts = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="watchbill-scripts-")))
        scripts.chmod(0o755)
        patch.setenv("WATCHBILL_SCRIPTS", str(scripts))
        patch.setenv("WATCHBILL_SECRET_SNMP", COMMUNITY)
        cluster = stack.enter_context(prepared(broker.bootstrap, "kinds", folder / "logs"))
        web_ports = {node: unused_port() for node in NODES}
        ward = Ward(cluster, stack, folder, scripts, tuple(web_ports.values()))
        cluster.nodes.start(*NODES, web_ports=tuple(web_ports.values()))
        cluster.wait_serving()
        patients = {name: row.target(ward, name) for name, row in TABLE.items()}
        configure(cluster, patients)
        yield Hospital(web_ports, patients)
    delete_topics(broker.bootstrap, "kinds")


def configure(cluster: Cluster, patients: Mapping[str, Patient]) -> None:
    """One command for all of it. LOAD asks at a port of its own, wherever the service is."""
    monitors = []
    for name, row in TABLE.items():
        calm = {} if MONITOR_TYPES[name].passive else CALM
        own: Mapping[str, Setting] = {"destination_port": patients[name].port} if MONITOR_TYPES[name].port else {}
        monitors.append(add_monitor(name, name, **{**calm, **own, **row.settings}))
    services = [add_service(name, patient.port) for name, patient in patients.items()]
    cluster.apply(*monitors, *services, *(bind(name, name) for name in TABLE))


@pytest.fixture(scope="module")
def mended(hospital: Hospital) -> Hospital:
    """The same, with every target mended."""
    for patient in hospital.patients.values():
        patient.mend()
    return hospital


@pytest.fixture(autouse=True)
def _root_for_scripts(request: pytest.FixtureRequest) -> None:
    if "[USER]" in request.node.name and not can_run_scripts():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("scripts must be root's: run this test as root")


def state_of(name: str, state: str) -> str:
    """What the service becomes: a type that only measures leaves it to others."""
    return state if MONITOR_TYPES[name].sets_state else "UNKNOWN"


def test_M6_no_type_is_missing_here() -> None:
    assert TABLE.keys() == MONITOR_TYPES.keys(), "a new type of monitor needs a row in TABLE"


@pytest.mark.parametrize("name", TABLE)
def test_M6_a_failing_target_is_down_on_another_node_with_its_reason(hospital: Hospital, name: str) -> None:
    row = TABLE[name]

    def down(told: dict[str, Any]) -> bool:
        [bound] = told["bindings"]
        return (told["state"], bound["state"], bound["reason"]) == (state_of(name, "DOWN"), "DOWN", row.reason.value)

    told = hospital.elsewhere(name, down, f"{name} DOWN, {row.reason.value}")
    [bound] = told["bindings"]
    assert row.says in bound["detail"]
    kept = [failure["detail"] for failure in bound["failures"] if failure["reason"] == row.reason.value]
    assert any(row.says in detail for detail in kept)
    assert told["cause"]["text"]


@pytest.mark.parametrize("name", TABLE)
def test_M6_M7_a_mended_target_is_up_on_another_node_with_its_response_time(mended: Hospital, name: str) -> None:
    def up(told: dict[str, Any]) -> bool:
        [bound] = told["bindings"]
        return (told["state"], bound["verdict"], bound["reason"]) == (state_of(name, "UP"), "UP", "OK")

    told = mended.elsewhere(name, up, f"{name} UP")
    [bound] = told["bindings"]
    assert bound["response_time_us"] > 0
    assert (bound["load"] is not None) == (name == "LOAD")


def test_M6_both_nodes_probe_and_show_their_own_prober_beside_their_engine(mended: Hospital) -> None:
    def probes() -> list[dict[str, float]]:
        return [by_engine(port) for port in mended.web_ports.values()]

    wait_until(lambda: all(found.get("0", 0) > 0 for found in probes()), SOON_S, "an engine on each node has probed")
    wait_until(lambda: sum(found["tasks"] for found in probes()) > 0, SOON_S, "DNS, FTP and USER were probed")


def by_engine(port: int) -> dict[str, float]:
    """Probes of a node, by the engine that began them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        families = text_string_to_metric_families(response.read().decode())
        samples = [sample for family in families for sample in family.samples]
    return {sample.labels["engine"]: sample.value for sample in samples if sample.name == "watchbill_probes_total"}
