"""Make before break, one row a situation (T5, V-4, V-5, S-12)."""

from __future__ import annotations

import pytest

from schemas.identifiers import NodeId, ViewId
from streams.ownership.distribution import Role, Standing
from streams.ownership.handover import RESTING, Duty, LastState, Watch, hand_over

A, B, C = NodeId("a"), NodeId("b"), NodeId("c")
OWNER = Standing(Role.OWNER, A)
OWNED_AT_2 = Watch(Duty.OWN, ViewId(2))
HELD_AT_2 = Watch(Duty.HOLD, ViewId(2))


def other(owner: NodeId | None, role: Role = Role.NOT_OWNER) -> Standing:
    return Standing(role, owner)


def state(view: int, owner: NodeId) -> LastState:
    return LastState(ViewId(view), owner)


CASES = {
    "never owner, no state": (RESTING, other(B), 3, None, RESTING),
    "never owner, states flow": (RESTING, other(B), 3, state(3, B), RESTING),
    "becomes owner before any state exists": (RESTING, OWNER, 3, None, Watch(Duty.OWN, ViewId(3))),
    "becomes owner while the old one still reports": (RESTING, OWNER, 3, state(2, B), Watch(Duty.OWN, ViewId(3))),
    "stays owner and takes the new view id": (OWNED_AT_2, OWNER, 3, state(2, A), Watch(Duty.OWN, ViewId(3))),
    "old owner, no state at all": (OWNED_AT_2, other(B), 3, None, HELD_AT_2),
    "old owner, only its own state": (OWNED_AT_2, other(B), 3, state(2, A), HELD_AT_2),
    "old owner, a state from before its time": (OWNED_AT_2, other(B), 3, state(1, B), HELD_AT_2),
    "old owner, its own late state": (OWNED_AT_2, other(B), 3, state(3, A), HELD_AT_2),
    "old owner hears the new one": (HELD_AT_2, other(B), 3, state(3, B), RESTING),
    "the new owner left before it spoke": (HELD_AT_2, other(C), 4, state(2, A), HELD_AT_2),
    "the new owner spoke, left, and its state comes late": (HELD_AT_2, other(C), 4, state(3, B), HELD_AT_2),
    "then its successor speaks": (HELD_AT_2, other(C), 4, state(4, C), RESTING),
    "out of the view but alive": (OWNED_AT_2, other(B, Role.OUTSIDE_VIEW), 3, state(2, A), HELD_AT_2),
    "out of the view, relieved": (HELD_AT_2, other(B, Role.OUTSIDE_VIEW), 3, state(3, B), RESTING),
    "nobody operational hosts it any more": (OWNED_AT_2, other(None, Role.OUTSIDE_VIEW), 3, state(2, A), HELD_AT_2),
    "a state from a view not yet read": (OWNED_AT_2, OWNER, 2, state(3, B), RESTING),
    "holding, a state from a view not yet read": (HELD_AT_2, other(B), 3, state(4, C), RESTING),
    "the service moved within the view": (OWNED_AT_2, other(B), 2, state(2, B), RESTING),
    "the service moved within the view, silent owner": (OWNED_AT_2, other(B), 2, state(2, A), HELD_AT_2),
    "the service is no longer hosted here": (OWNED_AT_2, other(B, Role.NOT_HOSTED), 3, None, RESTING),
    "internal": (RESTING, Standing(Role.INTERNAL, A), 3, state(9, B), Watch(Duty.OWN, None)),
    "internal, out of the view": (Watch(Duty.OWN, None), other(None, Role.OUTSIDE_VIEW), 3, None, RESTING),
    "standalone": (RESTING, Standing(Role.STANDALONE, A), -1, None, Watch(Duty.OWN, ViewId(-1))),
    "owner again after it was relieved": (RESTING, OWNER, 5, state(4, B), Watch(Duty.OWN, ViewId(5))),
}


@pytest.mark.parametrize("case", CASES)
def test_S12_T5_the_old_owner_probes_until_the_new_one_is_heard(case: str) -> None:
    watch, standing, view, last, expected = CASES[case]
    after = hand_over(watch, A, standing, ViewId(view), last)
    assert after == expected
    assert hand_over(after, A, standing, ViewId(view), last) == after, (
        "a second call with the same facts changes nothing"
    )
