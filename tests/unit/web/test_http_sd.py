"""`/api/http_sd`: which targets Prometheus is given, and what is told of each."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from schemas.identifiers import EntityId
from schemas.inventory.services import services
from schemas.states import State
from streams.web.http_sd import http_sd_page
from tests.unit.config.config_words import folded
from tests.unit.replica.samples import service_state
from tests.unit.web.fake_source import FakeSource
from tests.unit.web.test_pages import Ask, serve

CONFIG = """
add service web address=10.0.0.1 port=80
add service api address=2001:db8::1 port=8443
add service named address=app.example.org port=81
add service unresolved address=none.example.org port=82
add service own address=127.0.0.1 port=83 internal=yes
add service_group pool
add member pool/10.0.0.7:84
add vserver shop
add vserver all
bind vserver shop service web
bind vserver shop service_group pool
bind vserver all service web
"""
MEMBER = "pool/10.0.0.7:84"


def source() -> FakeSource:
    entities = folded(CONFIG).entities
    known = list(services(entities))
    ids = {service.name: service.entity_id for service in known}

    def record(name: str, state: State, ip: str) -> tuple[EntityId, Any]:
        return ids[name], replace(service_state(ids[name], name=name, state=state), ip_address=ip)

    states = dict(
        [
            record("web", State.UP, "10.0.0.1"),
            record("api", State.DOWN, "2001:db8::1"),
            record("named", State.UP, "10.9.9.9"),
            record("unresolved", State.DOWN, ""),
            record("own", State.UP, "127.0.0.1"),
        ]
    )
    return FakeSource(services=known, states=states, configured=entities)


def targets(*pairs: tuple[str, str]) -> dict[str, str]:
    """The target of each service."""
    answer = http_sd_page(source(), pairs)
    assert answer.status == 200
    return {group["labels"]["__meta_watchbill_service"]: ",".join(group["targets"]) for group in answer.body}  # type: ignore[index]


def test_every_service_is_a_target_whatever_its_state_but_internal_ones() -> None:
    assert targets() == {
        "api": "[2001:db8::1]:8443",
        "named": "10.9.9.9:81",
        MEMBER: "10.0.0.7:84",
        "unresolved": "none.example.org:82",
        "web": "10.0.0.1:80",
    }


def test_only_some_where_that_is_asked_for() -> None:
    assert set(targets(("state", "down"))) == {"api", "unresolved"}
    assert set(targets(("state", "UNKNOWN"))) == {MEMBER}
    assert set(targets(("vserver", "shop"))) == {"web", MEMBER}
    assert set(targets(("vserver", "all"), ("state", "UP"))) == {"web"}


def test_what_is_known_stands_in_labels_that_prometheus_forgets_unless_told_otherwise() -> None:
    groups = {group["labels"]["__meta_watchbill_service"]: group["labels"] for group in http_sd_page(source(), ()).body}  # type: ignore[index]
    assert groups["web"] == {
        "__meta_watchbill_service": "web",
        "__meta_watchbill_state": "UP",
        "__meta_watchbill_owner": "b0",
        "__meta_watchbill_kind": "SERVICE",
        "__meta_watchbill_group": "",
        "__meta_watchbill_domain": "",
        "__meta_watchbill_vservers": ",all,shop,",
    }
    assert groups[MEMBER]["__meta_watchbill_group"] == "pool"
    assert groups[MEMBER]["__meta_watchbill_owner"] == ""
    assert groups["named"]["__meta_watchbill_domain"] == "app.example.org"


@pytest.mark.parametrize(
    ("pair", "status", "text"),
    [
        (("vserver", "shoq"), 404, 'did you mean "shop"?'),
        (("state", "SICK"), 400, "give one of UNKNOWN, UP"),
        (("limit", "3"), 400, "this page takes state, vserver"),
    ],
)
def test_what_cannot_be_answered_says_why(pair: tuple[str, str], status: int, text: str) -> None:
    answer = http_sd_page(source(), (pair,))
    assert answer.status == status
    assert text in answer.body["error"]  # type: ignore[call-overload]


def test_prometheus_gets_an_array_as_json() -> None:
    async def talk(ask: Ask) -> None:
        code, headers, body = await ask("/api/http_sd?state=UP")
        assert code == 200
        assert headers["Content-Type"] == "application/json; charset=utf-8"
        assert [group["targets"] for group in json.loads(body)] == [["10.9.9.9:81"], ["10.0.0.1:80"]]
        assert (await ask("/api/http_sd", headers={"Host": "evil.example.org"}))[0] == 421

    asyncio.run(serve(source(), talk))
