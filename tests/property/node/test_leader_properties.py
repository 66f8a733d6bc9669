"""Leaders that race, pause and lose records: the view of the last generation comes into force, and every reader agrees.

The model: a group makes generations, each with a leader and members; each node reads the `views` log at its own pace; a
proposal may be lost, or arrive late. What must hold at the end, when all have read everything and the last leader has
asked once more: its members are in force, and whoever of them is to leave is leaving. And a leader that knows its
successor's view never writes on top of it.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from schemas.cluster import ViewChange
from schemas.identifiers import NodeId
from streams.node.leader import Leader, Wanted
from streams.node.parting import Farewell
from streams.node.views import Views
from streams.ownership.view import Member

NODES = [NodeId(f"b{index}") for index in range(3)]
some_node = st.sampled_from(NODES)


class Seat:
    """One node: its views, its leader, and what it has sent but Kafka has not."""

    def __init__(self, node: NodeId) -> None:
        self.node = node
        self.views = Views()
        self.leader = Leader(self.propose)
        self.farewell = Farewell(Member(node, "run"), self.propose)
        self.on_the_way: list[ViewChange] = []

    def propose(self, wanted: Wanted) -> None:
        held = self.views.held
        assert held.members != wanted.members, "what is in force is not proposed"
        self.on_the_way.append(self.views.proposal(wanted.members, wanted.generation, self.node, 0))

    def read(self, log: list[ViewChange], count: int) -> None:
        for offset in range(self.views.next_offset, min(len(log), self.views.next_offset + count)):
            self.views.read(offset, log[offset])
            self.leader.reconsider(self.views.held)
            self.farewell.reconsider(self.views.held)

    def again(self) -> None:
        self.leader.again(self.views.held)
        self.farewell.again(self.views.held)


class Leaders(RuleBasedStateMachine):
    """The consumer group, its generations, and the log of views."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[ViewChange] = []
        self.seats = {node: Seat(node) for node in NODES}
        self.generation = 0
        self.members: tuple[Member, ...] = ()
        self.lead: Seat = self.seats[NODES[0]]
        self.leaving: set[NodeId] = set()

    @initialize(node=some_node)
    def the_group_begins(self, node: NodeId) -> None:
        self.agree(node, NODES)

    @rule(node=some_node, others=st.sets(some_node))
    def the_group_agrees_on_some(self, node: NodeId, others: set[NodeId]) -> None:
        self.agree(node, sorted({node, *others}))

    def agree(self, node: NodeId, nodes: list[NodeId]) -> None:
        self.generation += 1
        self.members = tuple(Member(name, "run") for name in nodes)
        self.lead = self.seats[node]
        self.lead.leader.led(self.members)
        for seat in self.seats.values():
            if seat.node in nodes:
                seat.leader.assigned(self.generation, seat.views.held)

    @rule(node=some_node, count=st.integers(1, 3))
    def a_node_reads(self, node: NodeId, count: int) -> None:
        self.seats[node].read(self.log, count)

    @rule(node=some_node)
    def a_record_arrives(self, node: NodeId) -> None:
        if self.seats[node].on_the_way:
            self.log.append(self.seats[node].on_the_way.pop(0))

    @rule(node=some_node)
    def a_record_is_lost(self, node: NodeId) -> None:
        if self.seats[node].on_the_way:
            self.seats[node].on_the_way.pop(0)

    @rule(node=some_node)
    def a_node_asks_again(self, node: NodeId) -> None:
        self.seats[node].again()

    @rule(node=some_node)
    def a_node_is_to_leave(self, node: NodeId) -> None:
        self.leaving.add(node)
        self.seats[node].farewell.begin(self.seats[node].views.held)

    def teardown(self) -> None:
        rounds = 2 + len(self.leaving) + len(self.log) + sum(len(seat.on_the_way) for seat in self.seats.values())
        for _ in range(rounds):
            for seat in self.seats.values():
                self.log += seat.on_the_way
                seat.on_the_way.clear()
            for seat in self.seats.values():
                seat.read(self.log, len(self.log))
                seat.again()
        held = [seat.views.held for seat in self.seats.values()]
        assert held[0] == held[1] == held[2]
        assert tuple(replace(member, leaving=False) for member in held[0].members) == self.members
        assert set(held[0].leaving) == set(held[0].nodes) & self.leaving


Leaders.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLeaders = Leaders.TestCase
