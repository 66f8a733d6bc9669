"""`/api/vservers/{name}/best`: what a vserver chooses, on a node, and what is wrong with a question."""

from __future__ import annotations

from dataclasses import replace

from schemas.config import Kind
from schemas.identifiers import EntityId
from schemas.processing import ServicePaths
from schemas.states import PathMonitoring, ServiceState
from streams.web.choosing import best_page
from tests.unit.cli_show.samples import state
from tests.unit.config.config_words import folded
from tests.unit.web.fake_source import B0, B1, FakeSource

ENTITIES = folded("""
add node_group east
add service a address=10.0.0.1 port=80
add service b address=10.0.0.2 port=80
bind service b node_group east
add vserver shop method=LRTM
add vserver empty
bind vserver shop service a
bind vserver shop service b
""").entities


def told(name: str, response_us: int) -> tuple[EntityId, object]:
    entity = ENTITIES.find(Kind.SERVICE, name)
    assert entity is not None
    return entity.entity_id, replace(state(entity_id=entity.entity_id, name=name), response_time_us=response_us)


SOURCE = FakeSource(configured=ENTITIES, states=dict([told("a", 900), told("b", 300)]))


def test_L5_the_best_service_with_what_decided_and_the_others_behind_it() -> None:
    answer = best_page(SOURCE, (), "shop")
    assert answer.status == 200
    assert [one["name"] for one in answer.body["order"]] == ["b", "a"]
    assert answer.body["best"]["response_time_us"] == 300
    assert (answer.body["method"], answer.body["node"]) == ("LRTM", None)
    assert answer.body["why"].startswith("least response time 0.3 ms")


def test_A1_on_a_node_that_hosts_less_another_one_is_the_best() -> None:
    assert best_page(SOURCE, (("node", "b0"),), "shop").body["best"]["name"] == "a"


def test_P4_on_a_node_without_a_path_to_it_another_one_is_the_best() -> None:
    (a, record), paths = told("a", 100), ServicePaths(frozenset({B1}), frozenset({B0}))
    assert isinstance(record, ServiceState)
    states = {**SOURCE.states, a: replace(record, path_monitoring=PathMonitoring.INDIVIDUAL)}
    source = FakeSource(configured=ENTITIES, states=states, paths={a: paths}, nodes_in_view=(B0, B1))
    assert best_page(source, (("node", "b1"),), "shop").body["best"]["name"] == "a"
    assert best_page(source, (("node", "b0"),), "shop").body["order"] == []


def test_without_a_service_that_is_up_there_is_no_best() -> None:
    answer = best_page(SOURCE, (), "empty")
    assert (answer.status, answer.body["best"], answer.body["order"]) == (200, None, [])


def test_what_cannot_be_answered_says_why() -> None:
    assert best_page(SOURCE, (), "shap").body == {"error": 'no vserver "shap": did you mean "shop"?'}
    assert best_page(SOURCE, (("node", "b9"),), "shop").status == 404
    assert best_page(SOURCE, (("turn", "-1"),), "shop").status == 400
    assert best_page(SOURCE, (("nodes", "b0"),), "shop").status == 400
