"""The two-node example (O-10): b0 and b1; service s1 with monitors m1 and m2, service s2 with m3 and m4.

Each service is watched by one node with all its monitors; a node that joins takes what is its own and no more, and
when a node leaves, the other has both. The ids are such that the real hash sets s1 on b0 and s2 on b1.
"""

from __future__ import annotations

from schemas.identifiers import EntityId, NodeId, ViewId
from streams.ownership.distribution import Distribution, Role, Standing, distribute, moves, placeable
from streams.ownership.handover import RESTING, Duty, LastState, Watch, hand_over
from streams.ownership.view import EMPTY_VIEW, Member, ProposedView, View, accept

B0, B1 = NodeId("b0"), NodeId("b1")
S1, S2 = placeable(EntityId("6-0"), "s1"), placeable(EntityId("4-0"), "s2")
MONITORS = {S1.entity_id: {"m1", "m2"}, S2.entity_id: {"m3", "m4"}}


def view_after(held: View, offset: int, *nodes: NodeId) -> View:
    members = tuple(Member(node, "run1") for node in nodes)
    outcome = accept(held, ProposedView(held.view_id, offset, members, nodes[0]), offset)
    assert isinstance(outcome, View)
    return outcome


def on(view: View, node: NodeId) -> Distribution:
    return distribute(view, node, [S1, S2])


def probed_monitors(distribution: Distribution) -> set[str]:
    return {monitor for service in distribution.probed for monitor in MONITORS[service]}


ALONE = view_after(EMPTY_VIEW, 0, B0)
BOTH = view_after(ALONE, 1, B0, B1)


def test_O10_two_node_example_each_service_is_probed_by_one_node_with_all_its_monitors() -> None:
    assert on(BOTH, B0).standings == {
        S1.entity_id: Standing(Role.OWNER, B0),
        S2.entity_id: Standing(Role.NOT_OWNER, B1),
    }
    assert probed_monitors(on(BOTH, B0)) == {"m1", "m2"}
    assert probed_monitors(on(BOTH, B1)) == {"m3", "m4"}


def test_O10_the_first_node_has_everything_until_the_second_joins_and_again_when_it_leaves() -> None:
    assert probed_monitors(on(ALONE, B0)) == {"m1", "m2", "m3", "m4"}
    join = moves(on(ALONE, B0), on(BOTH, B0))
    assert (join.kept, join.lost, join.gained) == ({S1.entity_id}, {S2.entity_id}, frozenset())
    leave = moves(on(BOTH, B0), on(view_after(BOTH, 2, B0), B0))
    assert (leave.kept, leave.lost, leave.gained) == ({S1.entity_id}, frozenset(), {S2.entity_id})


def test_O10_s2_is_handed_over_without_a_gap() -> None:
    old = Watch(Duty.OWN, ALONE.view_id)
    own_state, new_state = LastState(ALONE.view_id, B0), LastState(BOTH.view_id, B1)
    seen_by_b0, seen_by_b1 = on(BOTH, B0).standings[S2.entity_id], on(BOTH, B1).standings[S2.entity_id]
    old = hand_over(old, B0, seen_by_b0, BOTH.view_id, own_state)
    assert old.duty is Duty.HOLD, "b1 has not spoken yet"
    new = hand_over(RESTING, B1, seen_by_b1, BOTH.view_id, own_state)
    assert new == Watch(Duty.OWN, ViewId(1))
    assert hand_over(old, B0, seen_by_b0, BOTH.view_id, new_state) == RESTING
    assert hand_over(new, B1, seen_by_b1, BOTH.view_id, new_state) == new
