"""The V-3 decision row by row, and what changes between two views (O-5, O-11, V-3, V-12, A-1)."""

from __future__ import annotations

import time

import pytest

from schemas.identifiers import EntityId, NodeId, ViewId, entity_id
from streams.ownership.distribution import Distribution, Placeable, Role, Standing, distribute, moves, placeable
from streams.ownership.view import EMPTY_VIEW, Member, View

B0, B1, B2, ABSENT = NodeId("b0"), NodeId("b1"), NodeId("b2"), NodeId("b9")
EDGE, CORE = frozenset({"edge"}), frozenset({"core"})
MEMBERS = (Member(B0, "run1", EDGE), Member(B1, "run1", CORE), Member(B2, "run2", EDGE | CORE))
VIEW = View(ViewId(4), 1, MEMBERS, B0)
SERVICES = [placeable(entity_id(offset, 0), f"s{offset}") for offset in range(300)]


def standing(node: NodeId, service: Placeable, **options: bool) -> Standing:
    return distribute(VIEW, node, [service], **options).standings[service.entity_id]


ANYWHERE = placeable(EntityId("4-0"), "anywhere")
INTERNAL = placeable(EntityId("4-1"), "internal", internal=True)
ON_CORE = placeable(EntityId("4-2"), "on-core", node_groups=CORE)
NOWHERE = placeable(EntityId("4-3"), "nowhere", node_groups=frozenset({"attic"}))


@pytest.mark.parametrize(
    ("clustering", "node", "service", "role"),
    [
        (False, ABSENT, INTERNAL, Role.STANDALONE),
        (False, B0, ON_CORE, Role.STANDALONE),
        (True, ABSENT, INTERNAL, Role.OUTSIDE_VIEW),
        (True, ABSENT, ANYWHERE, Role.OUTSIDE_VIEW),
        (True, B0, INTERNAL, Role.INTERNAL),
        (True, B1, INTERNAL, Role.INTERNAL),
        (True, B0, ON_CORE, Role.NOT_HOSTED),
        (True, B0, NOWHERE, Role.NOT_HOSTED),
    ],
)
def test_V3_the_first_question_that_says_no_gives_the_role(
    clustering: bool, node: NodeId, service: Placeable, role: Role
) -> None:
    assert standing(node, service, clustering=clustering).role is role


def test_V3_every_service_has_exactly_one_owner_and_all_nodes_name_the_same() -> None:
    views = [distribute(VIEW, node, SERVICES) for node in (B0, B1, B2)]
    for service in SERVICES:
        seen = [view.standings[service.entity_id] for view in views]
        assert [one.role for one in seen].count(Role.OWNER) == 1
        assert len({one.owner for one in seen}) == 1
    assert sum(len(view.probed) for view in views) == len(SERVICES)


def test_A1_who_does_not_host_still_knows_the_owner() -> None:
    assert standing(B0, ON_CORE).owner in (B1, B2)
    assert standing(B0, NOWHERE) == Standing(Role.NOT_HOSTED, None)
    assert standing(ABSENT, ON_CORE).owner in (B1, B2)


def test_O11_an_internal_service_is_owned_by_every_node_for_itself() -> None:
    assert standing(B0, INTERNAL).owner == B0
    assert standing(B1, INTERNAL).owner == B1


def test_V12_with_clustering_off_one_node_has_everything_and_no_view() -> None:
    alone = distribute(EMPTY_VIEW, B0, [*SERVICES, INTERNAL, NOWHERE], clustering=False)
    assert len(alone.probed) == len(SERVICES) + 2
    assert set(alone.standings.values()) == {Standing(Role.STANDALONE, B0)}


def test_V9_an_earlier_run_of_a_node_is_not_this_one() -> None:
    assert distribute(VIEW, B0, SERVICES, incarnation="run1").probed
    replaying = distribute(VIEW, B0, SERVICES, incarnation="run2")
    assert not replaying.probed
    assert {one.role for one in replaying.standings.values()} == {Role.OUTSIDE_VIEW}


def test_V8_a_leave_gives_the_lost_services_to_the_others() -> None:
    smaller = View(ViewId(5), 2, MEMBERS[:2], B0)
    lost = distribute(VIEW, B2, SERVICES).probed
    gained: set[EntityId] = set()
    for node in (B0, B1):
        change = moves(distribute(VIEW, node, SERVICES), distribute(smaller, node, SERVICES))
        assert change.removed == frozenset()
        gained |= change.gained
    assert lost <= gained
    gone = moves(distribute(VIEW, B2, SERVICES), distribute(smaller, B2, SERVICES))
    assert (gone.lost, gone.kept, gone.gained) == (lost, frozenset(), frozenset())


def test_O5_add_delete_and_rename_are_seen_by_recomputation() -> None:
    def owned(services: list[Placeable]) -> Distribution:
        return distribute(VIEW, B0, services)

    mine = next(service for service in SERVICES if service.entity_id in owned(SERVICES).probed)
    rest = [service for service in SERVICES if service is not mine]
    assert moves(owned(rest), owned(SERVICES)).gained == {mine.entity_id}
    deleted = moves(owned(SERVICES), owned(rest))
    assert (deleted.removed, deleted.lost) == ({mine.entity_id}, frozenset())
    renamed = [placeable(mine.entity_id, "another-name"), *rest]
    unchanged = moves(owned(SERVICES), owned(renamed))
    assert (unchanged.gained, unchanged.lost, unchanged.removed) == (frozenset(), frozenset(), frozenset())


def test_O5_a_changed_node_group_moves_the_service() -> None:
    mine = next(
        service
        for service in (placeable(entity_id(offset, 0), "s", EDGE) for offset in range(50))
        if distribute(VIEW, B0, [service]).probed
    )
    elsewhere = placeable(mine.entity_id, mine.name, CORE)
    assert moves(distribute(VIEW, B0, [mine]), distribute(VIEW, B0, [elsewhere])).lost == {mine.entity_id}


def test_70000_services_are_distributed_and_compared_within_a_second() -> None:
    services = [placeable(entity_id(offset, 0), f"s{offset}") for offset in range(70_000)]
    smaller = View(ViewId(5), 2, MEMBERS[:2], B0)
    begin = time.process_time()
    change = moves(distribute(VIEW, B0, services), distribute(smaller, B0, services))
    assert time.process_time() - begin < 1.0
    assert change.gained
