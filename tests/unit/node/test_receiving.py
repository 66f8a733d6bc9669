"""S-8 to S-14: what a node does with a state that comes to it, in whichever order config, views and states arrive.

The replica keeps every state and refuses the obsolete (S-10); it is the cache of S-8 and S-9, because it needs to know
nothing of a service to keep its state. What a state means is asked when the service, the view, or the state comes.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.replica.state_map import Verdict
from schemas.codec import Unreadable
from schemas.identifiers import EntityId, NodeId, seat_of
from streams.ownership.handover import Duty
from streams.ownership.owner import seating
from streams.ownership.view import EMPTY_VIEW, Member
from tests.unit.node.monitoring_desk import ME, RUN, Desk
from tests.unit.replica.samples import message, service_state

TCP = "add monitor tcp type=TCP"


def service_of(node: str) -> tuple[str, EntityId]:
    """(command, entity id) of a service that `node` owns while b0 and b1 are the view."""
    both = replace(EMPTY_VIEW, members=(Member(ME, RUN), Member(NodeId("b1"), RUN)))
    place = next(at for at in range(64) if seating(both).node_of(seat_of(EntityId(f"1-{at}"))) == node)
    lines = [f"add service other{at} address=10.0.0.9 port=80" for at in range(place)]
    lines += ["add service web address=10.0.0.1 port=80", "bind service web monitor tcp"]
    return "\n".join(lines), EntityId(f"1-{place}")


def test_S8_S11_a_state_that_comes_before_its_service_waits_and_is_applied_with_the_add() -> None:
    command, web = service_of("b0")
    desk = Desk()
    desk.do(TCP)
    desk.view(3, "b0", "b1")
    assert desk.state(web, "b1", view_id=5) is Verdict.TAKEN, "b1 has read a view that b0 has not"
    assert (desk.probed(), desk.monitoring.state_of(web)) == (set(), desk.states.get(web))
    desk.do(command)
    assert not desk.probed(), "by the view held b0 is the owner, and the state that waited says that it is no more"
    assert desk.monitoring.watches.duty(web) is Duty.REST


def test_S11_the_newest_of_those_that_waited_is_the_one_applied() -> None:
    command, web = service_of("b0")
    desk = Desk()
    desk.do(TCP)
    desk.view(3, "b0", "b1")
    assert desk.state(web, "b1", view_id=2, sequence=1) is Verdict.TAKEN
    assert desk.state(web, "b0", view_id=3, sequence=2) is Verdict.TAKEN
    assert desk.state(web, "b1", view_id=2, sequence=9) is Verdict.STALE
    desk.do(command)
    assert desk.monitoring.watches.duty(web) is Duty.OWN
    held = desk.monitoring.state_of(web)
    assert held is not None
    assert (held.view_id, held.sequence) == (3, 2)


def test_S9_no_binding_is_switched_before_every_engine_has_its_row() -> None:
    """Adds and switches go to the engines in one order; `Engines.set_probing` is never ahead of `Engines.add`."""
    command, web = service_of("b0")
    desk = Desk()
    desk.do(TCP)
    desk.view(3, "b0", "b1")
    desk.do(command)
    assert desk.probed() == set(desk.numbers(web)) <= set(desk.engines.table)


def test_S10_an_obsolete_state_reaches_nobody() -> None:
    command, web = service_of("b1")
    desk = Desk()
    desk.do(TCP)
    desk.view(3, "b0")
    desk.do(command)
    desk.view(4, "b0", "b1")
    assert desk.monitoring.watches.duty(web) is Duty.HOLD
    assert desk.state(web, "b1", view_id=4, sequence=7) is Verdict.TAKEN
    assert desk.monitoring.watches.duty(web) is Duty.REST
    assert desk.state(web, "b0", view_id=3, sequence=8) is Verdict.STALE
    assert desk.monitoring.watches.duty(web) is Duty.REST


@pytest.mark.parametrize(
    ("owner", "view_id", "duty"), [("b1", 4, Duty.REST), ("b2", 3, Duty.HOLD), ("b0", 3, Duty.HOLD)]
)
def test_S12_only_a_state_of_the_new_owner_under_a_greater_view_takes_the_flag(
    owner: str, view_id: int, duty: Duty
) -> None:
    command, web = service_of("b1")
    desk = Desk()
    desk.do(TCP)
    desk.view(3, "b0")
    desk.do(command)
    desk.view(4, "b0", "b1")
    assert desk.state(web, owner, view_id) is Verdict.TAKEN
    assert desk.monitoring.watches.duty(web) is duty
    assert desk.probed() == (set() if duty is Duty.REST else set(desk.numbers(web)))


def test_S13_a_state_under_another_services_key_is_no_state() -> None:
    desk, key = Desk(), b"4-0"
    record = message(0, key, service_state("4-1"))
    assert desk.states.map.apply(record, key, record.value(), []) is Verdict.TAKEN, "its bytes are not looked at yet"
    with pytest.raises(Unreadable, match="is the state of service 4-1, but stands under the key 4-0"):
        desk.states.get(EntityId("4-0"))


def test_S14_what_a_state_changes_for_the_node_goes_to_its_engines_at_once() -> None:
    command, web = service_of("b1")
    desk = Desk()
    desk.do(TCP)
    desk.view(3, "b0")
    desk.do(command)
    assert desk.probed() == set(desk.numbers(web))
    desk.view(4, "b0", "b1")
    desk.state(web, "b1", view_id=4)
    assert desk.probed() == set()


def test_V4_a_service_gained_is_claimed_and_probed_and_one_kept_is_not_claimed_again_by_its_config() -> None:
    command, web = service_of("b0")
    desk = Desk()
    desk.do(TCP)
    desk.view(3, "b0", "b1")
    desk.do(command)
    assert web in desk.claims()
    desk.state(web, "b0", view_id=3)
    desk.do("set service web threshold=1")
    assert desk.claims() == set()
