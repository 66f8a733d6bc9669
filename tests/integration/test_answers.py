"""Answers from the log on a real Kafka (U-1, U-2, U-3, U-6): a service breaks, a node is killed, the verbs are asked.

One story for the whole file. What a live subscriber saw while it happened is what the answers are held against.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connectors.replica.states import Change
from infra.kafka.broker import Broker
from schemas.codec import encode
from schemas.config import Verb
from schemas.identifiers import partition_of
from schemas.states import ServiceState, State
from schemas.topics import PROBE_RESULTS, SERVICE_STATES
from streams.cli.library import opened
from streams.cli.show_then import TOPICS_READ, Read, knowledge_then, read_log
from tests.integration.cluster import Cluster, add_monitor, on_service, running
from tests.integration.conftest import delete_topics
from tests.integration.targets import Ailment
from tests.waiting import wait_until

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
        cluster.apply(on_service(Verb.SET, NAMES[2], threshold=1))
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


def read(story: Story) -> Read:
    """The log, read as `show --at` reads it."""
    with opened(story.cluster.bootstrap, story.cluster.name, None, TOPICS_READ) as library:
        return read_log(library, [library.now_ms], None)


def test_U2_the_state_at_each_change_is_what_a_live_subscriber_saw(story: Story) -> None:
    log = read(story)
    told_ms = {(kept.where.partition, kept.where.offset): kept.where.at_ms for kept in log.states}
    changes = [(told_ms[change.partition, change.offset], change) for change in story.seen if change.after is not None]
    assert len(changes) > len(NAMES) + 5
    for at_ms, change in changes:
        last = [later for later_ms, later in changes if later.entity_id == change.entity_id and later_ms <= at_ms][-1]
        known, past = knowledge_then(log, at_ms)
        assert known.states[change.entity_id] == last.after
        assert past.exactness[change.entity_id].name == "WHOLE"
        before, _ = knowledge_then(log, at_ms - 1)
        held = before.states.get(change.entity_id)
        assert held is None or (held.view_id, held.sequence) < (last.after.view_id, last.after.sequence)


def test_U2_show_at_tells_the_past_of_one_service_and_how_exact_it_is(story: Story) -> None:
    cluster = story.cluster
    changes = [one for one in story.seen if one.after is not None and one.after.name == FLAPPED]
    downs = [one.after for one in changes if one.after is not None and one.after.state is State.DOWN]
    told = next(kept for kept in read(story).states if encode(downs[0]) == kept.value)
    shown = story.told("show", "service", FLAPPED, "--at", str(told.where.at_ms))
    assert (shown["state"], shown["sequence"], shown["exactness"]) == ("DOWN", downs[0].sequence, "WHOLE")
    assert shown["bindings"][0]["state"] == "DOWN"
    answer = story.told("explain", FLAPPED, "--at", str(told.where.at_ms))
    assert answer["state"] == "DOWN"
    assert next(link for link in answer["chain"] if link["decisive"])["values"]["state"] == "DOWN"
    ran = story.ask("show", "service", FLAPPED, "--at", str(told.where.at_ms))
    assert "exact: the record of then" in ran.stderr
    assert cluster.state(FLAPPED) is State.UP


def test_U2_diff_tells_what_is_different_and_what_came_and_went(story: Story) -> None:
    states = [one.after for one in story.seen if one.after is not None]
    all_up_ms = max(
        next(one.updated_at_ms for one in states if one.name == name and one.state is State.UP) for name in NAMES
    )
    told = story.told("diff", "--from", str(all_up_ms + 20))["differences"]
    by_name = {(one["kind"], one["name"], one["what"]): one for one in told}
    broken = by_name["service", BROKEN, "state"]
    assert (broken["before"], broken["after"]) == ("UP", "DOWN")
    flapped = by_name["service", FLAPPED, "state"]
    assert (flapped["before"], flapped["after"], flapped["changes"]) == ("UP", "UP", 4)
    assert by_name["service", NAMES[2], "threshold"]["after"] == "1"
    assert "view" not in {one["kind"] for one in told}


def test_U2_an_instant_to_come_is_refused(story: Story) -> None:
    ran = story.ask("show", "service", "--at", "2999-01-01")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "still to come" in ran.stderr


def test_U6_a_backtest_gives_the_told_outages_again_and_says_what_more_retries_avoid(story: Story) -> None:
    told = story.told("backtest", FLAPPED, "--set", "retries=2")
    assert (told["told"], told["proven"], len(told["outages"])) == (2, 2, 2)
    assert {(one["later_ms"], one["sure"]) for one in told["outages"]} == {(0, True)}
    avoided = story.told("backtest", FLAPPED, "--set", "retries=100")
    assert (avoided["avoided"], avoided["proven"]) == (2, 2)
    sooner = story.told("backtest", FLAPPED, "--set", "retries=1")
    later_ms = [one["later_ms"] for one in sooner["outages"]]
    assert max(later_ms) <= 0, "a failure that came with the next one, in one batch, is told no sooner"
    assert min(later_ms) < 0
    ran = story.ask("backtest", FLAPPED, "--set", "interval=1s")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "changes what is probed" in ran.stderr
    assert "2 of 2 told outages" in story.ask("backtest", FLAPPED, "--set", "retries=5").stdout


def test_U3_what_if_a_node_left_is_what_comes_when_it_is_killed(story: Story) -> None:
    """And a command that is asked about first does what was foretold."""
    cluster = story.cluster
    told = story.told("what-if", "set", "service", NAMES[3], "--threshold", "2")
    assert [(one["name"], one["before"], one["after"]) for one in told["states"]] == [(NAMES[3], "UP", "DOWN")]
    assert cluster.state(NAMES[3]) is State.UP, "nothing was sent"
    cluster.apply(on_service(Verb.SET, NAMES[3], threshold=2))
    cluster.wait_state(NAMES[3], State.DOWN)
    victim = cluster.owners(NAMES)[NAMES[4]]
    owners = cluster.owners(NAMES)
    foretold = story.told("what-if", "leave", victim)
    cluster.node(victim).kill()
    cluster.wait_serving()
    expected = owners | {move["name"]: move["after"] for move in foretold["moves"]}
    assert victim not in expected.values()
    wait_until(lambda: cluster.owners(NAMES) == expected, 20, "the owners that were foretold")
    assert foretold["nodes_then"] == list(cluster.view().nodes)
    ran = story.ask("what-if", "leave", victim)
    assert (ran.returncode, "is not in view" in ran.stderr) == (1, True)


@pytest.mark.parametrize("name", [BROKEN, FLAPPED, NAMES[3], NAMES[4]])
def test_U1_an_incident_folds_to_the_states_that_were_seen_live(story: Story, tmp_path: Path, name: str) -> None:
    def seen_live() -> list[ServiceState]:
        seen = [one.after for one in story.seen if one.after is not None and one.after.name == name]
        # Without its number one, which was replaced before it was sent, the fold begins at the next.
        return seen if seen[0].sequence == 1 else seen[1:]

    file = tmp_path / "incident.jsonl"
    before = seen_live()
    kept = story.ask("incident", name, str(file), "--from", "-1h")
    assert kept.returncode == 0, kept.stderr
    ran = subprocess.run(
        [sys.executable, "-m", "streams.cli.main", "replay", str(file), "-o", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    answer = json.loads(ran.stdout)
    states = [(one["state"], one["view_id"], one["sequence"]) for one in answer["states"]]
    seen = [(one.state.value, one.view_id, one.sequence) for one in seen_live()]
    assert states[: len(before)] == seen[: len(before)], "what had been told when the verb was asked"
    assert states == seen[: len(states)], "and nothing that was not; an owner may tell more while the verb reads"
    assert (ran.returncode, answer["faithful"], answer["counts"]["DIFFERENT"], answer["counts"]["GAP"]) == (
        0,
        True,
        0,
        0,
    )
    made = [(one["made"]["state"], one["made"]["view_id"], one["made"]["sequence"]) for one in answer["states"]]
    assert made == states, [one for one in answer["states"] if one["outcome"] != "EQUAL"]
    again = story.ask("incident", name, str(file), "--from", "-1h")
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
