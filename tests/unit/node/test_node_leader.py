"""The group's leader: what it proposes, on top of what, and when it stops (V-1, V-2)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from schemas.identifiers import NO_VIEW, NodeId, ViewId
from streams.node.leader import Leader, Wanted
from streams.ownership.view import EMPTY_VIEW, Member, View

B0, B1, B2 = (Member(NodeId(name), f"{name}-run") for name in ("b0", "b1", "b2"))


@dataclass(slots=True)
class Script:
    """A leader with what it has proposed so far."""

    proposed: list[Wanted] = field(default_factory=list)
    leader: Leader = field(init=False)

    def __post_init__(self) -> None:
        self.leader = Leader(self.proposed.append)

    def agree(self, generation: int, held: View, *members: Member) -> None:
        self.leader.led(members)
        self.leader.assigned(generation, held)

    def take(self) -> list[int]:
        """Generations proposed since the last call."""
        generations = [wanted.generation for wanted in self.proposed]
        self.proposed.clear()
        return generations


def view(view_id: int, generation: int, *members: Member) -> View:
    return View(ViewId(view_id), generation, members, members[0].node)


def test_nothing_is_proposed_before_the_own_assignment_came_back() -> None:
    script = Script()
    script.leader.led((B0,))
    script.leader.reconsider(view(3, 1, B1))
    script.leader.again(view(3, 1, B1))
    assert script.take() == []
    script.leader.assigned(2, view(3, 1, B1))
    assert script.take() == [2]


def test_V1_what_was_led_in_a_round_that_came_to_nothing_is_void() -> None:
    script = Script()
    script.leader.led((B0, B1))
    script.leader.led(None)
    script.leader.assigned(6, view(4, 6, B0, B1, B2))
    script.leader.again(view(4, 6, B0, B1, B2))
    assert script.take() == [], "the leader of the sixth generation wants another view, and would answer for ever"


def test_who_did_not_lead_the_round_proposes_nothing() -> None:
    script = Script()
    script.leader.assigned(1, EMPTY_VIEW)
    script.leader.reconsider(EMPTY_VIEW)
    assert script.take() == []


def test_it_proposes_once_and_is_content_when_its_view_is_in_force() -> None:
    script = Script()
    script.agree(1, EMPTY_VIEW, B0, B1)
    script.leader.reconsider(EMPTY_VIEW)
    assert script.take() == [1]
    in_force = view(0, 1, B0, B1)
    script.leader.reconsider(in_force)
    script.leader.again(in_force)
    assert script.take() == []


def test_V2_who_loses_a_race_proposes_again_on_top_of_the_winner() -> None:
    script = Script()
    script.agree(5, view(3, 3, B0, B1, B2), B0, B2)
    assert script.take() == [5]
    script.leader.reconsider(view(8, 4, B1, B2))
    assert script.take() == [5]
    script.leader.reconsider(view(8, 4, B1, B2))
    assert script.take() == [], "once on each view"
    script.leader.reconsider(view(9, 5, B0, B2))
    assert script.take() == []


def test_V2_a_successor_s_view_ends_it() -> None:
    script = Script()
    script.agree(5, view(3, 3, B0, B1, B2), B0, B2)
    script.take()
    successor = view(8, 6, B1, B2)
    script.leader.reconsider(successor)
    script.leader.again(successor)
    script.leader.reconsider(view(9, 4, B0))
    assert script.take() == [], "it has given up for good"


def test_a_leader_paused_before_its_assignment_does_not_undo_its_successor() -> None:
    script = Script()
    script.leader.reconsider(view(3, 3, B0, B1, B2))
    script.leader.led((B0, B1))
    script.leader.reconsider(view(4, 6, B1, B2))
    script.leader.assigned(5, view(4, 6, B1, B2))
    assert script.take() == []


def test_a_group_made_anew_gets_its_view_whatever_the_old_generations() -> None:
    script = Script()
    old = view(9, 57, B0, B1)
    script.leader.reconsider(old)
    script.agree(1, old, B1)
    assert script.take() == [1]
    script.leader.again(old)
    assert script.take() == [1], "still, if the record was lost"
    script.leader.reconsider(view(10, 1, B1))
    assert script.take() == []


def test_an_earlier_leader_s_late_view_is_answered() -> None:
    script = Script()
    script.agree(6, view(3, 3, B0, B1), B1, B2)
    script.leader.reconsider(view(4, 6, B1, B2))
    script.take()
    script.leader.reconsider(view(5, 5, B0, B1))
    assert script.take() == [6]


def test_unchanged_members_need_no_new_view() -> None:
    script = Script()
    held = view(3, 3, B0, B1)
    script.agree(4, held, B1, B0)
    script.leader.again(held)
    assert script.take() == []
    script.agree(5, held, B0, Member(B1.node, "restarted"))
    assert script.take() == [5], "another run of a node is another member"
    script.agree(6, held, B0, Member(B1.node, B1.incarnation, frozenset({"east"})))
    assert script.take() == [6], "and so is one of other node groups"


def test_a_lost_proposal_is_made_again() -> None:
    script = Script()
    script.agree(1, EMPTY_VIEW, B0)
    script.leader.again(EMPTY_VIEW)
    script.leader.again(EMPTY_VIEW)
    assert script.take() == [1, 1, 1]


def test_who_resigned_proposes_nothing_more() -> None:
    script = Script()
    script.leader.led((B0,))
    script.leader.resigned()
    script.leader.assigned(1, EMPTY_VIEW)
    assert script.take() == []
    script.agree(2, EMPTY_VIEW, B0)
    script.leader.resigned()
    script.leader.again(EMPTY_VIEW)
    script.leader.reconsider(view(0, 1, B1))
    assert script.take() == [2]


def test_the_next_assignment_replaces_what_was_wanted() -> None:
    script = Script()
    script.agree(1, EMPTY_VIEW, B0, B1)
    script.leader.assigned(2, EMPTY_VIEW)
    script.leader.again(EMPTY_VIEW)
    assert script.take() == [1], "another leads generation 2"
    assert EMPTY_VIEW.view_id == NO_VIEW


def test_T5_that_a_member_is_leaving_is_no_reason_for_the_leader_to_propose() -> None:
    script = Script()
    script.agree(2, view(3, 2, B0, B1), B0, B1)
    script.leader.reconsider(view(4, 2, B0, replace(B1, leaving=True)))
    script.leader.again(view(4, 2, B0, replace(B1, leaving=True)))
    assert script.take() == []
