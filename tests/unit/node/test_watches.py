"""The duties of one node: what a new view, a configuration and a state that comes in change (V-4, V-5, S-12, T5)."""

from __future__ import annotations

from dataclasses import replace

from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.identifiers import Seat as SeatNumber
from streams.node.watches import NO_CHANGE, Change, Watches
from streams.ownership.distribution import Placeable, placeable
from streams.ownership.handover import Duty, LastState
from streams.ownership.owner import Lead, owner_at, seating
from streams.ownership.view import Member, View

B0, B1, B2 = NodeId("b0"), NodeId("b1"), NodeId("b2")
IDS = [EntityId(f"{number}-0") for number in range(60)]
SERVICES = [placeable(service, f"s{service}") for service in IDS]


class Seat:
    """The watches of b0, with the states that the replica would hold."""

    def __init__(self, incarnation: str = "run1") -> None:
        self.states: dict[EntityId, LastState] = {}
        self.watches = Watches(B0, incarnation, self.states.get)

    def heard(self, service: EntityId, view_id: int, owner: NodeId) -> Change:
        last = LastState(ViewId(view_id), owner)
        self.states[service] = last
        if not self.watches.needs(service, last.view_id):
            return NO_CHANGE
        return self.watches.state_applied({service: last})


def view(view_id: int, *nodes: NodeId, incarnation: str = "run1") -> View:
    return View(ViewId(view_id), 1, tuple(Member(node, incarnation) for node in sorted(nodes)), nodes[0])


def of(node: NodeId, held: View, services: list[Placeable] = SERVICES) -> frozenset[EntityId]:
    """The services that a node owns, by the rule alone."""
    seats = seating(held)
    return frozenset(service.entity_id for service in services if owner_at(service.seat, None, seats, held) == node)


ALONE, TWO = view(3, B0), view(7, B0, B1)
MOVED = next(iter(sorted(of(B1, TWO))))
KEPT = next(iter(sorted(of(B0, TWO))))


def test_outside_every_view_nothing_is_watched() -> None:
    seat = Seat()
    assert seat.watches.redistribute(view(1, B1), SERVICES) == NO_CHANGE
    assert seat.watches.duty(MOVED) is Duty.REST
    assert seat.watches.flag(MOVED) is None
    assert (seat.watches.owned(), seat.watches.held()) == (0, 0)


def test_V4_who_gains_services_probes_them_and_claims_them() -> None:
    seat = Seat()
    change = seat.watches.redistribute(ALONE, SERVICES)
    assert change.started == change.to_claim == frozenset(IDS)
    assert change.stopped == frozenset()
    assert seat.watches.flag(MOVED) == ALONE.view_id
    assert seat.watches.unconfirmed == set(IDS)
    assert seat.watches.owned() == len(IDS)
    assert seat.watches.probed() == frozenset(IDS)


def test_the_same_view_again_changes_nothing() -> None:
    seat = Seat()
    seat.watches.redistribute(ALONE, SERVICES)
    assert seat.watches.redistribute(ALONE, SERVICES) == NO_CHANGE


def test_V4_services_kept_go_on_under_the_new_view_and_are_not_claimed_again() -> None:
    seat = Seat()
    seat.watches.redistribute(ALONE, SERVICES)
    change = seat.watches.redistribute(TWO, SERVICES)
    assert change == NO_CHANGE
    assert seat.watches.flag(KEPT) == TWO.view_id


def test_T5_the_old_owner_holds_until_the_new_one_is_heard() -> None:
    seat = Seat()
    seat.watches.redistribute(ALONE, SERVICES)
    assert seat.watches.redistribute(TWO, SERVICES).stopped == frozenset()
    assert seat.watches.duty(MOVED) is Duty.HOLD
    assert seat.watches.flag(MOVED) == ALONE.view_id, "its results still speak under the view in which it owned"
    assert seat.watches.held() == len(of(B1, TWO))
    assert seat.heard(MOVED, 3, B0) == NO_CHANGE
    assert seat.heard(MOVED, 7, B1).stopped == {MOVED}
    assert seat.watches.duty(MOVED) is Duty.REST
    assert seat.watches.flag(MOVED) is None
    assert MOVED not in seat.watches.unconfirmed


def test_S12_a_state_from_a_view_not_read_yet_relieves() -> None:
    seat = Seat()
    seat.watches.redistribute(ALONE, SERVICES)
    assert seat.heard(MOVED, 7, B1).stopped == {MOVED}


def test_S12_who_was_relieved_ahead_of_the_views_does_not_begin_again_under_one_in_between() -> None:
    seat = Seat()
    seat.watches.redistribute(view(3, B0, B1), SERVICES)
    service = next(iter(of(B0, view(3, B0, B1)) & of(B0, view(4, B0, B2))))
    assert seat.heard(service, 9, B1).stopped == {service}
    change = seat.watches.redistribute(view(4, B0, B2), SERVICES)
    assert service not in change.started | change.to_claim
    assert seat.watches.duty(service) is Duty.REST


