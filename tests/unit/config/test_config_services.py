"""The view of services that the rest takes: groups reach members, node groups, what counts, what a change reaches."""

from __future__ import annotations

from schemas.config import Kind
from schemas.identifiers import EntityId
from schemas.inventory.services import MonitoredService, affected, service, services, some_services
from streams.folding.config.fold import ConfigFold
from tests.unit.config.config_words import folded, take

BASE = """
add node_group east
add node_group west
add monitor http-web type=HTTP interval=7s response_codes=200-299,301
add monitor tcp type=TCP
add service web1 address=10.0.0.1 port=80 threshold=10
bind service web1 monitor http-web weight=10
bind service web1 node_group west
bind service web1 node_group east
add service_group web threshold=3 path_monitor=yes
add member web/10.0.0.3:80
add member web/[2001:db8::1]:81
bind service_group web monitor tcp weight=2
bind service_group web node_group east
add vserver shop
bind vserver shop service_group web
"""


def by_name(fold: ConfigFold, name: str) -> MonitoredService:
    return next(found for found in services(fold.entities) if found.name == name)


def test_a_service_comes_with_every_setting_of_its_monitors() -> None:
    web1 = by_name(folded(BASE), "web1")
    assert (web1.ip, web1.port, web1.threshold, web1.enabled) == ("10.0.0.1", 80, 10, True)
    assert web1.node_groups == ("east", "west")
    binding = web1.bindings[0]
    assert (binding.monitor_name, binding.type, binding.weight, binding.counts) == ("http-web", "HTTP", 10, True)
    assert binding.settings["interval_ms"] == 7_000
    assert binding.settings["retries"] == 3
    own = {"http_request": "HEAD /", "response_codes": ((200, 299), (301, 301)), "secure": False, "tls_verify": False}
    assert binding.probe == own


def test_G2_settings_monitors_and_node_groups_of_a_group_reach_its_members() -> None:
    member = by_name(folded(BASE), "web/[2001:db8::1]:81")
    assert (member.kind, member.ip, member.port) == (Kind.MEMBER, "2001:db8::1", 81)
    assert (member.threshold, member.path_monitor, member.path_monitor_individual) == (3, True, True)
    assert member.node_groups == ("east",)
    assert [(binding.monitor_name, binding.weight) for binding in member.bindings] == [("tcp", 2)]


def test_a_members_own_binding_holds_instead_of_its_groups() -> None:
    fold = folded(
        BASE, "bind member web/10.0.0.3:80 monitor tcp weight=5\nbind member web/10.0.0.3:80 monitor http-web"
    )
    bindings = {binding.monitor_name: binding.weight for binding in by_name(fold, "web/10.0.0.3:80").bindings}
    assert bindings == {"tcp": 5, "http-web": 1}


def test_M18_a_disabled_monitor_or_binding_does_not_count() -> None:
    fold = folded(BASE, "bind service web1 monitor tcp state=DISABLED", "disable monitor http-web")
    assert [binding.counts for binding in by_name(fold, "web1").bindings] == [False, False]


def test_a_disabled_group_disables_its_members() -> None:
    fold = folded(BASE, "disable service_group web")
    assert not by_name(fold, "web/10.0.0.3:80").enabled
    assert by_name(fold, "web1").enabled


def test_affected_names_the_services_that_a_change_reaches() -> None:
    fold = folded(BASE)
    cases = {
        "set monitor http-web retries=2": {"web1"},
        "set monitor tcp retries=2": {"web/10.0.0.3:80", "web/[2001:db8::1]:81"},
        "rename node_group east orient": {"web1", "web/10.0.0.3:80", "web/[2001:db8::1]:81"},
        "set vserver shop method=ROUNDROBIN": set(),
        "disable member web/10.0.0.3:80": {"web/10.0.0.3:80"},
        "rename service_group web front": {"front/10.0.0.3:80", "front/[2001:db8::1]:81"},
    }
    for line, names in cases.items():
        _, changes = take(fold, line)
        found = dict(some_services(fold.entities, affected(fold.entities, changes)))
        assert {one.name for one in found.values() if one} == names, line


def test_a_removed_service_is_affected_and_gone() -> None:
    fold = folded(BASE)
    _, changes = take(fold, "rm service web1")
    assert affected(fold.entities, changes) == {"0-4"}
    assert dict(some_services(fold.entities, ["0-4"])) == {"0-4": None}  # type: ignore[list-item]
    assert service(fold.entities, EntityId("0-4")) is None


def test_U7_a_shadow_is_probed_and_does_not_count() -> None:
    fold = folded(BASE)
    take(fold, "bind service web1 monitor tcp shadow=yes")
    tcp = by_name(fold, "web1").bindings[-1]
    assert (tcp.enabled, tcp.counts, tcp.shadow) == (True, False, True)


def test_M20_how_a_member_or_its_group_was_disabled_reaches_the_member() -> None:
    fold = folded(BASE)
    take(fold, "disable service_group web delay=30s")
    member = by_name(fold, "web/10.0.0.3:80")
    assert (member.enabled, member.leave_ms, member.graceful) == (False, 30_000, False)
    take(fold, "disable member web/10.0.0.3:80 graceful=yes")
    member = by_name(fold, "web/10.0.0.3:80")
    assert (member.enabled, member.leave_ms, member.graceful) == (False, 0, True)
    take(fold, "enable service_group web\nenable member web/10.0.0.3:80\nset service_group web flap_changes=4")
    member = by_name(fold, "web/10.0.0.3:80")
    assert (member.enabled, member.leave_ms, member.graceful, member.flap_changes) == (True, 0, False, 4)


def test_M1_one_monitor_is_bound_to_a_service_a_group_and_a_member_with_a_weight_each() -> None:
    fold = folded(
        BASE, "bind service web1 monitor tcp weight=4", "bind member web/[2001:db8::1]:81 monitor tcp weight=9"
    )

    def weighed() -> dict[str, list[tuple[int, int]]]:
        return {
            found.name: [(one.weight, int(str(one.settings["retries"]))) for one in found.bindings if one.type == "TCP"]
            for found in services(fold.entities)
        }

    assert weighed() == {"web1": [(4, 3)], "web/10.0.0.3:80": [(2, 3)], "web/[2001:db8::1]:81": [(9, 3)]}
    take(fold, "set monitor tcp retries=7")
    assert weighed() == {"web1": [(4, 7)], "web/10.0.0.3:80": [(2, 7)], "web/[2001:db8::1]:81": [(9, 7)]}


def test_O3_an_id_is_given_by_the_add_alone_and_never_again() -> None:
    fold = folded(BASE)
    first = by_name(fold, "web1").entity_id
    take(fold, "set service web1 threshold=1\nrename service web1 shop1\ndisable service shop1\nenable service shop1")
    assert by_name(fold, "shop1").entity_id == first, "nothing else gives one"
    take(fold, "rm service shop1")
    take(fold, "add service web1 address=10.0.0.1 port=80")
    again = by_name(fold, "web1").entity_id
    assert again == f"{fold.offset}-0" != first
    assert service(fold.entities, first) is None
