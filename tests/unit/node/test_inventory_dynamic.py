"""The inventory keeps DRTM services at one owner as the configuration changes (T12, O-5, DR-4)."""

from __future__ import annotations

from schemas.config import Kind
from schemas.identifiers import seat_of
from streams.ownership.owner import Lead
from tests.unit.node.test_inventory import Desk

BASE = """
add node_group east
add monitor slow type=HTTP deviation=50ms
add monitor plain type=HTTP
add service a address=10.0.0.1 port=80
add service b address=10.0.0.2 port=80
add service c address=10.0.0.3 port=80
bind service b monitor slow
bind service c monitor slow
bind service a monitor plain
"""


def based() -> Desk:
    desk = Desk()
    desk.do(BASE)
    return desk


def lead(desk: Desk, name: str) -> Lead | None:
    return desk.inventory.placeables[desk.of(Kind.SERVICE, name)].lead


def leading(desk: Desk, name: str, *groups: str) -> Lead:
    return Lead(seat_of(desk.of(Kind.SERVICE, name)), frozenset(groups))


def test_DR2_dynamic_services_are_led_by_the_first_and_others_by_nobody() -> None:
    desk = based()
    assert lead(desk, "b") == lead(desk, "c") == leading(desk, "b")
    assert lead(desk, "a") is None


def test_O5_DR4_the_first_dynamic_service_goes_and_the_rest_are_placed_anew() -> None:
    desk = based()
    desk.do("bind service a monitor slow")
    assert lead(desk, "b") == lead(desk, "c") == leading(desk, "a")
    assert desk.do("disable monitor plain").placement_changed is False
    change = desk.do("unbind service a monitor slow\nunbind service a monitor plain\nrm service a")
    assert change.placement_changed
    assert lead(desk, "b") == lead(desk, "c") == leading(desk, "b")


def test_O5_DR4_node_groups_of_the_first_place_all_anew() -> None:
    desk = based()
    assert desk.do("bind service b node_group east").placement_changed
    assert lead(desk, "c") == leading(desk, "b", "east")


def test_O5_DR1_a_deviation_given_or_taken_back_makes_and_ends_a_set() -> None:
    desk = based()
    assert desk.do("set monitor plain deviation=20ms").placement_changed
    assert lead(desk, "a") == lead(desk, "c") == leading(desk, "a")
    assert desk.do("disable monitor slow").placement_changed
    assert (lead(desk, "b"), lead(desk, "c")) == (None, None)
    assert desk.do("set monitor plain deviation=-").placement_changed
    assert lead(desk, "a") is None
    assert desk.do("set monitor plain deviation=20ms").placement_changed, "the only one, and its own first"
    assert lead(desk, "a") == leading(desk, "a")
