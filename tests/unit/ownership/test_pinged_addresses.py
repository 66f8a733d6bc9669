"""Which addresses a node pings: of path-monitored services that it hosts, each once (P-1, P-2, T11)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.identifiers import EntityId, NodeId
from schemas.inventory.services import DomainName, MonitoredService
from streams.ownership.paths import Addresses, Moved, pinged_address
from streams.ownership.view import EVERY_GROUP, Member
from tests.unit.replica.samples import service_state
from tests.unit.web.fake_source import service

WEB, SHOP = EntityId("5-0"), EntityId("6-0")
OFF = service(WEB, "web")
ON = replace(OFF, path_monitor=True)
GROUPED = replace(ON, node_groups=("edge", "lab"))
NAMED = replace(ON, ip="", domain=DomainName("web.test", "A", 5_000))
HERE, THERE = "10.0.0.9", "10.0.0.8"


def node(*groups: str) -> Member:
    return Member(NodeId("b0"), "b0-run", frozenset(groups))


@pytest.mark.parametrize(
    ("known", "node_groups", "address"),
    [
        (None, (), None),
        (OFF, (), None),
        (ON, (), HERE),
        (ON, ("edge",), HERE),
        (GROUPED, (), None),
        (GROUPED, ("core",), None),
        (GROUPED, ("core", "lab"), HERE),
        (GROUPED, (EVERY_GROUP,), HERE),
        (replace(ON, path_monitor_individual=False), (), HERE),
        (replace(ON, health_monitor=False), (), HERE),
        (replace(ON, internal=True), (), None),
    ],
    ids=[
        "gone",
        "off",
        "on",
        "hosted by all",
        "not hosted",
        "other group",
        "hosted",
        "clustering off",
        "together",
        "no health monitor",
        "internal",
    ],
)
def test_T11_a_node_pings_for_what_is_path_monitored_and_hosted_here(
    known: MonitoredService | None, node_groups: tuple[str, ...], address: str | None
) -> None:
    assert pinged_address(known, node(*node_groups), None) == address


def test_a_domain_based_service_is_where_its_record_says() -> None:
    assert pinged_address(NAMED, node(), None) is None
    assert pinged_address(NAMED, node(), replace(service_state(WEB), ip_address="")) is None
    assert pinged_address(NAMED, node(), replace(service_state(WEB), ip_address=THERE)) == THERE


def test_P2_an_address_comes_with_its_first_service_and_goes_with_its_last() -> None:
    addresses = Addresses()
    assert addresses.move(WEB, HERE) == Moved(came=(HERE,))
    assert addresses.move(SHOP, HERE) == Moved()
    assert list(addresses.services_at(HERE)) == [WEB, SHOP]
    assert addresses.move(WEB, THERE) == Moved(came=(THERE,))
    assert addresses.move(SHOP, None) == Moved(went=(HERE,))
    assert addresses.move(SHOP, None) == Moved()
    assert (addresses.of(WEB), addresses.of(SHOP), list(addresses.all()), len(addresses)) == (THERE, None, [THERE], 1)
    assert WEB in addresses
    assert SHOP not in addresses
