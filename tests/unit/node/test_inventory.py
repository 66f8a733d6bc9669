"""The inventory: what placement, fold and engines see of each service, and what each command changes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.config import Kind
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.inventory.entities import Change
from streams.folding.config.fold import ConfigFold
from streams.node.inventory import Inventory, InventoryChange
from streams.ownership.distribution import distribute
from streams.ownership.view import Member, View
from tests.unit.config.config_words import take

BASE = """
add node_group east
add monitor web type=HTTP interval=7s response_timeout=1s retries=2 success_retries=4 http_request=HEAD
add monitor tcp type=TCP reverse=yes
add service web1 address=10.0.0.1 port=80 threshold=10
bind service web1 monitor web weight=10
bind service web1 monitor tcp
add service_group front threshold=3
add member front/10.0.0.3:80
add member front/10.0.0.4:81
bind service_group front monitor tcp weight=2
"""


@dataclass(slots=True)
class Desk:
    """The fold of commands, and the inventory of a node that reads what it writes."""

    fold: ConfigFold = field(default_factory=ConfigFold)
    inventory: Inventory = field(default_factory=Inventory)
    changes: list[Change] = field(default_factory=list)

    def do(self, text: str) -> InventoryChange:
        result, changes = take(self.fold, text)
        assert result.accepted, result.rejections
        self.changes = list(changes)
        return self.inventory.apply(changes)

    def of(self, kind: Kind, name: str) -> EntityId:
        entity = self.fold.entities.find(kind, name)
        assert entity is not None, name
        return entity.entity_id

    def numbers(self, name: str, kind: Kind = Kind.SERVICE) -> list[int]:
        return self.inventory.numbers_of([self.of(kind, name)])


def based() -> Desk:
    desk = Desk()
    desk.do(BASE)
    return desk


def test_services_and_members_get_bindings_with_numbers_of_this_node() -> None:
    desk = Desk()
    change = desk.do(BASE)
    assert [binding.number for binding in change.added] == [1, 2, 3, 4]
    assert change.removed == ()
    assert change.placement_changed
    assert len(change.services) == 3
    assert set(desk.inventory.numbered) == {1, 2, 3, 4}
    assert desk.numbers("front/10.0.0.4:81", Kind.MEMBER) != desk.numbers("front/10.0.0.3:80", Kind.MEMBER)


def test_a_binding_is_all_that_an_engine_needs() -> None:
    desk = based()
    binding = desk.inventory.numbered[desk.numbers("web1")[0]].binding
    assert (binding.service_name, binding.monitor_name, binding.kind) == ("web1", "web", "HTTP")
    assert (binding.ip, binding.port, binding.interval_ms, binding.timeout_ms) == ("10.0.0.1", 80, 7_000, 1_000)
    assert (binding.window, binding.up_window) == (4, 4), "announcements of maintenance count as successes"
    assert binding.parameters["http_request"] == "HEAD"
    assert None not in binding.parameters.values()


def test_M18_a_monitor_with_a_destination_of_its_own_probes_there() -> None:
    desk = Desk()
    desk.do(BASE + "set monitor tcp destination_ip=10.9.9.9 destination_port=8080")
    web, tcp = (desk.inventory.numbered[number].binding for number in desk.numbers("web1"))
    assert (tcp.ip, tcp.port) == ("10.9.9.9", 8080)
    assert (web.ip, web.port) == ("10.0.0.1", 80)


def test_M18_reverse_is_known_by_the_number() -> None:
    desk = based()
    assert [desk.inventory.numbered[number].reverse for number in desk.numbers("web1")] == [False, True]


def test_the_fold_gets_weights_thresholds_and_names() -> None:
    desk = based()
    config = desk.inventory.config_of(desk.of(Kind.SERVICE, "web1"))
    assert config is not None
    assert (config.name, config.ip_address, config.port, config.threshold) == ("web1", "10.0.0.1", 80, 10)
    assert [(bound.monitor_name, bound.weight, bound.retries, bound.counts) for bound in config.bindings] == [
        ("web", 10, 2, True),
        ("tcp", 1, 3, True),
    ]
    assert desk.inventory.config_of(EntityId("99-9")) is None


def test_the_same_entities_again_change_nothing() -> None:
    desk = based()
    numbered = dict(desk.inventory.numbered)
    again = desk.inventory.apply(desk.changes)
    assert (again.added, again.removed, again.placement_changed) == ((), (), False)
    assert desk.inventory.numbered == numbered


def test_M18_a_changed_monitor_gives_new_numbers_to_all_that_have_it_and_to_no_other() -> None:
    desk = based()
    before, others = desk.numbers("web1"), desk.numbers("front/10.0.0.3:80", Kind.MEMBER)
    change = desk.do("set monitor web interval=9s")
    assert list(change.removed) == before
    assert [binding.interval_ms for binding in change.added if binding.monitor_name == "web"] == [9_000]
    assert not change.placement_changed
    assert desk.numbers("front/10.0.0.3:80", Kind.MEMBER) == others
    assert not set(before) & desk.inventory.numbered.keys()


def test_numbers_are_never_used_again() -> None:
    desk = based()
    seen = set(desk.inventory.numbered)
    for line in (
        "set service web1 port=81",
        "disable service web1",
        "enable service web1",
        "set monitor tcp retries=9",
    ):
        change = desk.do(line)
        new = {binding.number for binding in change.added}
        assert not new & seen
        seen |= new


def test_a_change_that_no_probe_sees_leaves_the_engines_alone() -> None:
    desk = based()
    change = desk.do("set service web1 threshold=11")
    assert change.services == {desk.of(Kind.SERVICE, "web1")}
    assert (change.added, change.removed, change.placement_changed) == ((), (), False)
    config = desk.inventory.config_of(desk.of(Kind.SERVICE, "web1"))
    assert config is not None
    assert config.threshold == 11


def test_M18_what_is_disabled_is_not_probed() -> None:
    desk = based()
    web1 = desk.numbers("web1")
    change = desk.do("disable service web1")
    assert list(change.removed) == web1
    assert change.added == ()
    assert desk.numbers("web1") == []
    config = desk.inventory.config_of(desk.of(Kind.SERVICE, "web1"))
    assert config is not None
    assert not config.enabled
    assert len(desk.do("enable service web1").added) == 2
    desk.do("disable monitor tcp")
    assert [desk.inventory.numbered[number].binding.monitor_name for number in desk.numbers("web1")] == ["web"]
    config = desk.inventory.config_of(desk.of(Kind.SERVICE, "web1"))
    assert config is not None
    assert [bound.counts for bound in config.bindings] == [True, False]


def test_a_service_without_health_monitor_has_nothing_to_fold_or_probe() -> None:
    desk = based()
    desk.do("set service web1 health_monitor=no")
    assert desk.numbers("web1") == []
    config = desk.inventory.config_of(desk.of(Kind.SERVICE, "web1"))
    assert config is not None
    assert config.bindings == ()
    assert not config.monitored


def test_V6_a_removed_service_leaves_nothing_behind() -> None:
    desk = based()
    web1 = desk.of(Kind.SERVICE, "web1")
    numbers = desk.numbers("web1")
    change = desk.do("rm service web1")
    assert change.services == {web1}
    assert list(change.removed) == numbers
    assert change.placement_changed
    inventory = desk.inventory
    assert web1 not in inventory.services
    assert web1 not in inventory.placeables
    assert inventory.config_of(web1) is None
    assert inventory.numbers_of([web1]) == []
    assert not set(numbers) & inventory.numbered.keys()
    again = inventory.apply(desk.changes)
    assert (again.added, again.removed, again.placement_changed) == ((), (), False), "told twice"


def test_G1_members_come_and_go_one_by_one() -> None:
    desk = based()
    member = desk.of(Kind.MEMBER, "front/10.0.0.3:80")
    assert desk.do("rm member front/10.0.0.3:80").services == {member}
    assert len(desk.do("add member front/10.0.0.5:80").added) == 1


def test_G2_a_group_s_monitor_reaches_every_member() -> None:
    desk = based()
    change = desk.do("bind service_group front monitor web weight=7")
    assert sorted(binding.monitor_name for binding in change.added) == ["tcp", "tcp", "web", "web"]
    assert len(change.removed) == 2


def test_A1_a_node_group_changes_the_placement_and_not_the_engines() -> None:
    desk = based()
    change = desk.do("bind service web1 node_group east")
    assert change.placement_changed
    assert (change.added, change.removed) == ((), ())
    assert desk.inventory.placeables[desk.of(Kind.SERVICE, "web1")].node_groups == {"east"}


def test_O5_a_rename_reaches_placement_fold_and_engines() -> None:
    desk = based()
    change = desk.do("rename service web1 shop")
    assert change.placement_changed
    assert {binding.service_name for binding in change.added} == {"shop"}
    config = desk.inventory.config_of(desk.of(Kind.SERVICE, "shop"))
    assert config is not None
    assert config.name == "shop"


def test_several_commands_at_once_as_a_replay_brings_them() -> None:
    desk, late = based(), Inventory()
    log = list(desk.changes)
    for line in ("set monitor web interval=9s", "rm service web1", "add service web1 address=10.0.0.9 port=9"):
        desk.do(line)
        log += desk.changes
    late.apply(log)
    assert late.services == desk.inventory.services
    assert late.placeables == desk.inventory.placeables


def test_M18_every_parameter_reaches_fold_and_engines() -> None:
    desk = based()
    desk.do(
        "set monitor web alert_retries=9 response_timeout_threshold=80 failure_retries=1 down_time=1min deviation=40ms"
    )
    desk.do("set service web1 flap_changes=3 flap_window=30s")
    config = desk.inventory.config_of(desk.of(Kind.SERVICE, "web1"))
    assert config is not None
    web, tcp = config.bindings
    assert (web.alert_retries, web.slow_above_us, web.failure_retries) == (9, 800_000, 1)
    assert (tcp.alert_retries, tcp.slow_above_us) == (0, 0)
    assert (config.flap_changes, config.flap_window_ms) == (3, 30_000)
    bindings = {desk.inventory.numbered[n].binding.monitor_name: n for n in desk.numbers("web1")}
    engine_web, engine_tcp = (desk.inventory.numbered[bindings[name]].binding for name in ("web", "tcp"))
    assert (engine_web.window, engine_web.up_window, engine_web.down_after) == (9, 4, 1)
    assert (engine_web.deviation_ms, engine_web.down_time_ms, engine_web.reverse) == (40, 60_000, False)
    assert (engine_tcp.window, engine_tcp.up_window, engine_tcp.down_after, engine_tcp.reverse) == (1, 3, 3, True)


def test_U7_a_shadow_is_probed_and_does_not_count_in_the_fold() -> None:
    desk = based()
    desk.do("bind service web1 monitor tcp shadow=yes")
    config = desk.inventory.config_of(desk.of(Kind.SERVICE, "web1"))
    assert config is not None
    assert [bound.counts for bound in config.bindings] == [True, False]
    assert len(desk.numbers("web1")) == 2


def test_M20_services_that_take_a_while_to_leave_are_known() -> None:
    desk = based()
    web1 = desk.of(Kind.SERVICE, "web1")
    desk.do("disable service web1 delay=60s")
    assert desk.inventory.timed == {web1}
    config = desk.inventory.config_of(web1)
    assert config is not None
    assert (config.enabled, config.leave_ms) == (False, 60_000)
    desk.do("enable service web1")
    assert desk.inventory.timed == set()
    desk.do("set service web1 flap_changes=3")
    assert desk.inventory.timed == {web1}, "it may be held"
    desk.do("disable service web1 delay=60s\nrm service web1")
    assert desk.inventory.timed == set()


def test_O1_between_nodes_a_service_goes_with_all_its_monitors_to_one() -> None:
    desk = based()
    desk.do("bind member front/10.0.0.3:80 monitor web")
    view = View(ViewId(1), 1, tuple(Member(NodeId(f"b{n}"), "run") for n in range(3)), NodeId("b0"))
    placeables = desk.inventory.placeables.values()
    shares = [desk.inventory.numbers_of(distribute(view, node, placeables).probed) for node in view.nodes]
    everything = [number for share in shares for number in share]
    assert sorted(everything) == sorted(desk.inventory.numbered), "each monitor is one node's, and of one node only"
    for name, kind in (("web1", Kind.SERVICE), ("front/10.0.0.3:80", Kind.MEMBER)):
        numbers = set(desk.numbers(name, kind))
        assert len(numbers) == 2
        assert [len(numbers & set(share)) for share in shares].count(2) == 1


def test_G1_members_of_a_group_are_distributed_one_by_one() -> None:
    desk = based()
    desk.do("\n".join(f"add member front/10.0.1.{n}:80" for n in range(60)))
    view = View(ViewId(1), 1, tuple(Member(NodeId(f"b{n}"), "run") for n in range(3)), NodeId("b0"))
    group = [one for one in desk.inventory.placeables.values() if one.name.startswith("front/")]
    assert len({one.entity_id for one in group}) == 62
    shares = [len(distribute(view, node, group).probed) for node in view.nodes]
    assert sum(shares) == 62
    assert min(shares) > 10
