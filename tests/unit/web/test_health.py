"""`/healthz`: 200 with current knowledge, and else each reason in a sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from connectors.engine.echo import CURE
from connectors.engine.ping_access import PingAccess
from schemas.cluster import Phase
from streams.web.encoding import encode_answer
from streams.web.health import health_page
from streams.web.source import KafkaContact
from tests.unit.web.fake_source import FakeSource, healthy


def test_a_node_that_serves_is_well() -> None:
    answer = health_page(FakeSource(), ())
    assert (answer.status, answer.body["ok"], answer.body["reasons"]) == (200, True, [])
    assert answer.body["kafka"] == {
        "connected": True,
        "silent_s": 0.2,
        "away_since": None,
        "away_since_ms": None,
        "fault": None,
    }
    assert answer.body["lease"] == {"held": True, "age_s": 0.3}
    assert [engine["engine"] for engine in answer.body["engines"]] == [0, 1]
    assert answer.body["tasks"]["probes"] == 70


@pytest.mark.parametrize(("access", "cure"), [(PingAccess.RAW_SOCKET, None), (PingAccess.NONE, CURE)])
def test_P2_it_says_with_which_socket_it_pings_or_the_cure(access: PingAccess, cure: str | None) -> None:
    answer = health_page(FakeSource(known=replace(healthy(), ping=access)), ())
    paths = {"pings_with": access.value, "cure": cure, "addresses": {"UP": 2, "DOWN": 1, "UNKNOWN": 0}}
    assert (answer.status, answer.body["paths"]) == (200, paths)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"phase": Phase.JOINING, "missing": ("service states",)},
            "joining: waiting for service states",
        ),
        ({"phase": Phase.LEAVING}, "this node is leaving: ask another one"),
        (
            {"kafka": KafkaContact(False, 12.5, None)},
            "Kafka has not answered since 2026-09-21T14:14:47.500Z (12.5 s): the last states stay, and age",
        ),
        ({"kafka": KafkaContact(False, float("inf"), None)}, "Kafka has not answered since this node started"),
        ({"kafka": KafkaContact(True, 0.1, "topic gone")}, "Kafka: topic gone"),
        (
            {"lease_held": False, "lease_age_s": 4.25},
            "no lease: the last heartbeat that came back from Kafka is 4.2 s old; this node tells nothing",
        ),
        (
            {"lease_held": False, "lease_age_s": None},
            "no lease: none of this node's heartbeats has come back from Kafka yet",
        ),
        ({"engines": ()}, "none of 2 engines runs: nothing is probed"),
    ],
)
def test_each_thing_that_is_not_so_is_a_reason(changed: dict[str, Any], reason: str) -> None:
    answer = health_page(FakeSource(known=replace(healthy(), **changed)), ())
    assert (answer.status, answer.body["ok"], answer.body["reasons"]) == (503, False, [reason])
    assert json.loads(encode_answer(answer.body)) == answer.body


def test_U9_away_says_since_when_and_keeps_the_number_of_states() -> None:
    answer = health_page(FakeSource(known=replace(healthy(), kafka=KafkaContact(False, 12.5, None))), ())
    assert answer.body["kafka"]["away_since_ms"] == 1_790_000_087_500
    assert answer.body["states"] == 2
