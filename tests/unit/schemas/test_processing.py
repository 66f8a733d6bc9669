"""Processing sets and redirects: who can serve what, and where the others send it."""

from __future__ import annotations

from collections import Counter

import pytest

from schemas.identifiers import EntityId, NodeId
from schemas.probes import PathState
from schemas.processing import NO_PATHS, Served, ServicePaths, preferred, redirect, service_set, vserver_set
from schemas.states import PathMonitoring

B0, B1, B2, B3 = (NodeId(f"b{number}") for number in range(4))
ALL = (B0, B1, B2)
OFF, INDIVIDUAL, TOGETHER = PathMonitoring.OFF, PathMonitoring.INDIVIDUAL, PathMonitoring.TOGETHER
B1_CUT_OFF = ServicePaths(frozenset({B0, B2}), frozenset({B1}))


@pytest.mark.parametrize(
    ("monitoring", "paths", "nodes"),
    [
        (OFF, NO_PATHS, {B0, B1, B2}),
        (OFF, B1_CUT_OFF, {B0, B1, B2}),
        (INDIVIDUAL, B1_CUT_OFF, {B0, B2}),
        (TOGETHER, B1_CUT_OFF, {B0, B2}),
        (INDIVIDUAL, NO_PATHS, set()),
        (INDIVIDUAL, ServicePaths(up=frozenset({B0, B3})), {B0}),
    ],
    ids=["off", "off, old reports", "individual", "together", "nobody reported yet", "a node that is gone"],
)
def test_PS1_a_services_set(monitoring: PathMonitoring, paths: ServicePaths, nodes: set[NodeId]) -> None:
    assert service_set(ALL, monitoring, paths) == nodes


def test_a_path_is_up_down_or_not_reported_yet() -> None:
    assert [B1_CUT_OFF.of(node) for node in (B0, B1, B3)] == [PathState.UP, PathState.DOWN, PathState.UNKNOWN]


def everywhere(*nodes: NodeId, up: bool = True) -> Served:
    return Served(frozenset(nodes), frozenset(nodes if up else ()))


@pytest.mark.parametrize(
    ("hosts", "services", "nodes"),
    [
        (ALL, [everywhere(B0, B2), everywhere(B1)], {B0, B1, B2}),
        (ALL, [everywhere(B0, B2), everywhere(B1, up=False)], {B0, B2}),
        (ALL, [everywhere(B0, B2, up=False), everywhere(B1, up=False)], {B0, B1, B2}),
        ((B0, B1), [everywhere(B0, B2)], {B0}),
        ((B1,), [everywhere(B0), everywhere(B1, up=False)], {B1}),
        (ALL, [], set()),
    ],
    ids=["any of its services", "UP before reached", "none UP", "hosts only", "none UP for a host", "no services"],
)
def test_PS1_a_vservers_set(hosts: tuple[NodeId, ...], services: list[Served], nodes: set[NodeId]) -> None:
    assert vserver_set(hosts, services) == nodes


def test_PS2_a_node_of_the_set_processes_and_another_sends_to_one_of_the_set() -> None:
    entity, nodes = EntityId("5-0"), {B0, B2}
    assert redirect(entity, B0, nodes) is None
    assert redirect(entity, B1, nodes) == preferred(entity, nodes)[0]
    assert redirect(entity, B1, ()) is None


def test_PS2_traffic_of_a_node_that_lost_its_paths_spreads_over_the_others() -> None:
    nodes = [NodeId(f"b{number}") for number in range(4)]
    targets = Counter(redirect(EntityId(f"{number}-0"), NodeId("b9"), nodes) for number in range(2_000))
    assert set(targets) == set(nodes)
    assert max(targets.values()) < 1.15 * 500


def test_PS2_another_node_of_the_set_changes_no_redirect_but_those_to_itself() -> None:
    entities = [EntityId(f"{number}-0") for number in range(200)]
    before = {entity: redirect(entity, B3, [B0, B1]) for entity in entities}
    after = {entity: redirect(entity, B3, [B0, B1, B2]) for entity in entities}
    assert all(after[entity] in (before[entity], B2) for entity in entities)
    assert B2 in after.values()


def test_what_a_node_knows_of_itself_goes_before_what_it_reported() -> None:
    assert B1_CUT_OFF.with_path(B1, PathState.UP) == ServicePaths(frozenset({B0, B1, B2}), frozenset())
    assert B1_CUT_OFF.with_path(B0, PathState.DOWN) == ServicePaths(frozenset({B2}), frozenset({B0, B1}))
    assert B1_CUT_OFF.with_path(B0, PathState.UNKNOWN) is B1_CUT_OFF
    assert B1_CUT_OFF.with_path(B3, PathState.UP).of(B3) is PathState.UP
