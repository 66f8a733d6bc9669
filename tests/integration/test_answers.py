"""Answers from the log on a real Kafka (U-1, U-2, U-3, U-6): a service breaks, a node is killed, the verbs are asked.

One story for the whole file. What a live subscriber saw while it happened is what the answers are held against.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.replica.states import Change
from infra.kafka.broker import Broker
from schemas.identifiers import partition_of
from schemas.states import State
from schemas.topics import PROBE_RESULTS, SERVICE_STATES
from tests.integration.cluster import Cluster, add_monitor, running
from tests.integration.conftest import delete_topics
from tests.integration.targets import Ailment

NAMES = [f"web{number:02d}" for number in range(8)]
BROKEN, FLAPPED = NAMES[0], NAMES[1]


@dataclass
class Story:
    """What happened, as it was seen while it did."""

    cluster: Cluster
    seen: list[Change] = field(default_factory=list)

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A verb, run to its end."""
        where = ["--bootstrap", self.cluster.bootstrap, "--cluster", self.cluster.name]
        command = [sys.executable, "-m", "streams.cli.main", *arguments, *where]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def told(self, *arguments: str) -> Any:
        """The answer of a verb that must succeed, as data."""
        ran = self.ask(*arguments, "-o", "json")
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    def take(self, changes: Sequence[Change]) -> None:
        """A live subscriber."""
        self.seen.extend(changes)


@pytest.fixture(scope="module")
def story(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with running(broker.bootstrap, "answers", tmp_path_factory.mktemp("answers")) as cluster:
        told = Story(cluster)
        cluster.states.on_change(told.take)
        cluster.apply(add_monitor("tcp"))
        cluster.add_services(NAMES, "tcp")
        cluster.wait_states(NAMES, State.UP)
        for _ in range(2):
            cluster.targets[FLAPPED].become(Ailment.CLOSED)
            cluster.wait_state(FLAPPED, State.DOWN)
            cluster.targets[FLAPPED].become(Ailment.NONE)
            cluster.wait_state(FLAPPED, State.UP)
        cluster.targets[BROKEN].become(Ailment.CLOSED)
        cluster.wait_state(BROKEN, State.DOWN)
        yield told
    delete_topics(broker.bootstrap, "answers")


def links(answer: dict[str, Any], step: str) -> list[dict[str, Any]]:
    """The lines of one step of a chain."""
    return [link for link in answer["chain"] if link["step"] == step]


def test_U1_explain_names_the_monitor_that_decides_and_the_records_it_rests_on(story: Story) -> None:
    held = story.cluster.wait_state(BROKEN, State.DOWN)
    partition = partition_of(held.entity_id)
    answer = story.told("explain", BROKEN)
    (decisive,) = [link for link in answer["chain"] if link["decisive"]]
    assert (decisive["step"], decisive["values"]["state"]) == ("retries", "DOWN")
    assert "2 of the last 2 failed" in decisive["text"]
    (probe,) = links(answer, "probes")
    assert (probe["values"]["verdict"], probe["values"]["node_id"]) == ("DOWN", held.owner)
    assert (probe["record"]["topic"], probe["record"]["partition"]) == (story.cluster.topic(PROBE_RESULTS), partition)
    (told,) = links(answer, "told")
    assert (told["values"]["sequence"], told["values"]["view_id"]) == (held.sequence, held.view_id)
    seen = [change for change in story.seen if change.entity_id == held.entity_id][-1]
    assert told["record"] == {
        "topic": story.cluster.topic(SERVICE_STATES),
        "partition": partition,
        "offset": seen.offset,
        "at_ms": told["record"]["at_ms"],
    }
    (because,) = links(answer, "because")
    assert because["record"]["offset"] == held.cause.offset
    (owner,) = links(answer, "owner")
    assert (owner["values"]["owner"], owner["record"]["offset"]) == (held.owner, held.view_id)
    assert {one["node_id"]: one["state"] for one in answer["nodes"]} == dict.fromkeys(("b0", "b1", "b2"), "DOWN")
    assert {one["values"]["applied"] for one in links(answer, "nodes")} == {"YES"}


def test_U1_explain_of_one_node_and_of_no_service(story: Story) -> None:
    answer = story.told("explain", BROKEN, "--node", "b1")
    assert [one["node_id"] for one in answer["nodes"]] == ["b1"]
    ran = story.ask("explain", "wep00")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert 'did you mean "web00"?' in ran.stderr


def test_U1_explain_fits_a_screen_and_marks_one_line(story: Story) -> None:
    ran = story.ask("explain", BROKEN)
    lines = ran.stdout.splitlines()
    assert len(lines) < 25
    (marked,) = [line for line in lines if line.startswith("▶")]
    assert "retries" in marked
    assert "REFUSED" in ran.stdout
