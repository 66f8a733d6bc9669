"""The views of a node: what it holds, what it keeps, and the wait for one that others have read before (V-1, V-2)."""

from __future__ import annotations

import asyncio

from schemas.cluster import ViewChange, ViewMember
from schemas.identifiers import NO_VIEW, PARTITIONS, NodeId, ViewId
from streams.node.views import KEPT_VIEWS, Views
from streams.ownership.view import EMPTY_VIEW, Member, View, accept, proposed_view

B0, B1 = NodeId("b0"), NodeId("b1")


def change(prev_view: int, *nodes: str, generation: int = 1) -> ViewChange:
    members = tuple(ViewMember(NodeId(node), f"{node}-run", ()) for node in nodes)
    return ViewChange(ViewId(prev_view), generation, members, NodeId(nodes[0]), 0)


def test_V1_views_are_taken_in_the_order_of_the_log() -> None:
    views, seen = Views(), list[View]()
    views.on_accepted.append(seen.append)
    views.read(4, change(-1, "b0"))
    views.read(5, change(-1, "b1"))
    views.read(9, change(4, "b0", "b1"))
    assert [view.view_id for view in seen] == [4, 9]
    assert views.held.nodes == (B0, B1)
    assert views.refused == 1
    assert views.next_offset == 10


def test_V2_of_two_simultaneous_proposals_the_first_in_the_log_holds_everywhere() -> None:
    one, other = Views(), Views()
    for views in (one, other):
        for offset, proposal in enumerate((change(-1, "b0"), change(-1, "b1"), change(0, "b1"))):
            views.read(offset, proposal)
    assert one.held == other.held
    assert one.held.view_id == 2


def test_views_are_kept_with_their_ids_and_the_oldest_go() -> None:
    views = Views()
    for offset in range(KEPT_VIEWS + 10):
        views.read(offset, change(offset - 1, "b0"))
    assert views.kept(ViewId(9)) is None
    kept = views.kept(ViewId(10))
    assert kept is not None
    assert kept.view_id == 10
    assert views.kept(NO_VIEW) is None
    assert views.kept(ViewId(10_000)) is None


def test_a_refused_record_is_no_view_that_was_in_force() -> None:
    views = Views()
    views.read(0, change(-1, "b0"))
    views.read(1, change(-1, "b1"))
    assert views.kept(ViewId(1)) is None


def test_a_proposal_is_what_readers_accept_on_the_view_held() -> None:
    views = Views()
    views.read(3, change(-1, "b0"))
    members = (Member(B0, "r0", frozenset({"east", "dmz"})), Member(B1, "r1"))
    proposal = views.proposal(members, 7, B1, 99)
    assert proposal.prev_view == 3
    assert proposal.members[0].node_groups == ("dmz", "east")
    accepted = accept(views.held, proposed_view(proposal), 4)
    assert isinstance(accepted, View)
    assert accepted.members == members
    assert accepted.generation == 7


def test_balance_counts_every_partition_once() -> None:
    views = Views()
    assert views.balance() == {}
    views.read(0, change(-1, "b0", "b1"))
    assert views.balance() == {B0: PARTITIONS // 2, B1: PARTITIONS // 2}


def test_reach_answers_at_once_for_what_is_held() -> None:
    async def check() -> None:
        views = Views()
        assert await views.reach(EMPTY_VIEW.view_id, 0.0)
        views.read(3, change(-1, "b0"))
        assert await views.reach(ViewId(2), 0.0), "an id between two views: what is held is later"
        assert await views.reach(ViewId(3), 0.0)

    asyncio.run(check())


def test_reach_waits_for_a_view_that_is_on_its_way() -> None:
    async def check() -> None:
        views = Views()
        waiting = [asyncio.create_task(views.reach(ViewId(5), 30.0)) for _ in range(2)]
        await asyncio.sleep(0)
        views.read(1, change(-1, "b0"))
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        views.read(5, change(1, "b0", "b1"))
        assert await asyncio.gather(*waiting) == [True, True]

    asyncio.run(check())


def test_reach_gives_up_at_its_deadline_even_while_other_views_come() -> None:
    async def check() -> None:
        views = Views()
        assert not await views.reach(ViewId(9), 0.0)
        waiting = asyncio.create_task(views.reach(ViewId(9), 0.05))
        await asyncio.sleep(0)
        views.read(1, change(-1, "b0"))
        assert not await waiting

    asyncio.run(check())
