"""V-4: a claim that nobody confirms is made again, and one whose turn has not come yet is not."""

from __future__ import annotations

from schemas.identifiers import EntityId
from streams.node.monitoring import RECLAIM_LATEST_S, RECLAIM_S
from tests.unit.node.monitoring_desk import Desk
from tests.unit.node.test_receiving import TCP

SERVICES = [EntityId(f"1-{number}") for number in range(30)]


def taking_over() -> Desk:
    """b0, alone in view 3, has claimed everything a moment ago."""
    desk = Desk()
    desk.do(TCP)
    names = range(len(SERVICES))
    added = [f"add service s{number} address=10.0.0.1 port={1000 + number}" for number in names]
    desk.do("\n".join([*added, *(f"bind service s{number} monitor tcp" for number in names)]))
    desk.view(3, "b0")
    assert desk.claims() == set(SERVICES)
    desk.monitoring.keep_house(0.0)
    return desk


def test_V4_claims_of_which_none_is_confirmed_are_made_again() -> None:
    desk = taking_over()
    desk.monitoring.keep_house(RECLAIM_S)
    assert desk.claims() == set()
    desk.monitoring.keep_house(RECLAIM_S + 0.1)
    assert desk.claims() == set(SERVICES)


def test_V4_claims_wait_while_others_are_confirmed_and_those_left_are_made_again_then() -> None:
    desk, now_s = taking_over(), 0.0
    *confirmed, lost = SERVICES
    for service in confirmed:
        now_s += 0.5
        desk.state(service, "b0", 3)
        desk.monitoring.keep_house(now_s)
        assert desk.claims() == set(), "others are being confirmed"
    desk.monitoring.keep_house(now_s + RECLAIM_S + 0.1)
    assert desk.claims() == {lost}


def test_V4_confirmations_that_go_on_put_a_lost_claim_off_for_a_while_only() -> None:
    desk, now_s = taking_over(), 0.0
    again: set[EntityId] = set()
    for service in SERVICES[:-1]:
        now_s += RECLAIM_S / 2 + 0.1
        desk.state(service, "b0", 3)
        desk.monitoring.keep_house(now_s)
        again |= desk.claims()
        if again:
            break
    assert SERVICES[-1] in again
    assert now_s <= RECLAIM_LATEST_S + 2 * RECLAIM_S


def test_V4_what_the_replica_holds_is_not_claimed_again_though_its_state_has_not_been_handed_on_yet() -> None:
    desk = taking_over()
    handed_on, desk.monitoring.states_applied = desk.monitoring.states_applied, lambda _: None  # type: ignore[method-assign]
    desk.state(SERVICES[0], "b0", 3)
    desk.state(SERVICES[1], "b1", 2)
    desk.monitoring.states_applied = handed_on  # type: ignore[method-assign]
    desk.monitoring.keep_house(RECLAIM_S + 0.1)
    assert desk.claims() == set(SERVICES[1:]), "a state of an earlier view confirms nothing"
