"""A cluster on a Kafka to which a certificate is the login, as Strimzi's `tls` users have it: no password anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.replica.states import StateReplica
from infra.cluster.nodes import Launch, start_node
from schemas.states import State
from streams.cli.main import main
from tests.integration.secured import ADMIN, NODE, ONE_SERVICE, OPERATOR, READER, Certified, certified, principal
from tests.integration.targets import Farm
from tests.unit.engine.authority import authority
from tests.waiting import wait_until

CLUSTER = "sealed"
SETTLED_S = 60.0


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certified]:
    with certified(tmp_path_factory.mktemp("sealed")) as made:
        yield made


def run(kafka: Certified, user: str, *words: str, **other: str) -> int:
    """The exit code of one verb in this process, with that user's environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in kafka.environment(user, **other).items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main([*words, "--bootstrap", kafka.bootstrap, "--cluster", CLUSTER])
    return int(ended.value.code or 0)


@pytest.mark.timeout(300)
def test_node_operator_and_reader_work_together_by_certificates(
    kafka: Certified, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roles = ("--node", principal(NODE), "--operator", principal(OPERATOR), "--reader", principal(READER))
    assert run(kafka, ADMIN, "acls", "--apply", *roles) == 0
    assert run(kafka, OPERATOR, "init") == 0
    node = start_node("b0", kafka.bootstrap, CLUSTER, tmp_path, launch=Launch(environment=kafka.environment(NODE)))
    try:
        with Farm() as farm:
            file = tmp_path / "cluster.yaml"
            file.write_text(ONE_SERVICE.format(port=farm.target().port), encoding="utf-8")
            assert run(kafka, OPERATOR, "apply", "-f", str(file), "--deadline", str(SETTLED_S)) == 0, node.last_lines()
            with StateReplica("", CLUSTER, access=kafka.access(READER)) as states:
                states.wait_ready(SETTLED_S)
                wait_until(lambda: (web := states.by_name("web")) and web.state is State.UP, SETTLED_S, "web is UP")
            capsys.readouterr()
            assert run(kafka, READER, "show", "service", "web", "-o", "json") == 0
            assert json.loads(capsys.readouterr().out)["state"] == "UP"
            assert run(kafka, READER, "disable", "service", "web") == 3
            assert "authorization failed" in capsys.readouterr().err
    finally:
        node.stop()


def test_without_a_certificate_or_with_a_strangers_nobody_is_let_in(
    kafka: Certified, capsys: pytest.CaptureFixture[str]
) -> None:
    none = {f"WATCHBILL_KAFKA_SSL_{name}_LOCATION": "" for name in ("CERTIFICATE", "KEY")}
    kafka.issue("stranger", authority("somebody else's authority"))
    for user, other in ((READER, none), ("stranger", {})):
        assert run(kafka, user, "show", "service", **other) == 3
        told = capsys.readouterr().err
        assert "WATCHBILL_KAFKA_SSL_CERTIFICATE_LOCATION" in told, told
