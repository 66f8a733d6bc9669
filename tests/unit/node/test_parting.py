"""A node with clustering off has everything and bears no other (V-12); one that leaves waits for successors (T5)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from schemas.cluster import NodeStatus, Phase
from schemas.identifiers import EntityId, NodeId, ViewId
from streams.node import parting
from streams.node.leader import Wanted
from streams.node.parting import Farewell, has_successor, others_in, probe_on, settled
from streams.node.refusals import NotAlone
from streams.node.views import Views
from streams.ownership.handover import Duty
from streams.ownership.view import Member, View
from tests.unit.node.monitoring_desk import Desk

B0, B1 = NodeId("b0"), NodeId("b1")
VIEW = View(ViewId(4), 1, (Member(B0, "run1"), Member(B1, "run1")), B0)
ADD = """
add node_group edge
add monitor tcp type=TCP
add service web address=10.0.0.1 port=80
add service far address=10.0.0.2 port=80
bind service web monitor tcp
bind service far monitor tcp
bind service far node_group edge
"""
WEB, FAR = EntityId("0-2"), EntityId("0-3")


def status(node: NodeId, phase: Phase) -> NodeStatus:
    return NodeStatus(node, "run1", phase, (), 1, None, ViewId(4), {}, (), 1, 0, 0, "test")


def test_V12_with_clustering_off_one_node_owns_claims_and_probes_everything() -> None:
    desk = Desk(clustering=False)
    desk.do(ADD)
    assert not desk.probed(), "before its first view no fold would take its word"
    desk.view(0, "b0")
    assert desk.probed() == {*desk.numbers(WEB), *desk.numbers(FAR)}, "node groups divide nothing among one"
    assert desk.claims() == {WEB, FAR}
    assert desk.monitoring.watches.duty(FAR) is Duty.OWN


def test_V12_with_clustering_on_the_node_group_decides() -> None:
    desk = Desk()
    desk.do(ADD)
    desk.view(0, "b0")
    assert desk.probed() == set(desk.numbers(WEB))


def test_V12_a_standalone_node_that_meets_another_says_which_and_what_to_do() -> None:
    assert others_in(VIEW, B0) == (B1,)
    told = str(NotAlone(B0, others_in(VIEW, B0)))
    assert "'b0', but b1 serve" in told
    assert "without --standalone" in told


def test_T5_only_a_live_member_of_the_view_is_a_successor() -> None:
    assert has_successor(VIEW, B0, {B1: status(B1, Phase.SERVING)})
    assert not has_successor(VIEW, B0, {B1: status(B1, Phase.LEAVING)})
    assert not has_successor(VIEW, B0, {B0: status(B0, Phase.SERVING)})
    leaving = replace(VIEW, members=(VIEW.members[0], replace(VIEW.members[1], leaving=True)))
    assert not has_successor(leaving, B0, {B1: status(B1, Phase.SERVING)}), "the view knows it before its heartbeat"


def leaving_in(wanted: Wanted) -> set[NodeId]:
    return {member.node for member in wanted.members if member.leaving}


def test_T5_a_leaving_node_proposes_so_until_the_view_in_force_says_it() -> None:
    proposed: list[Wanted] = []
    farewell = Farewell(VIEW.members[0], proposed.append)
    farewell.reconsider(VIEW)
    assert not proposed, "it is not to leave yet"
    farewell.begin(VIEW)
    farewell.reconsider(VIEW)
    assert [(leaving_in(wanted), wanted.generation) for wanted in proposed] == [({B0}, VIEW.generation)], "once a view"
    farewell.again(VIEW)
    assert len(proposed) == 2, "the first may have been lost"
    farewell.reconsider(replace(VIEW, view_id=ViewId(5), generation=2))
    assert proposed[-1].generation == 2, "another view came into force before it"
    said = View(ViewId(6), 2, proposed[-1].members, B0)
    farewell.again(said)
    assert len(proposed) == 3


def test_T5_who_is_not_in_the_view_or_in_it_as_another_run_proposes_nothing() -> None:
    proposed: list[Wanted] = []
    farewell = Farewell(Member(B0, "run2"), proposed.append)
    farewell.begin(VIEW)
    farewell.again(replace(VIEW, members=VIEW.members[1:]))
    assert not proposed


def test_T5_who_was_leaving_is_leaving_still_in_the_proposal_of_a_leader() -> None:
    views = Views()
    said = View(ViewId(4), 1, (replace(VIEW.members[0], leaving=True), VIEW.members[1]), B0)
    views.held = said
    other = Member(NodeId("b2"), "run1")
    told = [(one.node_id, one.leaving) for one in views.proposal((*VIEW.members, other), 2, B1, 0).members]
    assert told == [(B0, True), (B1, False), (other.node, False)]
    anew = replace(VIEW.members[0], incarnation="run2")
    assert not any(one.leaving for one in views.proposal((anew, other), 2, B1, 0).members), "another run stays"


@dataclass
class Leaving:
    """A node that is relieved of one service each time that it is looked at."""

    left: int
    has_successor: bool = True
    step: int = 1
    turns: int = 0

    def unrelieved(self) -> Iterator[EntityId]:
        self.turns += 1
        return iter([EntityId(f"0-{number}") for number in range(self.left - self.step * (self.turns - 1))])


def test_T5_a_leaving_node_probes_on_until_its_last_service_is_anothers() -> None:
    node = Leaving(left=3)
    assert asyncio.run(probe_on(node)) == 0
    assert node.turns > 3


def test_T5_nobody_waits_for_who_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asyncio.run(probe_on(Leaving(left=3, has_successor=False))) == 3
    monkeypatch.setattr(parting, "HANDOVER_DEADLINE_S", 0.3)
    assert asyncio.run(probe_on(Leaving(left=40))) == 0, "longer in all, and each time one more is another's"
    assert asyncio.run(probe_on(Leaving(left=3, step=0))) == 3, "nothing comes any more"
    monkeypatch.setattr(parting, "HANDOVER_LATEST_S", 0.05)
    assert asyncio.run(probe_on(Leaving(left=100))) > 0, "who stopped it does not wait for ever"


@pytest.mark.parametrize(
    ("left", "may_send", "expected"),
    [
        ([0], True, True),
        ([2, 1, 0], True, True),
        ([2, 2], False, False),
        ([3] * 10_000, True, False),
    ],
    ids=["nothing on its way", "it arrives", "the lease is gone", "it does not arrive in time"],
)
def test_T5_who_gives_partitions_up_waits_for_what_is_on_its_way(
    left: list[int], may_send: bool, expected: bool
) -> None:
    def waiting() -> int:
        return left.pop(0) if len(left) > 1 else left[0]

    assert asyncio.run(settled(waiting, lambda: may_send, 0.05)) is expected
