"""`/api/vservers`, and what `/api/services/{name}` tells node by node: paths, effective states, processing sets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from schemas.config import Kind
from schemas.identifiers import EntityId, NodeId
from schemas.inventory.services import services
from schemas.processing import ServicePaths
from schemas.states import PathMonitoring, State
from streams.web.services import one_service
from streams.web.vservers import one_vserver, vservers_page
from tests.unit.config.config_words import folded
from tests.unit.replica.samples import service_state
from tests.unit.web.fake_source import B0, B1, FakeSource

B2 = NodeId("b2")
CONFIG = """
add node_group edge
add service web address=10.0.0.1 port=80 path_monitor=yes
add service api address=10.0.0.2 port=80
add service own address=10.0.0.3 port=80 internal=yes
add vserver shop address=10.1.1.1 port=80
add vserver empty
bind vserver shop service web weight=3
bind vserver shop service api
"""


def source(api: State = State.DOWN) -> FakeSource:
    """web is UP and b1 cannot reach it; api is not path-monitored, and DOWN unless the test says otherwise."""
    entities = folded(CONFIG).entities
    known = {service.name: service for service in services(entities)}
    web, api_id = known["web"].entity_id, known["api"].entity_id
    states = {
        web: replace(service_state(web, name="web"), path_monitoring=PathMonitoring.INDIVIDUAL),
        api_id: service_state(api_id, name="api", state=api),
    }
    paths = {web: ServicePaths(frozenset({B0, B2}), frozenset({B1}))}
    return FakeSource(list(known.values()), states, configured=entities, paths=paths, nodes_in_view=(B0, B1, B2))


def body(answer: Any) -> Any:
    assert answer.status == 200
    return answer.body


def test_P4_PS1_a_service_node_by_node() -> None:
    web = body(one_service(source(), (), "web"))
    assert (web["state"], web["path_monitoring"], web["processing_set"]) == ("UP", "INDIVIDUAL", ["b0", "b2"])
    told = {each["node"]: (each["path"], each["state"]) for each in web["nodes"]}
    assert told == {"b0": ("UP", "UP"), "b1": ("DOWN", "DOWN"), "b2": ("UP", "UP")}
    assert {each["node"]: each["redirect"] in ("b0", "b2") for each in web["nodes"]} == {
        "b0": False,
        "b1": True,
        "b2": False,
    }


def test_O11_an_internal_service_has_no_nodes_but_the_one_that_is_asked() -> None:
    own = body(one_service(source(), (), "own"))
    assert (own["path_monitoring"], own["nodes"], own["processing_set"]) == ("OFF", [], [])


def test_PS1_PS2_every_vserver_with_its_processing_set_and_redirects() -> None:
    page = body(vservers_page(source(), ()))
    assert [row["name"] for row in page["vservers"]] == ["empty", "shop"]
    shop = page["vservers"][1]
    assert (shop["address"], shop["port"], shop["method"], shop["service_count"], shop["up"]) == (
        "10.1.1.1",
        80,
        "LEASTCONNECTION",
        2,
        1,
    )
    assert shop["processing_set"] == ["b0", "b2"]
    assert list(shop["redirects"]) == ["b1"]
    assert shop["redirects"]["b1"] in ("b0", "b2")
    assert (page["vservers"][0]["processing_set"], page["vservers"][0]["redirects"]) == (
        [],
        {"b0": None, "b1": None, "b2": None},
    )


def test_PS1_another_service_that_is_up_there_brings_the_node_back() -> None:
    shop = body(one_vserver(source(api=State.UP), (), "shop"))
    assert (shop["processing_set"], shop["redirects"], shop["up"]) == (["b0", "b1", "b2"], {}, 2)
    assert [(each["name"], each["weight"], each["state"], each["processing_set"]) for each in shop["services"]] == [
        ("web", 3, "UP", ["b0", "b2"]),
        ("api", 1, "UP", ["b0", "b1", "b2"]),
    ]


def test_a_service_that_is_only_just_configured_is_no_fault() -> None:
    early = source()
    early.services = [service for service in early.services if service.name != "api"]
    shop = body(one_vserver(early, (), "shop"))
    assert shop["services"][1] == {
        "entity_id": _id_of(early, "api"),
        "name": "api",
        "kind": "SERVICE",
        "weight": 1,
        "state": "UNKNOWN",
        "processing_set": [],
    }


def _id_of(known: FakeSource, name: str) -> EntityId:
    entity = known.configured.find(Kind.SERVICE, name)
    assert entity is not None
    return entity.entity_id


def test_what_is_not_there_is_named_with_what_is_near() -> None:
    answer = one_vserver(source(), (), "shpo")
    assert (answer.status, answer.body["error"]) == (404, 'no vserver "shpo": did you mean "shop"?')
    for page in (vservers_page(source(), (("limit", "1"),)), one_vserver(source(), (("x", "1"),), "shop")):
        assert page.status == 400
