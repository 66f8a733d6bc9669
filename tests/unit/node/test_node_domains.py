"""The owner of domain-based services: where it probes, what it says of a name, and when it lets an address go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from connectors.engine.binding import Binding
from connectors.engine.placement import owner_engine
from connectors.resolver.answers import Answer, NoAnswer, Question
from schemas.config import Kind
from schemas.identifiers import EntityId
from schemas.probes import Reason, Resolution
from schemas.states import DomainInfo, ServiceState
from streams.folding.config.fold import ConfigFold
from streams.node.domains import Domains
from streams.node.inventory import Inventory
from tests.unit.config.config_words import take
from tests.unit.replica.samples import service_state

BASE = """
add monitor tcp type=TCP
add monitor fixed type=TCP destination_ip=10.9.9.9
add service shop address=shop.test port=80
bind service shop monitor tcp
bind service shop monitor fixed
add service plain address=10.0.0.1 port=80
"""
OLD, NEW = "10.0.0.5", "10.0.0.6"
ASKED = Question("shop.test", "A", 5_000)
SILENCE = NoAnswer(Reason.TIMEOUT_RESOLVE, "no DNS server answered in time")


@dataclass(slots=True)
class Engines:
    """Which bindings are on, by number."""

    table: dict[int, Binding] = field(default_factory=dict)
    probing: set[int] = field(default_factory=set)

    def add(self, bindings: Iterable[Binding]) -> None:
        self.table.update((binding.number, binding) for binding in bindings)

    def remove(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            del self.table[number]
            self.probing.discard(number)

    def expect_up(self, numbers: Iterable[int]) -> None:
        """Nothing is reported here."""

    def set_probing(self, on: Iterable[int] = (), off: Iterable[int] = (), resumed: Iterable[int] = ()) -> None:
        self.probing.update(on, resumed)
        self.probing.difference_update(off)


@dataclass(slots=True)
class Names:
    """Who is watched."""

    watched: set[tuple[EntityId, Question]] = field(default_factory=set)

    def watch(self, service: EntityId, question: Question) -> None:
        self.watched.add((service, question))

    def unwatch(self, service: EntityId, question: Question) -> None:
        self.watched.discard((service, question))


@dataclass(slots=True)
class Desk:
    """A node's domain-based services with everything around them in the test's hands."""

    fold: ConfigFold = field(default_factory=ConfigFold)
    inventory: Inventory = field(default_factory=Inventory)
    engines: Engines = field(default_factory=Engines)
    names: Names = field(default_factory=Names)
    states: dict[EntityId, ServiceState] = field(default_factory=dict)
    told: list[EntityId] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    domains: Domains = field(init=False)
    shop: EntityId = field(init=False)

    def __post_init__(self) -> None:
        self.domains = Domains(
            self.inventory,
            self.engines,
            self.states.get,
            self.names,
            self.told.extend,
            lambda ip: f"{ip} is denied" if ip in self.refused else None,
            lambda: 1_000,
        )
        self.do(BASE)
        entity = self.fold.entities.find(Kind.SERVICE, "shop")
        assert entity is not None
        self.shop = entity.entity_id

    def do(self, text: str) -> None:
        result, changes = take(self.fold, text)
        assert result.accepted, result.rejections
        change = self.inventory.apply(changes)
        self.engines.remove([number for number in change.removed if number in self.engines.table])
        self.engines.add(change.added)

    def record(self, ip: str, domain: str = "shop.test") -> None:
        """The service's state comes from the log."""
        info = DomainInfo(domain, 500, Reason.OK, "")
        self.states[self.shop] = replace(service_state(self.shop), ip_address=ip, ttl_s=30, domain=info)
        self.domains.heard(self.shop)

    def answer(self, *addresses: str, ttl_s: int = 30) -> None:
        self.domains.told(self.shop, ASKED, Answer(addresses, ttl_s))

    def probed(self) -> list[str]:
        """Addresses that the engines probe for the name, in order of the bindings."""
        rows = (self.engines.table[number] for number in sorted(self.engines.probing))
        return [row.ip for row in rows if row.ip != "10.9.9.9"]

    def said(self) -> Resolution:
        said = self.domains.resolution_of(self.shop)
        assert said is not None
        return said


def owner() -> Desk:
    desk = Desk()
    desk.domains.begin(desk.inventory.services)
    return desk


def test_D2_only_a_watched_service_with_a_name_is_resolved() -> None:
    desk = Desk()
    assert not desk.names.watched
    desk.domains.begin(desk.inventory.services)
    assert desk.names.watched == {(desk.shop, ASKED)}
    desk.domains.end([desk.shop])
    assert (desk.names.watched, desk.shop in desk.domains) == (set(), False)


def test_D1_a_monitor_with_its_own_destination_is_there_before_the_name_has_an_address() -> None:
    desk = Desk()
    assert [row.ip for row in desk.engines.table.values()] == ["10.9.9.9"]
    config = desk.inventory.config_of(desk.shop)
    assert config is not None
    assert (config.ip_address, config.domain) == ("", "shop.test")
    assert [bound.follows_address for bound in config.bindings] == [True, False]


