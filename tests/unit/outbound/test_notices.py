"""What a webhook and Alertmanager are told of a notice."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from connectors.outbound.notices import (
    ALERT_NAMES,
    SERVICE_DOWN,
    Notice,
    Status,
    alertmanager_body,
    webhook_body,
)
from schemas.identifiers import EntityId, NodeId, ViewId
from streams.folding.facts import AlertKind

DOWN = Notice(
    kind=SERVICE_DOWN,
    status=Status.FIRING,
    entity_id=EntityId("12-0"),
    service="web",
    state="DOWN",
    text='http: "503"\ud800',
    since_ms=1_790_000_000_000,
    at_ms=1_790_000_000_000,
    view_id=ViewId(5),
    sequence=17,
    owner="b0",
)
OVER = replace(DOWN, status=Status.RESOLVED, state="UP", at_ms=DOWN.at_ms + 61_000, sequence=18, owner="b1")


def test_an_outage_has_one_id_for_its_beginning_and_one_for_its_end_whoever_tells() -> None:
    assert DOWN.id == "12-0/SERVICE_DOWN/1790000000000/firing"
    assert replace(DOWN, owner="b1", view_id=ViewId(6), sequence=20, text="again").id == DOWN.id
    assert OVER.id == "12-0/SERVICE_DOWN/1790000000000/resolved"
    assert replace(DOWN, monitor="http").id != DOWN.id


def test_a_webhook_is_told_who_tells_and_what() -> None:
    told = json.loads(webhook_body([DOWN, OVER], "blue", NodeId("b1")))
    assert (told["version"], told["cluster"], told["node"]) == (1, "blue", "b1")
    assert told["alerts"][0] == {
        "id": DOWN.id,
        "status": "firing",
        "kind": "SERVICE_DOWN",
        "service": "web",
        "entity_id": "12-0",
        "state": "DOWN",
        "monitor": None,
        "text": 'http: "503"?',
        "since": "2026-09-21T14:13:20.000Z",
        "since_ms": 1_790_000_000_000,
        "at": "2026-09-21T14:13:20.000Z",
        "at_ms": 1_790_000_000_000,
        "owner": "b0",
        "view_id": 5,
        "sequence": 17,
    }


def test_alertmanager_is_told_labels_that_stay_and_an_end_only_of_what_is_over() -> None:
    first, second = json.loads(alertmanager_body([DOWN, OVER], "blue", "http://b0:8080"))
    labels = {"alertname": "WatchbillServiceDown", "cluster": "blue", "service": "web", "severity": "critical"}
    assert first["labels"] == second["labels"] == labels
    assert "endsAt" not in first
    assert second["endsAt"] == "2026-09-21T14:14:21.000Z"
    assert first["startsAt"] == second["startsAt"] == "2026-09-21T14:13:20.000Z"
    assert first["annotations"]["summary"] == "web: DOWN"
    assert first["generatorURL"] == "http://b0:8080"


def test_in_time_again_ends_the_alert_that_slow_began() -> None:
    slow = replace(DOWN, kind="RESPONSE_SLOW", monitor="http")
    in_time = replace(slow, kind="RESPONSE_IN_TIME", status=Status.RESOLVED)
    first, second = json.loads(alertmanager_body([slow, in_time], "blue", None))
    assert first["labels"] == second["labels"]
    assert first["labels"]["severity"] == "warning"
    assert "generatorURL" not in first


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_of_alert_has_a_name(kind: AlertKind) -> None:
    assert ALERT_NAMES[kind.value].startswith("Watchbill")


def test_a_time_that_cannot_be_is_told_all_the_same() -> None:
    assert (
        json.loads(webhook_body([replace(DOWN, since_ms=10**18)], "blue", NodeId("b0")))["alerts"][0]["since_ms"]
        == 10**18
    )
