"""Commands on real Kafka with a real node: sent, answered, read back; and what is told when nobody answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.config.producer import ConfigProducer, NoAnswer
from connectors.config.reader import read_entities
from connectors.replica.base import NotReady
from infra.cluster.nodes import Nodes
from infra.kafka.broker import Broker
from schemas.config import Kind, Operation, Verb
from streams.cli.main import main

ANSWER_S = 60.0
"""A node that was just started must replay and join before it answers."""
EAST = Operation(Verb.ADD, Kind.NODE_GROUP, "east", {})

FILE = """\
node_groups: [east]
monitors:
  tcp: {type: TCP, interval: 2s, response_timeout: 1s}
services:
  web1: {address: 127.0.0.1, port: 9, state: DISABLED, monitors: {tcp: {weight: 10}}}
"""

Verbs = Callable[..., tuple[int, str, str]]


@pytest.fixture
def watchbill(broker: Broker, cluster: str, capsys: pytest.CaptureFixture[str]) -> Verbs:
    """Runs a verb against the test's cluster: its exit code, standard output and standard error."""

    def run(*words: str, deadline_s: float = ANSWER_S) -> tuple[int, str, str]:
        where = ["--bootstrap", broker.bootstrap, "--cluster", cluster, "--deadline", str(deadline_s)]
        with pytest.raises(SystemExit) as ended:
            main([*words, *where])
        out, err = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, out, err

    return run


def test_without_a_node_the_command_waits_in_the_log_and_says_so(broker: Broker, cluster: str) -> None:
    with ConfigProducer(broker.bootstrap, cluster) as producer, pytest.raises(NoAnswer) as told:
        producer.send([EAST], "test", "my-command", deadline_s=5.0)
    assert "no node answered within 5 s: is one running?" in str(told.value)
    assert "my-command stands in the log" in str(told.value)
    assert len(read_entities(broker.bootstrap, cluster).by_id) == 0


def test_without_topics_nothing_is_sent(broker: Broker, cluster_name: str) -> None:
    with ConfigProducer(broker.bootstrap, cluster_name) as producer, pytest.raises(NotReady, match="watchbill init"):
        producer.send([EAST], "test", deadline_s=1.0)
    with pytest.raises(NotReady, match="watchbill init"):
        read_entities(broker.bootstrap, cluster_name)


def test_no_answer_has_its_own_exit_code(watchbill: Verbs) -> None:
    code, out, err = watchbill("add", "node-group", "east", deadline_s=5.0)
    assert (code, out) == (3, "")
    assert "no node answered" in err


def test_a_node_answers_commands_and_their_entities_can_be_read(
    broker: Broker, cluster: str, tmp_path: Path, watchbill: Verbs
) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(FILE)
    with Nodes(broker.bootstrap, cluster, tmp_path) as nodes, ConfigProducer(broker.bootstrap, cluster) as producer:
        nodes.start("b0")
        first = producer.send([EAST], "test", "one", deadline_s=ANSWER_S)
        assert first.accepted, first.rejections
        assert producer.send([EAST], "test", "one", deadline_s=ANSWER_S) == first
        refused = producer.send([EAST], "test", "two", deadline_s=ANSWER_S)
        assert 'node group "east" exists already' in refused.rejections[0].message
        applies_a_file(watchbill, file)
        says_why_not(watchbill, file)
        exports_what_applies(watchbill, tmp_path / "backup.yaml")
        finds_nothing_wrong(watchbill)
    entities = read_entities(broker.bootstrap, cluster)
    web1 = entities.find(Kind.SERVICE, "front")
    assert web1 is not None
    assert [entities.by_id[bound.entity_id].name for bound in web1.bindings] == ["tcp"]
    assert web1.bindings[0].weight == 20


def applies_a_file(watchbill: Verbs, file: Path) -> None:
    code, out, _ = watchbill("apply", "-f", str(file), "--dry-run")
    assert code == 0
    assert "+ service web1 address=127.0.0.1 port=9 state=DISABLED" in out
    assert "dry run: nothing was changed" in out
    code, out, _ = watchbill("apply", "-f", str(file), "-o", "json")
    told = json.loads(out)
    assert (code, told["accepted"], len(told["steps"])) == (0, True, 3)
    assert [entity["name"] for entity in told["entities"]] == ["tcp", "web1"]
    code, out, _ = watchbill("apply", "-f", str(file))
    assert (code, "nothing to change" in out) == (0, True)
    assert watchbill("bind", "monitor", "tcp", "to", "service", "web1", "--weight", "20")[0] == 0
    assert watchbill("rename", "service", "web1", "front")[0] == 0


def exports_what_applies(watchbill: Verbs, backup: Path) -> None:
    code, out, err = watchbill("export")
    assert (code, err) == (0, "")
    assert "front: {address: 127.0.0.1, port: 9, state: DISABLED, monitors: {tcp: {weight: 20}}}" in out
    assert watchbill("export", "-f", str(backup))[0] == 0
    assert backup.read_text() == out
    code, told, _ = watchbill("apply", "-f", str(backup), "--prune", "--dry-run")
    assert (code, "nothing to change" in told) == (0, True)


def finds_nothing_wrong(watchbill: Verbs) -> None:
    code, out, _ = watchbill("doctor", "-o", "json")
    verdicts = {(one["check"], one["verdict"]) for one in json.loads(out)["findings"]}
    assert code == 0
    healthy = ("Kafka", "topics", "nodes", "releases", "clocks", "replicas")
    assert verdicts - {("pings", "ok"), ("pings", "warn")} == {(check, "ok") for check in healthy}


def says_why_not(watchbill: Verbs, file: Path) -> None:
    code, _, err = watchbill("rm", "monitor", "tcp")
    assert (code, 'still bound to service "front"' in err) == (1, True)
    file.write_text(FILE + "vservers:\n  shop:\n    services: [frond]\n")
    code, _, err = watchbill("apply", "-f", str(file))
    assert code == 1
    assert f'{file}:8: service "frond" does not exist: add it first, or mend the name (did you mean "front"?)' in err
