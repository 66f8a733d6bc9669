"""States for Confluent's deserializers where a real registry, behind HAProxy, lets nobody in without a login."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.outbound.registry import RegistryRefused, register
from infra.kafka.broker import Broker
from schemas.identifiers import EntityId
from schemas.topics import FRAMED_STATES, topic_name
from tests.integration.apicurio import apicurio
from tests.integration.locked_registry import PASSWORDS, READER, WRITER, Locked, locked
from tests.integration.test_confluent import SETTLED_S, Others, feeding
from tests.integration.writing import Writer
from tests.unit.replica.samples import service_state
from tests.waiting import wait_until

WEB = EntityId("3-0")
WRONG = "Barley-and-Ropes-42"
USER, PASSWORD, CA = (f"WATCHBILL_REGISTRY_{name}" for name in ("USERNAME", "PASSWORD", "SSL_CA_LOCATION"))
SAMPLE = '"string"'


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    with (
        apicurio(tmp_path_factory.mktemp("apicurio")) as url,
        locked(tmp_path_factory.mktemp("haproxy"), url) as made,
    ):
        yield made


def shows_no_password(text: str) -> bool:
    """Neither in plain nor as it is sent."""
    pairs = [f"{user}:{password}" for user in PASSWORDS for password in (*PASSWORDS.values(), WRONG)]
    secrets = [*PASSWORDS.values(), WRONG, *(b64encode(pair.encode()).decode() for pair in pairs)]
    return not any(secret in text for secret in secrets)


@pytest.mark.timeout(300)
def test_a_login_from_a_file_feeds_those_who_log_in_too(
    broker: Broker, cluster: str, writer: Writer, door: Locked, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(f"{PASSWORDS[WRITER]}\n")
    environment = {USER: WRITER, f"{PASSWORD}_FILE": str(tmp_path / "password"), CA: str(door.authority_path)}
    topic, log_path = topic_name(cluster, FRAMED_STATES), tmp_path / "feed.log"
    writer.put(service_state(WEB, name="web"))
    with feeding(broker.bootstrap, cluster, door.tls, log_path, environment) as process:
        wait_until(lambda: "feeding" in log_path.read_text() or process.poll(), SETTLED_S, f"it feeds; see {log_path}")
        assert process.poll() is None, log_path.read_text()
        process_folder = Path(f"/proc/{process.pid}")
        assert shows_no_password((process_folder / "cmdline").read_text()), "ps shows it"
        assert shows_no_password((process_folder / "environ").read_text()), "it stands in a file alone"
        login = {"basic.auth.user.info": f"{READER}:{PASSWORDS[READER]}", "ssl.ca.location": str(door.authority_path)}
        others = Others(broker.bootstrap, topic, door.tls, login)
        others.until(lambda read: WEB in read, "the service is read")
        others.close()
    web = others.read[WEB]
    assert web is not None
    assert (web["name"], web["state"]) == ("web", "UP")
    assert shows_no_password(log_path.read_text())


@pytest.mark.timeout(120)
def test_a_login_from_a_variable_registers_in_the_clear_too(door: Locked) -> None:
    login = {USER: WRITER, PASSWORD: PASSWORDS[WRITER]}
    number = register(door.plain, "plain-value", SAMPLE, login)
    assert register(door.tls, "plain-value", SAMPLE, {**login, CA: str(door.authority_path)}) == number


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, f"wants a login: set {USER} and {PASSWORD}_FILE"),
        ({USER: WRITER, PASSWORD: WRONG}, f"refuses the login of {WRITER}: check {USER} and the password"),
        ({USER: "nobody", PASSWORD: PASSWORDS[WRITER]}, "refuses the login of nobody"),
        ({USER: READER, PASSWORD: PASSWORDS[READER]}, f"does not let {READER} write {{topic}}-value: grant it there"),
        ({USER: WRITER, PASSWORD: PASSWORDS[WRITER], CA: ""}, f"is not trusted: .*Set {CA} to the file"),
    ],
    ids=["no login", "wrong password", "wrong user", "no right", "no authority"],
)
def test_who_is_not_let_in_is_told_the_mend(door: Locked, given: dict[str, str], told: str) -> None:
    topic = topic_name("none", FRAMED_STATES)
    done = feed_once(door.tls, {CA: str(door.authority_path), **given})
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1, "a line for people, and no traceback"
    with pytest.raises(RegistryRefused, match=told.replace("{topic}", topic)) as refused:
        register(door.tls, f"{topic}-value", SAMPLE, {CA: str(door.authority_path), **given})
    assert str(refused.value) in done.stderr
    assert shows_no_password(done.stderr + done.stdout)
    assert shows_no_password(repr(refused.value.__cause__))


@pytest.mark.timeout(120)
def test_a_login_in_the_address_is_refused_and_not_repeated(door: Locked) -> None:
    done = feed_once(door.plain.replace("//", f"//{WRITER}:{PASSWORDS[WRITER]}@"), {})
    assert done.returncode == 1
    assert f"set {USER} and {PASSWORD}_FILE instead, and change the password" in done.stderr
    assert shows_no_password(done.stderr + done.stdout)


def feed_once(registry: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A feed that does not come as far as to Kafka, which is not there."""
    words = ["feed", "confluent", "--bootstrap", "127.0.0.1:1", "--cluster", "none", "--registry", registry]
    return subprocess.run(
        [sys.executable, "-m", "streams.cli.main", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=SETTLED_S,
        env={**os.environ, **environment},
    )
