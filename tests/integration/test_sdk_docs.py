"""The examples of docs/sdk.md, each run as it stands but for the cluster's name, on a real Kafka."""

from __future__ import annotations

import re
import threading
from dataclasses import replace

import pytest

from connectors.config import NoAnswer
from connectors.kafka.producer import OwnProducer
from connectors.replica.base import default_access
from infra.kafka.broker import Broker
from schemas.codec import encode
from schemas.identifiers import EntityId, partition_of
from schemas.states import State
from schemas.topics import SERVICE_STATES, topic_name
from tests.tidy.source import ROOT
from tests.unit.cli_show.samples import state
from tests.waiting import wait_until

EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "sdk.md").read_text(encoding="utf-8"), re.DOTALL)


def example(about: str, broker: Broker, cluster: str) -> str:
    """The one example that speaks of something, at the test's cluster."""
    [found] = [text for text in EXAMPLES if about in text]
    assert '"127.0.0.1:9092"' in found
    return found.replace('"127.0.0.1:9092"', f'"{broker.bootstrap}", "{cluster}"')


def run(text: str) -> None:
    """As a program would: names at its top are its own."""
    exec(compile(text, "docs/sdk.md", "exec"), {"__name__": "example"})


def test_every_example_is_run_here() -> None:
    told = ("states.by_name", "on_change", "Reach(", "vservers.choose", "ConfigProducer(")
    assert [sum(word in text for word in told) for text in EXAMPLES] == [1] * len(told)


def test_states_of_a_node_and_a_choice(broker: Broker, filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(example("states.by_name", broker, filled))
    assert capsys.readouterr().out == (
        "1000 services, Kafka answers: True\nweb UP 10.0.0.1:80 says b0\nbecause http: refused (3 of 3 probes failed)\n"
    )
    run(example("Reach(", broker, filled))
    out = capsys.readouterr().out
    assert out.startswith("told UP - can be processed by b0, b1\nb0 UP path UNKNOWN else to None\n")
    assert "vserver shop: ('b0', 'b1')\nby b0 it is served as State.UP\n" in out
    run(example("vservers.choose", broker, filled))
    out = capsys.readouterr().out
    assert "web 10.0.0.1:80 1\n" in out
    assert "first: " in out
    assert "nobody" not in out


def test_changes_come_once_behind_the_snapshot(broker: Broker, filled: str, capsys: pytest.CaptureFixture[str]) -> None:
    running = threading.Thread(target=run, args=(example("on_change", broker, filled),), daemon=True)
    running.start()
    told: list[str] = []

    def out() -> str:
        told.append(capsys.readouterr().out)
        return "".join(told)

    wait_until(lambda: "1000 services can be sent to" in out(), 20.0, "the snapshot")
    service = EntityId("1-0")
    producer = OwnProducer(default_access(broker.bootstrap, "test"), delivery_timeout_ms=20_000)
    changed = encode(replace(state(State.DOWN), sequence=9))
    producer.send(topic_name(filled, SERVICE_STATES), partition_of(service), service.encode(), changed)
    assert producer.close(20.0) == 0
    wait_until(lambda: "999 after the first change" in out(), 20.0, "the change")
    running.join(10.0)


def test_a_command_is_sent_and_waits_for_a_node(broker: Broker, filled: str) -> None:
    """No node runs here; that a node's answer comes is tested with one in test_config_commands.py."""
    text = example("ConfigProducer(", broker, filled).replace('command_id="', 'deadline_s=1.0, command_id="')
    with pytest.raises(NoAnswer, match="release-4711 stands in the log"):
        run(text)
