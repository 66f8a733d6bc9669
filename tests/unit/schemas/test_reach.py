"""A service and a vserver node by node: what web views, command line and SDK alike tell of them."""

from __future__ import annotations

from dataclasses import replace

from schemas.identifiers import EntityId, NodeId
from schemas.inventory.vservers import vserver_named, vservers
from schemas.probes import PathState
from schemas.processing import NO_PATHS, Served, ServicePaths
from schemas.reach import OnNode, ServiceReach, VserverReach, service_reach, vserver_reach
from schemas.states import PathMonitoring, State
from tests.unit.config.config_words import folded
from tests.unit.replica.samples import service_state
from tests.unit.web.fake_source import service

B0, B1, B2 = (NodeId(f"b{number}") for number in range(3))
WEB, SHOP = EntityId("5-0"), EntityId("9-0")
MONITORED = replace(service(WEB, "web"), path_monitor=True)
RECORD = replace(service_state(WEB), path_monitoring=PathMonitoring.INDIVIDUAL)
PATHS = ServicePaths(frozenset({B0}), frozenset({B1}))


def hosts(node_groups: frozenset[str]) -> frozenset[NodeId]:
    return frozenset({B1, B2}) if "edge" in node_groups else frozenset({B0, B1, B2})


def test_P4_each_node_that_hosts_it_with_its_path_state_and_redirect() -> None:
    reach = service_reach(MONITORED, RECORD, hosts, PATHS)
    assert reach == ServiceReach(
        State.UP,
        PathMonitoring.INDIVIDUAL,
        (
            OnNode(B0, PathState.UP, State.UP, None),
            OnNode(B1, PathState.DOWN, State.DOWN, B0),
            OnNode(B2, PathState.UNKNOWN, State.UP, B0),
        ),
        (B0,),
    )
    assert reach.served == Served(frozenset({B0}), frozenset({B0}))


def test_A1_nodes_that_do_not_host_it_are_not_there() -> None:
    reach = service_reach(replace(MONITORED, node_groups=("edge",)), RECORD, hosts, PATHS)
    assert [each.node for each in reach.nodes] == [B1, B2]
    assert (reach.processing_set, [each.redirect for each in reach.nodes]) == ((), [None, None])


def test_without_path_monitoring_old_reports_mean_nothing() -> None:
    reach = service_reach(service(WEB, "web"), service_state(WEB), hosts, PATHS)
    assert {(each.path, each.state, each.redirect) for each in reach.nodes} == {(PathState.UNKNOWN, State.UP, None)}
    assert reach.processing_set == (B0, B1, B2)


def test_before_the_first_record_the_configuration_says_how_it_is_decided() -> None:
    reach = service_reach(MONITORED, None, hosts, NO_PATHS)
    assert (reach.told, reach.monitoring, reach.processing_set) == (State.UNKNOWN, PathMonitoring.INDIVIDUAL, ())


def test_PS1_PS2_a_vserver_and_where_every_other_node_sends_its_traffic() -> None:
    one = Served(frozenset({B0}), frozenset({B0}))
    assert vserver_reach(SHOP, frozenset(), [one], hosts) == VserverReach((B0,), {B1: B0, B2: B0})
    assert vserver_reach(SHOP, frozenset({"edge"}), [one], hosts) == VserverReach((), {B0: None, B1: None, B2: None})


CONFIG = """
add node_group edge
add service_group farm
add member farm/10.0.0.2:80
add member farm/10.0.0.1:80
add service web address=10.0.0.1 port=80
add vserver shop address=10.1.1.1 port=80
add vserver empty
bind vserver shop service web weight=3
bind vserver shop service_group farm weight=2
bind vserver shop node_group edge
"""


def test_G1_a_vserver_has_the_members_of_its_groups_one_by_one() -> None:
    entities = folded(CONFIG).entities
    shop = vserver_named(entities, "shop")
    assert shop is not None
    assert shop.node_groups == {"edge"}
    assert [(each.entity.name, each.weight) for each in shop.services] == [
        ("web", 3),
        ("farm/10.0.0.1:80", 2),
        ("farm/10.0.0.2:80", 2),
    ]
    assert [(each.name, len(each.services)) for each in vservers(entities)] == [("empty", 0), ("shop", 3)]
    assert vserver_named(entities, "nobody") is None
