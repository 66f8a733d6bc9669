"""DRTM services have one owner, that of the first of them (T12, DR-1 to DR-4), also where nodes host different ones."""

from __future__ import annotations

import time
from dataclasses import replace
from random import Random

from schemas.config import Kind
from schemas.identifiers import EntityId, NodeId, ViewId, entity_id, order_of, seat_of
from schemas.inventory.services import MonitorBinding, MonitoredService
from streams.ownership.distribution import Placeable, Role, distribute, placeable
from streams.ownership.dynamic import DynamicServices, is_dynamic, lead_of
from streams.ownership.owner import Lead, owner, owner_at, seating
from streams.ownership.view import Member, View

B0, B1, B2 = NodeId("b0"), NodeId("b1"), NodeId("b2")
EDGE, CORE, ATTIC = frozenset({"edge"}), frozenset({"core"}), frozenset({"attic"})
VIEW = View(ViewId(4), 1, (Member(B0, "run1", EDGE), Member(B1, "run1", CORE), Member(B2, "run1", EDGE | CORE)), B0)
PLACEMENT = seating(VIEW)
MONITOR = MonitorBinding(EntityId("0-0"), "m", "HTTP", 1, True, True, {"deviation_ms": 20}, {})
PLAIN = replace(MONITOR, settings={"deviation_ms": 0})


def service(offset: int, *bindings: MonitorBinding, groups: frozenset[str] = frozenset()) -> MonitoredService:
    entity = entity_id(offset, 0)
    return MonitoredService(
        entity, Kind.SERVICE, f"s{offset}", "10.0.0.1", 80, True, 0, True, False, True, False, tuple(groups), bindings
    )


def placed(*services: MonitoredService) -> list[Placeable]:
    """As the inventory places them."""
    lead = lead_of(services)
    return [
        placeable(one.entity_id, one.name, frozenset(one.node_groups), lead=lead if is_dynamic(one) else None)
        for one in services
    ]


def owners(*services: MonitoredService, view: View = VIEW) -> list[NodeId | None]:
    standings = distribute(view, view.nodes[0], placed(*services)).standings
    return [standings[one.entity_id].owner for one in services]


def test_DR1_a_service_is_dynamic_by_a_monitor_in_use_that_has_a_deviation() -> None:
    assert is_dynamic(service(1, PLAIN, MONITOR))
    assert not is_dynamic(service(1, PLAIN))
    assert not is_dynamic(service(1, replace(MONITOR, enabled=False)))
    assert not is_dynamic(replace(service(1, MONITOR), internal=True)), "never distributed, so in nobody's set"


def test_DR2_all_dynamic_services_have_the_owner_of_the_first_and_no_other_service_is_moved() -> None:
    dynamic = [service(offset, MONITOR) for offset in range(5, 60)]
    plain = [service(offset, PLAIN) for offset in range(60, 200)]
    found = owners(*dynamic, *plain)
    assert set(found[: len(dynamic)]) == {owner(dynamic[0].entity_id, None, VIEW)}
    assert found[len(dynamic) :] == [owner(one.entity_id, None, VIEW) for one in plain]
    assert len(set(found[len(dynamic) :])) == 3


def test_DR2_the_first_is_the_lowest_id_as_a_number_and_not_as_text() -> None:
    nine, ten = service(9, MONITOR), service(10, MONITOR)
    assert ten.entity_id < nine.entity_id
    assert lead_of([ten, nine]) == Lead(seat_of(nine.entity_id), frozenset())
    assert order_of(EntityId("9-2")) < order_of(EntityId("9-10")) < order_of(EntityId("10-0"))


def test_DR2_every_node_names_the_same_owner_and_only_that_one_probes() -> None:
    services = placed(*[service(offset, MONITOR) for offset in range(40)])
    seen = [distribute(VIEW, node, services) for node in VIEW.nodes]
    assert sorted(len(one.probed) for one in seen) == [0, 0, 40]
    assert len({one.standings[services[7].entity_id].owner for one in seen}) == 1


