"""Make before break over any interleaving of views, states and deaths, each node reading at its own pace (T5, S-12).

The model is one service, four nodes, the log of views and the log of states. A node that owns may publish; the fold
takes a state only from the owner of its view and never under an earlier view than the last. What must hold: while the
writer of the last state lives, somebody probes; while nobody died, somebody probes from the first owner on; and once
all have read everything and the owner has spoken, exactly the owner probes. And nobody stops at the word of a node that
it knows to have been replaced: that one may be dead, and its successor not begun.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas.identifiers import EntityId, NodeId, ViewId
from streams.ownership.distribution import Role, Standing, placeable, standing_of
from streams.ownership.handover import RESTING, Duty, LastState, Watch, hand_over
from streams.ownership.owner import seating
from streams.ownership.view import EMPTY_VIEW, Member, View

NODES = [NodeId(f"b{index}") for index in range(4)]
SERVICE = placeable(EntityId("4-0"), "s1")
some_node = st.sampled_from(NODES)


class Handover(RuleBasedStateMachine):
    """Nodes that read two logs at their own pace; only `hand_over` decides who probes."""

    def __init__(self) -> None:
        super().__init__()
        self.views = [EMPTY_VIEW]
        self.states: list[LastState] = []
        self.watches = dict.fromkeys(NODES, RESTING)
        self.views_read = dict.fromkeys(NODES, 0)
        self.states_read = dict.fromkeys(NODES, 0)
        self.alive = set(NODES)
        self.ever_owned = False

    def standing(self, node: NodeId, view: View) -> Standing:
        return standing_of(SERVICE, view, seating(view), node)

    def decide(self, node: NodeId) -> Watch:
        view = self.views[self.views_read[node]]
        applied = self.states[: self.states_read[node]]
        last = applied[-1] if applied else None
        standing = self.standing(node, view)
        before, watch = self.watches[node], hand_over(self.watches[node], node, standing, view.view_id, last)
        if before.duty is not Duty.REST and watch.duty is Duty.REST:
            assert last is not None, "nobody stops unheard"
            assert before.flag is not None
            assert last.view_id > before.flag, "who relieves spoke under a later view"
            assert last.owner == standing.owner or last.view_id > view.view_id, "and is not known to be replaced"
        self.watches[node] = watch
        self.ever_owned |= watch.duty is Duty.OWN
        return watch

    def probers(self) -> set[NodeId]:
        return {node for node in self.alive if self.watches[node].duty is not Duty.REST}

    @rule(nodes=st.sets(some_node, min_size=1, max_size=2), leaving=st.sets(some_node, max_size=2))
    def view_changes(self, nodes: set[NodeId], leaving: set[NodeId] = frozenset()) -> None:
        members = tuple(Member(node, "run1", leaving=node in leaving) for node in sorted(nodes))
        self.views.append(View(ViewId(len(self.views)), 1, members, members[0].node))

    @rule(node=some_node, count=st.integers(1, 3))
    def a_node_reads_views(self, node: NodeId, count: int) -> None:
        for _ in range(min(count, len(self.views) - 1 - self.views_read[node]) if node in self.alive else 0):
            self.views_read[node] += 1
            self.decide(node)

    @rule(node=some_node)
    def a_node_applies_a_state(self, node: NodeId) -> None:
        if node in self.alive and self.states_read[node] < len(self.states):
            self.states_read[node] += 1
            self.decide(node)

    @rule(node=some_node)
    def an_owner_publishes(self, node: NodeId) -> None:
        view = self.views[self.views_read[node]].view_id
        behind = bool(self.states) and view < self.states[-1].view_id
        if node in self.alive and self.watches[node].duty is Duty.OWN and not behind:
            self.states.append(LastState(view, node))

    @precondition(lambda self: len(self.views) > 4 and len(self.alive) > 2)
    @rule(node=some_node)
    def a_node_dies(self, node: NodeId) -> None:
        self.alive.discard(node)

    @invariant()
    def while_nobody_died_somebody_probes_from_the_first_owner_on(self) -> None:
        if self.ever_owned and len(self.alive) == len(NODES):
            assert self.probers()

    @invariant()
    def while_the_writer_of_the_last_state_lives_somebody_probes(self) -> None:
        if self.states and self.states[-1].owner in self.alive:
            assert self.probers()

    def teardown(self) -> None:
        """The survivors form a view, read everything, and the owner speaks: exactly the owner probes."""
        self.view_changes(self.alive)
        self.read_all()
        owner = next(node for node in self.alive if self.standing(node, self.views[-1]).role is Role.OWNER)
        assert self.watches[owner].duty is Duty.OWN
        self.an_owner_publishes(owner)
        self.read_all()
        assert self.probers() == {owner}

    def read_all(self) -> None:
        for node in self.alive:
            self.views_read[node] = len(self.views) - 1
            self.states_read[node] = len(self.states)
            self.decide(node)


Handover.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestHandover = Handover.TestCase
