"""Which services a vserver may choose among: bound ones and members of bound groups that are effectively UP here."""

from __future__ import annotations

from dataclasses import replace

from schemas.candidates import candidates, chosen
from schemas.config import Kind
from schemas.identifiers import EntityId
from schemas.probes import PathState
from schemas.states import LoadInfo, PathMonitoring, ServiceState, State
from tests.unit.cli_show.samples import state
from tests.unit.config.config_words import folded

BASE = """
add node_group east
add service a address=10.0.0.1 port=80
add service b address=10.0.0.2 port=80
add service_group web
add member web/10.0.0.3:80
add member web/10.0.0.4:80
add service elsewhere address=10.0.0.5 port=80
bind service b node_group east
bind service_group web node_group east
add vserver shop method=LRTM
bind vserver shop service a weight=2
bind vserver shop service b
bind vserver shop service_group web weight=7
"""
ENTITIES = folded(BASE).entities
SHOP = ENTITIES.find(Kind.VSERVER, "shop")
assert SHOP is not None


def record(entity: EntityId, now: State = State.UP, **fields: object) -> ServiceState:
    return replace(state(now, entity_id=entity), **fields)


def found(states: dict[str, State], **given: object) -> list[str]:
    ids = {one.entity_id: one.name for one in ENTITIES.by_id.values()}
    known = {entity: record(entity, states[name]) for entity, name in ids.items() if name in states}
    return sorted(one.name for one in candidates(ENTITIES, SHOP, known.get, **given))


ALL_UP = dict.fromkeys(["a", "b", "web/10.0.0.3:80", "web/10.0.0.4:80", "elsewhere"], State.UP)


def test_bound_services_and_members_of_bound_groups_and_nobody_else() -> None:
    assert found(ALL_UP) == ["a", "b", "web/10.0.0.3:80", "web/10.0.0.4:80"]
    weights = {one.name: one.weight for one in candidates(ENTITIES, SHOP, lambda entity: record(entity))}
    assert weights == {"a": 2, "b": 1, "web/10.0.0.3:80": 7, "web/10.0.0.4:80": 7}


def test_only_what_is_up_gets_new_traffic() -> None:
    for other in State:
        assert ("a" in found(ALL_UP | {"a": other})) is (other is State.UP)
    assert found({"b": State.UP}) == ["b"], "without a record nothing is known of it"


def test_P4_a_node_without_a_path_chooses_among_the_others() -> None:
    known = {entity: record(entity, path_monitoring=PathMonitoring.INDIVIDUAL) for entity in ENTITIES.by_id}
    cut_off = ENTITIES.find(Kind.SERVICE, "a")
    assert cut_off is not None
    paths = {cut_off.entity_id: PathState.DOWN}
    there = candidates(ENTITIES, SHOP, known.get, lambda entity: paths.get(entity, PathState.UP))
    assert "a" not in {one.name for one in there}


def test_A1_a_node_chooses_among_what_it_hosts() -> None:
    assert found(ALL_UP, node_groups=()) == ["a"]
    assert found(ALL_UP, node_groups=("east",)) == ["a", "b", "web/10.0.0.3:80", "web/10.0.0.4:80"]


def test_L5_CL1_the_method_and_the_values_of_the_records_decide() -> None:
    slow = {entity: record(entity, response_time_us=9_000, load=LoadInfo(False, 5)) for entity in ENTITIES.by_id}
    quick = ENTITIES.find(Kind.MEMBER, "web/10.0.0.4:80")
    assert quick is not None
    known = slow | {quick.entity_id: record(quick.entity_id, response_time_us=800, load=LoadInfo(False, 99))}
    best = chosen(ENTITIES, SHOP, known.get).best
    assert best is not None
    assert (best.name, best.address, best.port) == ("web/10.0.0.4:80", "10.0.0.1", 80)
    by_load = replace(SHOP, settings={"method": "CUSTOMLOAD"})
    assert chosen(ENTITIES, by_load, known.get).order[-1].name == "web/10.0.0.4:80"
    assert chosen(ENTITIES, replace(SHOP, settings={}), known.get).method == "LEASTCONNECTION"


def test_a_disabled_vserver_chooses_nothing() -> None:
    choice = chosen(ENTITIES, replace(SHOP, enabled=False), lambda entity: record(entity))
    assert (choice.best, choice.why) == (None, "the vserver is disabled")
