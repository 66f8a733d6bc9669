"""A cluster on a Kafka with TLS, logins and rights: who may do what, and what is told to whom it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import psutil
import pytest

from connectors.kafka.producer import Delivery, OwnProducer
from connectors.replica.states import StateReplica
from infra.cluster.nodes import Launch, NodeProcess, start_node
from schemas.codec import encode
from schemas.identifiers import partition_of
from schemas.states import ServiceState, State
from schemas.topics import CONFIG_COMMANDS, SERVICE_STATES, Topic, topic_name
from streams.cli.main import main
from tests.integration.secured import ADMIN, NODE, ONE_SERVICE, OPERATOR, READER, Secured, secured
from tests.integration.targets import Farm
from tests.unit.engine.authority import authority
from tests.waiting import wait_until

CLUSTER = "vault"
SETTLED_S = 60.0
Verb = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class Site:
    """The broker, and one node on it."""

    kafka: Secured
    node: NodeProcess


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Set up as docs/security.md says, each step by its own user: rights, topics, a node, a service."""
    folder = tmp_path_factory.mktemp("vault")
    with secured(folder) as kafka, Farm() as farm:
        assert run(kafka, ADMIN, "acls", "--apply") == 0
        assert run(kafka, OPERATOR, "init") == 0
        launch = Launch(environment=kafka.environment(NODE))
        node = start_node("b0", kafka.bootstrap, CLUSTER, folder, launch=launch)
        file = folder / "cluster.yaml"
        file.write_text(ONE_SERVICE.format(port=farm.target().port), encoding="utf-8")
        try:
            assert run(kafka, OPERATOR, "apply", "-f", str(file), "--deadline", str(SETTLED_S)) == 0, node.last_lines()
            yield Site(kafka, node)
        finally:
            node.stop()


@pytest.fixture
def watchbill(site: Site, capsys: pytest.CaptureFixture[str]) -> Verb:
    """Runs a verb as a user: its exit code, standard output and standard error."""

    def verb(user: str, *words: str, **other: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(site.kafka, user, *words, **other)
        return code, *capsys.readouterr()

    return verb


def run(kafka: Secured, user: str, *words: str, **other: str) -> int:
    """The exit code of one verb in this process, with that user's environment."""
    cluster = () if "kafka" in words else ("--cluster", CLUSTER)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in kafka.environment(user, **other).items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main([*words, "--bootstrap", kafka.bootstrap, *cluster])
    return int(ended.value.code or 0)


@pytest.mark.timeout(300)
def test_node_operator_and_reader_work_together_over_tls(site: Site, watchbill: Verb) -> None:
    with StateReplica("", CLUSTER, access=site.kafka.access(READER)) as states:
        states.wait_ready(SETTLED_S)
        wait_until(lambda: is_up(states), SETTLED_S, "the reader's replica has web UP")
    code, out, told = watchbill(READER, "show", "service", "web", "-o", "json")
    assert (code, json.loads(out)["state"]) == (0, "UP"), told
    code, out, told = watchbill(OPERATOR, "doctor", "-o", "json")
    verdicts = {one["check"]: one["verdict"] for one in json.loads(out)["findings"]}
    assert (code, verdicts["Kafka"], verdicts["topics"], verdicts["nodes"]) == (0, "ok", "ok", "ok"), told
    code, out, _ = watchbill(READER, "kafka", "status", "-o", "json")
    assert (code, json.loads(out)["state"]) == (0, "running")
    assert "AUTHORIZATION" not in site.node.log_path.read_text().upper()


def test_a_reader_can_forge_no_state_and_send_no_command(site: Site, watchbill: Verb) -> None:
    with StateReplica("", CLUSTER, access=site.kafka.access(READER)) as states:
        states.wait_ready(SETTLED_S)
        wait_until(lambda: is_up(states), SETTLED_S, "web is UP")
        real = states.by_name("web")
        assert real is not None
        forged = encode(replace(real, state=State.DOWN, sequence=real.sequence + 1_000))
        place = partition_of(real.entity_id)
        assert "AUTHORIZATION" in sent(site.kafka, READER, SERVICE_STATES, place, forged)
        assert "AUTHORIZATION" in sent(site.kafka, OPERATOR, SERVICE_STATES, place, forged)
        assert "AUTHORIZATION" in sent(site.kafka, NODE, CONFIG_COMMANDS, 0, b"a node commands nobody")
        assert states.by_name("web") == real or is_up(states)
    code, _, told = watchbill(READER, "disable", "service", "web")
    assert (code, "authorization failed" in told, "`watchbill acls`" in told) == (3, True, True), told


def test_a_wrong_password_is_told_with_the_mend(site: Site, watchbill: Verb) -> None:
    other = {"WATCHBILL_KAFKA_SASL_PASSWORD_FILE": "", "WATCHBILL_KAFKA_SASL_PASSWORD": "not-the-password"}
    for words in (("show", "service"), ("init",)):
        code, out, told = watchbill(READER, *words, **other)
        told += out
        assert code != 0
        assert "does not let this client in" in told, words
        assert "WATCHBILL_KAFKA_SASL_PASSWORD" in told
        assert "not-the-password" not in told


def test_plaintext_and_unknown_authorities_are_refused_and_told(site: Site, watchbill: Verb, tmp_path: Path) -> None:
    names = ("SECURITY_PROTOCOL", "SASL_MECHANISM", "SASL_USERNAME", "SASL_PASSWORD_FILE", "SSL_CA_LOCATION")
    code, _, told = watchbill(READER, "show", "service", **{f"WATCHBILL_KAFKA_{name}": "" for name in names})
    assert (code, "check WATCHBILL_KAFKA_SECURITY_PROTOCOL" in told) == (3, True), told
    stranger = tmp_path / "stranger.pem"
    stranger.write_text(authority("somebody else's authority").pem)
    code, told, _ = watchbill(READER, "kafka", "status", WATCHBILL_KAFKA_SSL_CA_LOCATION=str(stranger))
    assert (code, "Check WATCHBILL_KAFKA_SSL_CA_LOCATION" in told) == (1, True), told


def test_a_node_with_a_wrong_password_says_so_and_goes_on_trying(site: Site, tmp_path: Path) -> None:
    other = {"WATCHBILL_KAFKA_SASL_PASSWORD_FILE": "", "WATCHBILL_KAFKA_SASL_PASSWORD": "not-the-password"}
    launch = Launch(environment=site.kafka.environment(NODE, **other))
    node = start_node("b1", site.kafka.bootstrap, CLUSTER, tmp_path, launch=launch)
    try:
        wait_until(lambda: "NOT_LET_IN" in node.log_path.read_text(), SETTLED_S, "the node's log tells why")
        assert node.is_alive
    finally:
        node.stop()
    assert "not-the-password" not in node.log_path.read_text()


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "PLAIN"])
def test_the_other_mechanisms_let_programs_and_nodes_in(
    site: Site, watchbill: Verb, tmp_path: Path, mechanism: str
) -> None:
    other = {"WATCHBILL_KAFKA_SASL_MECHANISM": mechanism}
    code, out, told = watchbill(READER, "show", "service", "web", "-o", "json", **other)
    assert (code, json.loads(out)["name"]) == (0, "web"), told
    launch = Launch(environment=site.kafka.environment(NODE, **other))
    node = start_node("b1", site.kafka.bootstrap, CLUSTER, tmp_path, launch=launch)
    try:
        wait_until(lambda: '"assigned"' in node.log_path.read_text(), SETTLED_S, "the node is in the group")
    finally:
        node.stop()