def test_D1_the_first_answer_is_probed_and_told() -> None:
    desk = owner()
    desk.answer(OLD)
    assert (desk.probed(), desk.told) == ([OLD], [desk.shop])
    assert desk.said() == Resolution(desk.shop, "shop.test", OLD, 30, 1_000, Reason.OK, "")


def test_D1_both_addresses_are_probed_until_the_record_names_the_new_one() -> None:
    desk = owner()
    desk.record(OLD)
    desk.answer(NEW)
    assert desk.probed() == [OLD, NEW]
    assert {desk.inventory.numbered[number].ip_address for number in desk.engines.probing} == {OLD, NEW}
    desk.record(NEW)
    assert desk.probed() == [NEW]
    desk.answer(NEW)
    assert (desk.probed(), desk.told) == ([NEW], [desk.shop])


def test_D2_both_bindings_of_a_name_are_on_one_node_and_one_engine() -> None:
    desk = owner()
    desk.record(OLD)
    desk.answer(NEW)
    pair = [
        desk.engines.table[number] for number in desk.engines.probing if desk.engines.table[number].ip in (OLD, NEW)
    ]
    assert [binding.ip for binding in sorted(pair, key=lambda one: one.number)] == [OLD, NEW]
    assert {binding.service_id for binding in pair} == {desk.shop}, "ownership is of the service, so of both"
    for engines in range(1, 9):
        assert len({owner_engine(binding, engines) for binding in pair}) == 1


def test_D1_an_answer_that_is_withdrawn_is_probed_no_more() -> None:
    desk = owner()
    desk.record(OLD)
    desk.answer(NEW)
    desk.answer(OLD)
    assert (desk.probed(), desk.told) == ([OLD], [desk.shop, desk.shop])


def test_D4_the_address_in_use_is_kept_among_several() -> None:
    desk = owner()
    desk.record(OLD)
    desk.answer(NEW, "10.0.0.7", OLD)
    assert desk.said().ip_address == OLD


def test_D2_a_new_owner_begins_with_the_records_address_and_keeps_it_without_dns() -> None:
    desk = Desk()
    desk.record(OLD)
    desk.domains.begin([desk.shop])
    assert desk.probed() == [OLD]
    assert desk.domains.resolution_of(desk.shop) is None
    desk.domains.told(desk.shop, ASKED, SILENCE)
    assert desk.said() == Resolution(desk.shop, "shop.test", OLD, 30, 500, SILENCE.reason, SILENCE.detail)
    assert desk.probed() == [OLD]


def test_D4_faults_and_new_ttls_are_told_once() -> None:
    desk = owner()
    desk.answer(OLD)
    desk.answer(OLD, ttl_s=9)
    assert desk.told == [desk.shop]
    assert desk.said().ttl_s == 9
    for _ in range(3):
        desk.domains.told(desk.shop, ASKED, SILENCE)
    assert len(desk.told) == 2
    assert (desk.said().ip_address, desk.said().resolved_at_ms) == (OLD, 1_000)


def test_F14_a_refused_address_is_a_fault_and_an_allowed_one_beside_it_is_taken() -> None:
    desk = owner()
    desk.answer(OLD)
    desk.refused.add(NEW)
    desk.answer(NEW)
    assert (desk.said().ip_address, desk.said().reason) == (OLD, Reason.NO_PERMISSION)
    assert desk.said().detail == "DNS gives an address that is refused: 10.0.0.6 is denied"
    assert desk.probed() == [OLD]
    desk.answer(NEW, "10.0.0.7")
    assert desk.said().ip_address == "10.0.0.7"


def test_D1_another_name_is_another_question_and_the_address_in_use_stays() -> None:
    desk = owner()
    desk.record(OLD)
    desk.answer(OLD)
    desk.do("set service shop address=other.test")
    desk.domains.configured([desk.shop], [desk.shop])
    assert desk.names.watched == {(desk.shop, Question("other.test", "A", 5_000))}
    assert desk.probed() == [OLD]
    desk.answer(NEW)
    assert desk.domains.resolution_of(desk.shop) is None


def test_D1_a_name_that_becomes_an_address_is_watched_no_more() -> None:
    desk = owner()
    desk.answer(OLD)
    desk.do("set service shop address=10.0.0.9")
    desk.domains.configured([desk.shop], [desk.shop])
    assert not desk.names.watched
    assert sorted(row.ip for row in desk.engines.table.values()) == ["10.0.0.9", "10.9.9.9"]


def test_D1_a_removed_service_leaves_nothing() -> None:
    desk = owner()
    desk.answer(OLD)
    desk.do("rm service shop")
    desk.domains.configured([desk.shop], [])
    assert (desk.names.watched, desk.engines.probing, desk.engines.table) == (set(), set(), {})


def test_D1_a_changed_monitor_is_probed_at_every_address() -> None:
    desk = owner()
    desk.record(OLD)
    desk.answer(NEW)
    desk.do("set monitor tcp interval=9s")
    assert sorted(row.ip for row in desk.engines.table.values()) == [OLD, NEW, "10.9.9.9"]