def test_T5_a_state_of_an_owner_replaced_meanwhile_relieves_nobody() -> None:
    seat = Seat()
    seat.watches.redistribute(ALONE, SERVICES)
    three = view(9, B0, B1, B2)
    service = next(iter(of(B2, three) & of(B1, TWO)))
    seat.watches.redistribute(TWO, SERVICES)
    seat.watches.redistribute(three, SERVICES)
    assert seat.heard(service, 7, B1) == NO_CHANGE
    assert seat.watches.duty(service) is Duty.HOLD
    assert seat.heard(service, 9, B2).stopped == {service}


def test_T5_a_view_that_gives_a_held_service_back_goes_on_without_a_break() -> None:
    seat = Seat()
    seat.watches.redistribute(ALONE, SERVICES)
    seat.watches.redistribute(TWO, SERVICES)
    change = seat.watches.redistribute(view(9, B0), SERVICES)
    assert change.started == change.stopped == frozenset()
    assert change.to_claim == of(B1, TWO)
    assert seat.watches.flag(MOVED) == 9


def test_T5_who_left_the_view_holds_what_nobody_has_taken() -> None:
    seat = Seat()
    seat.watches.redistribute(TWO, SERVICES)
    change = seat.watches.redistribute(view(9, B1), SERVICES)
    assert change == NO_CHANGE
    assert seat.watches.held() == len(of(B0, TWO))
    assert seat.heard(KEPT, 9, B1).stopped == {KEPT}


def test_V5_a_claim_is_confirmed_by_a_state_that_names_this_node_under_its_flag() -> None:
    seat = Seat()
    seat.watches.redistribute(TWO, SERVICES)
    seat.heard(KEPT, 6, B0)
    assert KEPT in seat.watches.unconfirmed, "a state of an earlier ownership"
    assert not seat.watches.needs(KEPT, ViewId(7)), "its head says enough: under this view the state is this node's"
    assert KEPT not in seat.watches.unconfirmed
    assert not seat.watches.needs(KEPT, ViewId(7)), "nothing more to learn of it"
    assert seat.watches.needs(KEPT, ViewId(8)), "but from a view to come"


def test_states_of_services_that_others_watch_are_not_needed() -> None:
    seat = Seat()
    seat.watches.redistribute(TWO, SERVICES)
    assert not seat.watches.needs(MOVED, ViewId(99))
    assert seat.watches.state_applied({MOVED: LastState(ViewId(99), B1)}) == NO_CHANGE


def test_O5_services_that_come_and_go_within_a_view() -> None:
    seat = Seat()
    seat.watches.redistribute(ALONE, SERVICES[:-1])
    added = seat.watches.redistribute(ALONE, SERVICES)
    assert added.started == added.to_claim == {IDS[-1]}
    removed = seat.watches.redistribute(ALONE, SERVICES[1:])
    assert removed == Change(frozenset(), frozenset({IDS[0]}), frozenset())
    assert IDS[0] not in seat.watches.unconfirmed


def test_V6_a_service_removed_while_it_is_held_just_ends() -> None:
    seat = Seat()
    seat.watches.redistribute(ALONE, SERVICES)
    seat.watches.redistribute(TWO, SERVICES)
    rest = [service for service in SERVICES if service.entity_id != MOVED]
    assert seat.watches.redistribute(TWO, rest).stopped == {MOVED}
    assert seat.watches.flag(MOVED) is None


def test_A1_a_service_that_moves_to_another_node_group_stops_here_and_begins_there() -> None:
    seat = Seat()
    east = placeable(IDS[0], "s", frozenset({"east"}))
    seat.watches.redistribute(ALONE, SERVICES)
    assert seat.watches.redistribute(ALONE, [east, *SERVICES[1:]]).stopped == {IDS[0]}


def test_O11_an_internal_service_is_probed_by_each_and_claimed_by_none() -> None:
    seat = Seat()
    internal = placeable(EntityId("99-0"), "own", internal=True)
    change = seat.watches.redistribute(TWO, [internal])
    assert change.started == {internal.entity_id}
    assert change.to_claim == frozenset()
    assert seat.watches.flag(internal.entity_id) is None
    assert seat.heard(internal.entity_id, 99, B1) == NO_CHANGE
    assert seat.watches.duty(internal.entity_id) is Duty.OWN


def test_a_restarted_node_is_not_the_member_that_its_earlier_run_was() -> None:
    seat = Seat("run2")
    assert seat.watches.redistribute(TWO, SERVICES) == NO_CHANGE
    assert seat.watches.redistribute(view(9, B0, B1, incarnation="run2"), SERVICES).started == of(B0, TWO)


def test_O5_DR4_who_lost_a_service_within_a_view_is_not_relieved_by_its_own_state() -> None:
    seat = Seat()
    two, moved = view(7, B0, B1), SERVICES[0]
    elsewhere = led_to(B1, two, moved)
    seat.watches.redistribute(two, [led_to(B0, two, moved)])
    assert seat.watches.redistribute(two, [elsewhere]).stopped == frozenset()
    assert not seat.watches.is_relieved_by(moved.entity_id, two.view_id), "the state may be this node's own"
    assert seat.heard(moved.entity_id, 7, B0) == NO_CHANGE
    assert seat.watches.duty(moved.entity_id) is Duty.HOLD
    assert seat.heard(moved.entity_id, 7, B1).stopped == {moved.entity_id}