def test_no_secret_is_in_a_log_or_in_an_engine(site: Site) -> None:
    password = site.kafka.password(NODE)
    assert password not in site.node.log_path.read_text()
    engines = psutil.Process(site.node.pid).children()
    assert engines
    for engine in engines:
        assert not [name for name in engine.environ() if name.startswith("WATCHBILL_KAFKA_")]
    assert password not in repr(site.kafka.access(NODE))


@pytest.mark.timeout(300)
def test_a_backup_brings_the_configuration_back(site: Site, watchbill: Verb, tmp_path: Path) -> None:
    backup, again = tmp_path / "watchbill.yaml", tmp_path / "again.yaml"
    assert watchbill(OPERATOR, "export", "-f", str(backup))[0] == 0
    for words in ("unbind monitor tcp from service web", "rm service web", "rm monitor tcp"):
        code, _, told = watchbill(OPERATOR, *words.split())
        assert code == 0, told
    code, _, told = watchbill(OPERATOR, "apply", "-f", str(backup), "--prune")
    assert code == 0, told
    assert watchbill(OPERATOR, "export", "-f", str(again))[0] == 0
    assert again.read_text() == backup.read_text()
    assert "web:" in backup.read_text()
    with StateReplica("", CLUSTER, access=site.kafka.access(READER)) as states:
        states.wait_ready(SETTLED_S)
        wait_until(lambda: is_up(states), SETTLED_S, "web is measured anew, and UP")


def is_up(states: StateReplica) -> bool:
    """Whether the replica has the service UP."""
    state: ServiceState | None = states.by_name("web")
    return state is not None and state.state is State.UP


def sent(kafka: Secured, user: str, topic: Topic, partition: int, value: bytes) -> str:
    """What Kafka says of a record that this user writes."""
    told: list[Delivery] = []
    arrived = Event()

    def settle(delivery: Delivery) -> None:
        told.append(delivery)
        arrived.set()

    producer = OwnProducer(kafka.access(user), delivery_timeout_ms=20_000)
    try:
        assert producer.send(topic_name(CLUSTER, topic), partition, b"forged", value, settle)
        assert arrived.wait(SETTLED_S)
    finally:
        producer.close()
    return (producer.replaced_because or told[0].error or "taken").upper()