def test_A1_DR2_an_owner_that_does_not_host_a_service_is_skipped_for_that_service_alone() -> None:
    first = first_owned_by(B0)
    found = owners(first, service(900, MONITOR, groups=CORE), service(901, MONITOR))
    assert found[0] == found[2] == B0
    assert found[1] == owner_at(seat_of(first.entity_id), {B1, B2}, PLACEMENT, VIEW)
    assert owners(first, service(900, MONITOR, groups=ATTIC))[1] is None


def test_A1_DR2_the_first_ones_owner_leads_even_where_its_seats_node_does_not_host_it() -> None:
    first = next(
        one
        for one in (service(offset, MONITOR, groups=CORE) for offset in range(200))
        if PLACEMENT.node_of(seat_of(one.entity_id)) == B0
    )
    found = owners(first, service(900, MONITOR))
    assert found[0] in (B1, B2)
    assert found[1] == found[0], "and not b0, which has the seat and hosts the second one"


def test_DR2_where_nobody_hosts_the_first_the_others_still_have_one_owner() -> None:
    found = owners(service(1, MONITOR, groups=ATTIC), service(2, MONITOR), service(3, MONITOR))
    assert found[0] is None
    assert found[1] is not None
    assert found[1] == found[2]


def test_DR4_a_leave_moves_all_dynamic_services_to_one_node() -> None:
    smaller = View(ViewId(5), 2, tuple(member for member in VIEW.members if member.node != B0), B1)
    found = owners(first_owned_by(B0), *[service(offset, MONITOR) for offset in range(500, 540)], view=smaller)
    assert len(set(found)) == 1
    assert found[0] in (B1, B2)


def test_O5_DR4_when_the_first_goes_the_set_follows_the_next() -> None:
    first, second, plain = service(9, MONITOR), service(10, MONITOR, groups=EDGE), service(8, PLAIN)
    known = DynamicServices()
    for one in (plain, second, first):
        known.note(one.entity_id, one)
    assert known.settle() == (first.entity_id, second.entity_id)
    assert known.lead == Lead(seat_of(first.entity_id), frozenset())
    assert known.settle() == (), "nothing new"
    known.note(first.entity_id, None)
    assert known.settle() == (second.entity_id,)
    assert known.lead == Lead(seat_of(second.entity_id), EDGE)
    known.note(second.entity_id, replace(second, node_groups=("core",)))
    assert known.settle() == (second.entity_id,), "its node groups decide who owns it"
    known.note(second.entity_id, replace(second, bindings=(PLAIN,)))
    assert (known.settle(), known.lead) == ((), None)


def test_O5_DR4_a_later_dynamic_service_moves_nobody_else() -> None:
    known = DynamicServices()
    known.note(entity_id(9, 0), service(9, MONITOR))
    known.settle()
    known.note(entity_id(11, 0), service(11, MONITOR))
    assert known.settle() == ()
    assert entity_id(11, 0) in known


def test_DR4_the_set_is_kept_for_70000_services_at_a_cost_per_change() -> None:
    services = [service(offset, MONITOR) for offset in range(70_000)]
    Random(4).shuffle(services)
    known = DynamicServices()
    begin = time.process_time()
    for one in services:
        known.note(one.entity_id, one)
    assert len(known.settle()) == 70_000
    for one in services[:1_000]:
        known.note(one.entity_id, None)
        known.settle()
    assert time.process_time() - begin < 3.0


def test_DR4_a_role_is_asked_in_the_usual_order() -> None:
    first = first_owned_by(B0)
    on_core = placed(first, service(900, MONITOR, groups=CORE))[1]
    assert distribute(VIEW, B0, [on_core]).standings[on_core.entity_id].role is Role.NOT_HOSTED


def first_owned_by(node: NodeId) -> MonitoredService:
    """A dynamic service with a low id that this node owns."""
    candidates = (service(offset, MONITOR) for offset in range(200))
    return next(one for one in candidates if owner(one.entity_id, None, VIEW) == node)
