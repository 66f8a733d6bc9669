"""The contract of the web views: it names every page, every parameter, and each answer is of its shape."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from schemas.asyncapi import asyncapi
from schemas.states import State
from schemas.topics import TOPICS
from streams.web.contract import CONTRACT, openapi
from streams.web.files import dashboard_files
from streams.web.pages import EVENTS, PAGES
from tests.unit.replica.samples import service_state
from tests.unit.web.fake_source import B0, NOW_MS, FakeSource, healthy, judged, monitor, service, status
from tests.unit.web.test_board import HISTORY
from tests.unit.web.test_pages import Ask, serve

STATE = service_state("1-0", state=State.DOWN, name="web1")
SOURCE = FakeSource(
    services=[service("1-0", "web1", (monitor("1-3", "home"),)), service("2-0", "new")],
    states={"1-0": STATE},
    statuses=[status(B0)],
    log=[judged(5, -1), judged(6, 5)],
    history=HISTORY.history,
)


def plain(path: str) -> str:
    return path.replace(":.+", "")


def test_the_contract_names_every_page() -> None:
    served = {plain(path) for path in PAGES} | {EVENTS, "/healthz", "/metrics", "/"}
    assert set(CONTRACT) == served
    assert "/" in dashboard_files()


def answer_shape(path: str, code: int) -> dict[str, Any]:
    content = openapi()["paths"][path]["get"]["responses"][str(code)]["content"]["application/json"]
    return {**content["schema"], "components": openapi()["components"]}


def check(path: str, code: int, body: Any) -> None:
    Draft202012Validator(answer_shape(path, code)).validate(body)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/api/services", "/api/services"),
        ("/api/services", "/api/services?limit=1"),
        ("/api/services/{name}", "/api/services/web1"),
        ("/api/services/{name}", "/api/services/new"),
        ("/api/transitions", "/api/transitions"),
        ("/api/past", "/api/past"),
        ("/api/past", "/api/past?at=0"),
        ("/api/vservers", "/api/vservers"),
        ("/api/nodes", "/api/nodes"),
        ("/api/views", "/api/views"),
        ("/api/http_sd", "/api/http_sd"),
        ("/api/http_sd", "/api/http_sd?state=DOWN"),
        ("/healthz", "/healthz"),
        ("/api/openapi.json", "/api/openapi.json"),
        ("/api/asyncapi.json", "/api/asyncapi.json"),
    ],
)
def test_each_answer_is_of_its_shape(path: str, asked: str) -> None:
    async def talk(ask: Ask) -> None:
        code, _, body = await ask(asked)
        check(path, code, json.loads(body))
        code, _, body = await ask(f"{asked}{'&' if '?' in asked else '?'}no=1")
        assert code == 400
        check(path, code, json.loads(body))

    asyncio.run(serve(SOURCE, talk))


def test_an_unhealthy_node_answers_in_the_same_shape() -> None:
    async def talk(ask: Ask) -> None:
        code, _, body = await ask("/healthz")
        assert code == 503
        check("/healthz", code, json.loads(body))

    asyncio.run(serve(FakeSource(known=replace(healthy(), lease_held=False, lease_age_s=None)), talk))


def test_a_shape_refuses_what_it_does_not_name() -> None:
    validator = Draft202012Validator(answer_shape("/api/nodes", 200))
    assert validator.is_valid({"view_id": 1, "count": 0, "nodes": []})
    assert not validator.is_valid({"view_id": 1, "count": 0, "nodes": [], "more": 1})
    assert not validator.is_valid({"view_id": 1, "nodes": []})


@pytest.mark.parametrize("path", [path for path in CONTRACT if path not in (EVENTS,)])
def test_the_contract_names_every_parameter(path: str) -> None:
    async def talk(ask: Ask) -> None:
        _, _, body = await ask(f"{path.replace('{name}', 'web1')}?no=1")
        told = re.search(r"this page takes (.*)$", json.loads(body)["error"])
        assert told
        named = () if told.group(1) == "none" else tuple(told.group(1).split(", "))
        assert tuple(CONTRACT[path].takes) == named

    asyncio.run(serve(SOURCE, talk))


@pytest.mark.parametrize("path", [path for path, row in CONTRACT.items() if "limit" in row.takes])
def test_limits_are_those_of_the_contract(path: str) -> None:
    async def talk(ask: Ask) -> None:
        limit = CONTRACT[path].takes["limit"]
        for value, code in ((limit["minimum"], 200), (limit["maximum"], 200), (limit["maximum"] + 1, 400), (0, 400)):
            assert (await ask(f"{path}?limit={value}"))[0] == code, value

    asyncio.run(serve(SOURCE, talk))


def test_the_topics_document_has_every_topic_and_record() -> None:
    made = asyncapi()
    assert set(made["channels"]) == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        channel = made["channels"][topic.name]
        assert channel["bindings"]["kafka"]["partitions"] == topic.partitions
        assert tuple(channel["messages"]) == topic.records
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(made)):
        found: Any = made
        for part in reference.split("/"):
            found = found[part]


def test_ages_and_times_of_the_sample_are_not_all_null() -> None:
    """Else the shapes of what is known would never have been looked at."""
    assert STATE.changed_at_ms < NOW_MS
    assert SOURCE.history
