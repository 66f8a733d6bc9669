"""A node's own paths: what it pings and when, what it makes of it, and what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.engine.runs import RunReport
from connectors.replica.paths import report_key
from schemas.identifiers import EntityId, NodeId, partition_of
from schemas.probes import PathState, Reason, Verdict
from streams.node import paths
from streams.node.paths import FIRST_NUMBER
from tests.unit.node.paths_desk import B0, Desk
from tests.unit.replica.samples import service_state

UP, DOWN, UNKNOWN = PathState.UP, PathState.DOWN, PathState.UNKNOWN
HERE, THERE = "10.0.0.1", "10.0.0.2"
BASE = f"""
add service web address={HERE} port=80 path_monitor=yes
add service shop address={HERE} port=443 path_monitor=yes path_monitor_individual=no
add service plain address={THERE} port=80
"""


def inside(*lines: str, node_groups: tuple[str, ...] = ()) -> Desk:
    desk = Desk(node_groups)
    desk.do(BASE)
    for line in lines:
        desk.do(line)
    desk.enter()
    return desk


def test_P1_P2_each_address_of_a_path_monitored_service_is_pinged_once() -> None:
    desk = inside()
    assert list(desk.pinged()) == [HERE]
    (number,) = desk.pinged().values()
    binding = desk.engines.table[number]
    assert (binding.kind, binding.ip, binding.port, binding.number >= FIRST_NUMBER) == ("PING", HERE, 0, True)
    assert (binding.interval_ms, binding.timeout_ms, binding.window, binding.down_time_ms) == (5_000, 2_000, 3, 0)
    assert len(desk.paths) == 1


def test_the_pings_of_many_addresses_begin_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "AT_ONCE", 2)
    services = [f"add service s{each} address=10.0.1.{each} port=80 path_monitor=yes" for each in range(4)]
    desk = inside("\n".join(services))
    seen = [len(desk.pinged())]
    desk.do("add monitor path-monitor type=PING interval=9s")
    while desk.later.calls:
        desk.later.tick()
        seen.append(len(desk.pinged()))
    assert seen == [2, 2, 4, 5], "those that had begun begin anew, with the others"
    assert {desk.engines.table[number].interval_ms for number in desk.pinged().values()} == {9_000}
    desk.enter(inside=False)
    assert desk.engines.table == {}


def test_T11_only_while_the_node_is_in_the_view() -> None:
    desk = Desk()
    desk.do(BASE)
    assert desk.pinged() == {}
    desk.enter()
    assert list(desk.pinged()) == [HERE]
    desk.enter()
    assert len(desk.engines.table) == 1, "another view is no reason to begin anew"
    desk.enter(inside=False)
    assert (desk.pinged(), desk.engines.table) == ({}, {})
    desk.do(f"add service late address={THERE} port=80 path_monitor=yes")
    assert desk.pinged() == {}
    desk.enter()
    assert set(desk.pinged()) == {HERE, THERE}


def test_A1_T11_only_what_the_node_hosts() -> None:
    asked = (
        "add node_group edge",
        f"add service far address={THERE} port=80 path_monitor=yes",
        "bind service far node_group edge",
    )
    assert list(inside(*asked).pinged()) == [HERE]
    assert set(inside(*asked, node_groups=("edge",)).pinged()) == {HERE, THERE}


def test_P1_a_group_has_its_members_pinged() -> None:
    desk = inside("add service_group farm path_monitor=yes", f"add member farm/{THERE}:80")
    assert set(desk.pinged()) == {HERE, THERE}


def test_P8_P9_P12_a_path_is_reported_for_each_of_its_services_when_it_has_changed() -> None:
    desk = inside()
    web, shop = desk.id_of("web"), desk.id_of("shop")
    assert desk.told() == {}, "nothing is known yet"
    desk.ping(HERE, Verdict.UP)
    assert desk.told() == {web: UP, shop: UP}
    desk.ping(HERE, Verdict.DOWN, 2)
    assert desk.told() == {}
    assert desk.paths.path_of(web) is UP
    desk.ping(HERE, Verdict.DOWN, 1)
    assert desk.paths.path_of(web) is DOWN
    assert desk.told() == {web: DOWN, shop: DOWN}
    desk.ping(HERE, Verdict.UP)
    assert desk.told() == {web: UP, shop: UP}
    desk.ping(HERE, Verdict.INCONCLUSIVE, 9)
    assert desk.told() == {}, "our own trouble says nothing of a path"


def test_P3_reports_of_services_monitors_are_handed_on() -> None:
    desk = inside()
    (ping,) = desk.engines.table.values()
    other = RunReport(7, 1, 1, Verdict.DOWN, Reason.REFUSED, "", 0, 0, 3, 0, 0, 0)
    mine = replace(other, number=ping.number)
    assert desk.paths.ended([other, mine]) == [other]
    assert desk.paths.path_of(desk.id_of("web")) is DOWN


def test_P6_a_service_that_joins_a_known_path_is_reported_at_once() -> None:
    desk = inside()
    desk.ping(HERE, Verdict.UP)
    desk.told()
    desk.do(f"add service third address={HERE} port=8080 path_monitor=yes")
    assert desk.told() == {desk.id_of("third"): UP}
    assert len(desk.engines.table) == 1
    desk.do("set service plain path_monitor=yes")
    assert set(desk.pinged()) == {HERE, THERE}
    assert desk.told() == {}


@pytest.mark.parametrize(
    "command", ["set service web path_monitor=no", "rm service web", "bind service web node_group elsewhere"]
)
def test_P7_A1_what_is_no_longer_pinged_for_is_taken_back(command: str) -> None:
    desk = inside("add node_group elsewhere")
    web = desk.id_of("web")
    desk.ping(HERE, Verdict.UP)
    desk.told()
    desk.do(command)
    assert desk.told() == {web: UNKNOWN}
    assert list(desk.pinged()) == [HERE], "another service is still there"
    desk.do("set service shop path_monitor=no path_monitor_individual=-")
    assert desk.pinged() == {}
    assert desk.engines.table == {}


def test_another_address_is_another_path_and_the_last_report_stands_until_it_is_known() -> None:
    desk = inside()
    web = desk.id_of("web")
    desk.ping(HERE, Verdict.UP)
    desk.told()
    desk.do(f"set service web address={THERE}")
    assert set(desk.pinged()) == {HERE, THERE}
    assert desk.told() == {}
    assert desk.paths.path_of(web) is UP
    desk.ping(THERE, Verdict.DOWN, 3)
    assert desk.told() == {web: DOWN}
    assert desk.paths.path_of(desk.id_of("shop")) is UP


def test_D3_a_domain_based_service_is_pinged_where_its_record_says() -> None:
    desk = inside("add service named address=shop.test port=80 path_monitor=yes")
    assert list(desk.pinged()) == [HERE]
    desk.record("named", THERE)
    assert set(desk.pinged()) == {HERE, THERE}
    desk.record("named", HERE)
    assert list(desk.pinged()) == [HERE]
    desk.do("rm service named")
    desk.record("web", THERE)
    assert list(desk.pinged()) == [HERE], "an address that is configured is not moved by a record"


def test_V9_a_domain_based_service_whose_record_came_in_the_replay_is_pinged_from_the_first_view_on() -> None:
    desk = Desk()
    desk.do("add service named address=shop.test port=80 path_monitor=yes")
    named = desk.id_of("named")
    desk.states[named] = replace(service_state(named), ip_address=THERE)
    desk.enter()
    assert list(desk.pinged()) == [THERE]


def test_P6_the_operators_path_monitor_sets_the_parameters_and_what_is_known_stays_known() -> None:
    desk = inside()
    desk.ping(HERE, Verdict.UP)
    desk.told()
    before = desk.pinged()[HERE]
    desk.do("add monitor path-monitor type=PING interval=200ms response_timeout=100ms retries=1")
    number = desk.pinged()[HERE]
    binding = desk.engines.table[number]
    assert number != before
    assert (binding.interval_ms, binding.timeout_ms, binding.window, binding.down_time_ms) == (200, 100, 1, 0)
    assert (desk.told(), desk.paths.path_of(desk.id_of("web"))) == ({}, UP)
    desk.ping(HERE, Verdict.DOWN, 1)
    assert set(desk.told().values()) == {DOWN}
    desk.do("set monitor path-monitor down_time=7s")
    assert desk.engines.table[desk.pinged()[HERE]].down_time_ms == 7_000
    desk.do("rm monitor path-monitor")
    assert desk.engines.table[desk.pinged()[HERE]].interval_ms == 5_000


def test_a_monitor_of_that_name_that_is_no_ping_is_not_it() -> None:
    desk = inside("add monitor path-monitor type=TCP interval=200ms response_timeout=100ms")
    assert desk.engines.table[desk.pinged()[HERE]].interval_ms == 5_000


def test_a_restart_is_no_change_of_a_path_and_what_is_no_longer_ours_is_taken_back() -> None:
    desk = Desk()
    desk.do(BASE)
    web, gone = desk.id_of("web"), EntityId("99-9")
    for service, node in ((web, B0), (gone, B0), (gone, NodeId("b1"))):
        desk.log.note(service, node, DOWN)
    desk.enter()
    assert desk.paths.path_of(web) is DOWN
    assert desk.told() == {gone: UNKNOWN}
    desk.ping(HERE, Verdict.DOWN, 3)
    assert desk.told() == {desk.id_of("shop"): DOWN}
    desk.ping(HERE, Verdict.UP)
    assert desk.told() == {web: UP, desk.id_of("shop"): UP}


def test_reports_of_removed_services_by_nodes_that_are_gone_are_taken_back_by_who_folds_them() -> None:
    desk = inside()
    removed, unread, elsewhere = EntityId("90-0"), EntityId("99-0"), EntityId("91-0")
    dead = NodeId("b7")
    for service in (removed, unread, elsewhere, desk.id_of("web")):
        desk.log.note(service, dead, DOWN)
    ours = frozenset({partition_of(removed), partition_of(unread), partition_of(desk.id_of("web"))})
    assert partition_of(elsewhere) not in ours
    desk.paths.forget_removed(ours, lambda service: service != unread)
    (sent,) = desk.sender.take()
    assert (sent.partition, sent.key, sent.value) == (partition_of(removed), report_key(removed, dead), None)
    desk.enter(inside=False)
    desk.paths.forget_removed(ours, lambda service: service != unread)
    assert desk.sender.take() == []


def test_F3_an_own_report_that_is_not_as_we_said_is_said_again() -> None:
    desk = inside()
    desk.ping(HERE, Verdict.UP)
    desk.told()
    web = desk.id_of("web")
    for node, told in ((NodeId("b1"), {}), (B0, {web: UP})):
        change = desk.log.note(web, node, DOWN)
        assert change is not None
        desk.paths.read_back([change])
        assert desk.told() == told


def test_U8_what_only_others_reach_is_known_from_the_last_ping_and_their_reports() -> None:
    desk = inside()
    web, plain = desk.id_of("web"), desk.id_of("plain")
    desk.ping(HERE, Verdict.UP)
    desk.ping(HERE, Verdict.DOWN)
    assert not desk.paths.only_others_reach(web), "nobody else has said that it does"
    desk.log.note(web, NodeId("b1"), UP)
    assert desk.paths.only_others_reach(web), "though three failures make a path DOWN"
    assert not desk.paths.only_others_reach(plain)
    desk.ping(HERE, Verdict.UP)
    assert not desk.paths.only_others_reach(web)
    desk.ping(HERE, Verdict.DOWN)
    desk.log.note(web, NodeId("b1"), DOWN)
    assert not desk.paths.only_others_reach(web)
