"""M-20: which DOWN explains another one; a dependency never says anything of what is UP."""

from __future__ import annotations

from functools import partial

import pytest

from schemas.config import Kind
from schemas.dependencies import dependencies, down_roots, root_causes
from schemas.identifiers import EntityId
from schemas.states import State
from tests.unit.config.config_words import folded

GRAPH = {"shop": "web cache", "web": "api", "api": "db auth", "cache": "db", "auth": "db"}
UP, DOWN = State.UP, State.DOWN


def depends_on(service: EntityId) -> list[EntityId]:
    return [EntityId(name) for name in GRAPH.get(service, "").split()]


def roots(service: str, down: str) -> str:
    state_of = {EntityId(name): DOWN for name in down.split()}.get
    return " ".join(root_causes(EntityId(service), depends_on, state_of))


@pytest.mark.parametrize(
    ("service", "down", "expected"),
    [
        ("shop", "shop", ""),
        ("shop", "web", ""),
        ("shop", "shop web", "web"),
        ("shop", "shop web db", "db"),
        ("shop", "shop db", "db"),
        ("web", "shop web api auth db", "db"),
        ("db", "shop web api db", ""),
        ("shop", "shop cache auth", "cache auth"),
        ("nobody", "nobody db", ""),
    ],
)
def test_M20_the_roots_of_a_down_are_the_lowest_that_are_down_however_far(
    service: str, down: str, expected: str
) -> None:
    assert roots(service, down) == expected


def test_M20_only_down_explains() -> None:
    for other in State:
        states = {EntityId("web"): DOWN, EntityId("api"): other}
        expected = ("api",) if other is DOWN else ()
        assert root_causes(EntityId("web"), depends_on, states.get) == expected


def test_M20_what_is_below_is_known_before_the_service_itself_is_down() -> None:
    states = {EntityId("db"): DOWN, EntityId("web"): UP}
    assert root_causes(EntityId("web"), depends_on, states.get) == ()
    assert down_roots(EntityId("web"), depends_on, states.get) == ("db",)


def test_a_circle_would_not_hang() -> None:
    circle = {"a": ["b"], "b": ["a"]}
    assert down_roots(EntityId("a"), lambda each: circle[each], lambda _: DOWN) == ("b",)  # type: ignore[arg-type]


def test_M20_G2_a_members_dependencies_are_its_own_and_its_groups() -> None:
    entities = folded("""
    add service db address=10.0.0.1 port=1
    add service disk address=10.0.0.2 port=1
    add service_group web
    add member web/10.0.0.3:80
    add member web/10.0.0.4:80
    bind service_group web service db
    bind member web/10.0.0.3:80 service disk
    """).entities
    names = {entity.entity_id: entity.name for entity in entities.by_id.values()}

    def needed(name: str) -> list[str]:
        member = entities.find(Kind.MEMBER, name)
        assert member is not None
        return [names[each] for each in partial(dependencies, entities)(member.entity_id)]

    assert needed("web/10.0.0.3:80") == ["disk", "db"]
    assert needed("web/10.0.0.4:80") == ["db"]
    assert dependencies(entities, EntityId("99-0")) == ()