def test_O5_DR4_a_state_of_the_owner_before_it_within_the_view_confirms_no_claim() -> None:
    seat = Seat()
    two, moved = view(7, B0, B1), SERVICES[0]
    seat.watches.redistribute(two, [led_to(B1, two, moved)])
    assert seat.watches.redistribute(two, [led_to(B0, two, moved)]).to_claim == {moved.entity_id}
    seat.heard(moved.entity_id, 7, B1)
    assert seat.watches.unconfirmed == {moved.entity_id}
    seat.heard(moved.entity_id, 7, B0)
    assert seat.watches.unconfirmed == set()


def test_V10_a_node_outside_the_view_becomes_owner_at_once_with_what_it_has_heard() -> None:
    seat, theirs = Seat(), view(7, B1)
    seat.watches.redistribute(theirs, SERVICES)
    for service in IDS:
        assert seat.heard(service, 7, B1) == NO_CHANGE, "it keeps the state, and does nothing"
    change = seat.watches.redistribute(view(8, B0), SERVICES)
    assert change.started == change.to_claim == frozenset(IDS), "by the view alone, without a word from anybody"
    assert {seat.watches.flag(service) for service in IDS} == {8}
    ahead = Seat()
    ahead.watches.redistribute(theirs, SERVICES)
    ahead.heard(IDS[0], 9, B1)
    later = ahead.watches.redistribute(view(8, B0), SERVICES)
    assert IDS[0] not in later.started, "what it heard outside counts: that one was taken over again since"


def led_to(node: NodeId, held: View, service: Placeable) -> Placeable:
    """The service as a DRTM one whose first is owned by this node."""
    return replace(service, lead=Lead(SeatNumber(seating(held).owners.index(node)), frozenset()))


def test_F5_who_was_replaced_while_silent_holds_nothing_and_begins_anew_with_the_view_that_has_it_again() -> None:
    seat = Seat()
    seat.watches.redistribute(ALONE, SERVICES)
    gone = seat.watches.redistribute(view(7, B1), SERVICES, replaced=True)
    assert gone.stopped == frozenset(IDS)
    assert seat.watches.flag(KEPT) is None, "nothing goes out under the view before"
    back = seat.watches.redistribute(view(8, B0, B1), SERVICES)
    assert back.started == back.to_claim == of(B0, TWO)
    assert seat.watches.held() == 0


def test_T5_a_leaving_node_holds_what_it_owned_until_the_new_owner_is_heard() -> None:
    seat = Seat()
    seat.watches.redistribute(TWO, SERVICES)
    seat.watches.state_applied({service: LastState(TWO.view_id, B0) for service in of(B0, TWO)})
    leaving = View(ViewId(8), 1, (Member(B0, "run1", leaving=True), Member(B1, "run1")), B0)
    assert seat.watches.redistribute(leaving, SERVICES) == NO_CHANGE
    assert (seat.watches.owned(), set(seat.watches.unrelieved())) == (0, of(B0, TWO))
    for service in of(B0, TWO):
        assert seat.heard(service, 8, B1).stopped == {service}
    assert not list(seat.watches.unrelieved())


def test_T5_what_no_other_member_hosts_is_not_waited_for() -> None:
    alone = placeable(EntityId("7-0"), "alone", frozenset({"edge"}))
    mine = placeable(EntityId("8-0"), "mine", internal=True)
    members = (Member(B0, "run1", frozenset({"edge"})), Member(B1, "run1"))
    seat = Seat()
    seat.watches.redistribute(View(ViewId(3), 1, members, B0), [alone, mine])
    assert list(seat.watches.unrelieved()) == [alone.entity_id], "an internal one is every node's own"
    seat.watches.redistribute(View(ViewId(4), 1, (replace(members[0], leaving=True), members[1]), B0), [alone, mine])
    assert not list(seat.watches.unrelieved())
    assert seat.watches.duty(alone.entity_id) is Duty.HOLD


def test_S12_who_told_of_it_under_this_very_view_relieves_at_once_where_it_is_the_owner_again() -> None:
    """It moved here within the view, by a change of its node groups: its last state is the other's still."""
    edge = frozenset({"edge"})
    members = (Member(B0, "run1"), Member(B1, "run1", edge))
    service = min(of(B0, View(ViewId(3), 1, members, B0)))
    seat = Seat()
    seat.watches.redistribute(View(ViewId(3), 1, members, B0), [placeable(service, "s", edge)])
    seat.heard(service, 3, B1)
    seat.watches.redistribute(View(ViewId(3), 1, members, B0), [placeable(service, "s")])
    assert seat.watches.duty(service) is Duty.OWN
    leaving = View(ViewId(4), 1, (replace(members[0], leaving=True), members[1]), B0)
    assert seat.watches.redistribute(leaving, [placeable(service, "s")]).stopped == {service}
