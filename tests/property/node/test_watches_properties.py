"""Watches over any history agree with `hand_over`, service by service, whatever they save themselves.

The twin asks `hand_over` for every service at every step, with the last state known then, and keeps every watch. The
real one looks few states up, keeps only services that it probes, and is asked first whether it needs a state at all.
Only what a log can hold is tried: a view has one owner of a service, and no state of ours is ahead of what was read.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from schemas.identifiers import EntityId, NodeId, ViewId
from streams.node.watches import Watches
from streams.ownership.distribution import Placeable, distribute, placeable
from streams.ownership.handover import RESTING, Duty, LastState, Watch, hand_over
from streams.ownership.view import EMPTY_VIEW, Member, View

NODES = [NodeId(f"b{index}") for index in range(3)]
ME, RUN = NODES[0], "run1"
IDS = [EntityId(f"{number}-0") for number in range(6)]
GROUPS = [frozenset[str](), frozenset({"east"}), frozenset({"west"})]
members = st.builds(
    Member, st.sampled_from(NODES), st.sampled_from([RUN, "run0"]), st.sampled_from(GROUPS), st.booleans()
)


class History(RuleBasedStateMachine):
    """Views, configurations and states in any order; states may run ahead of the views."""

    def __init__(self) -> None:
        super().__init__()
        self.view = EMPTY_VIEW
        self.services: dict[EntityId, Placeable] = {}
        self.states: dict[EntityId, LastState] = {}
        self.owners: dict[tuple[EntityId, ViewId], NodeId] = {}
        self.watches = Watches(ME, RUN, self.states.get)
        self.twin: dict[EntityId, Watch] = {}
        self.probing: set[EntityId] = set()

    def step(self, started: frozenset[EntityId], stopped: frozenset[EntityId]) -> None:
        assert not started & self.probing, "what starts did not run"
        assert stopped <= self.probing, "what stops ran"
        self.probing = (self.probing | started) - stopped

    def redistribute(self) -> None:
        change = self.watches.redistribute(self.view, self.services.values())
        self.step(change.started, change.stopped)
        for service in IDS:
            self.ask_twin(service)
        assert change.to_claim <= self.probing
        assert all(self.watches.duty(service) is Duty.OWN for service in change.to_claim)

    def ask_twin(self, service: EntityId) -> None:
        standing = distribute(self.view, ME, self.services.values(), incarnation=RUN).standings.get(service)
        if standing is None:
            self.twin[service] = RESTING
            return
        before, last = self.twin.get(service, RESTING), self.states.get(service)
        self.twin[service] = hand_over(before, ME, standing, self.view.view_id, last)

    @rule(some=st.lists(members, max_size=3, unique_by=lambda member: member.node), skipped=st.integers(1, 3))
    def a_view(self, some: list[Member], skipped: int) -> None:
        self.view = View(ViewId(self.view.view_id + skipped), 1, tuple(sorted(some)), ME)
        while any(self.owners.get((service, self.view.view_id), ME) != ME for service in self.mine()):
            self.view = replace(self.view, view_id=ViewId(self.view.view_id + 1))
        self.owners |= {(service, self.view.view_id): ME for service in self.mine()}
        self.redistribute()

    def mine(self) -> frozenset[EntityId]:
        """What the view gives this node: nobody else tells of it under that view."""
        return distribute(self.view, ME, self.services.values(), incarnation=RUN).probed

    @rule(service=st.sampled_from(IDS), groups=st.sampled_from(GROUPS))
    def a_service(self, service: EntityId, groups: frozenset[str]) -> None:
        self.services[service] = placeable(service, "s", groups)
        self.redistribute()

    @rule(service=st.sampled_from(IDS))
    def a_service_goes(self, service: EntityId) -> None:
        if self.services.pop(service, None) is not None:
            self.redistribute()
            self.states.pop(service, None)  # an id never comes back: another service may take its place here
            self.owners = {key: owner for key, owner in self.owners.items() if key[0] != service}

    @rule(service=st.sampled_from(IDS), ahead=st.integers(-4, 3), owner=st.sampled_from(NODES))
    def a_state(self, service: EntityId, ahead: int, owner: NodeId) -> None:
        view_id = ViewId(max(0, self.view.view_id + ahead))
        last = LastState(view_id, self.owners.setdefault((service, view_id), owner))
        if last.owner == ME and view_id > self.view.view_id:
            return
        held = self.states.get(service)
        if held is not None and held.view_id > last.view_id:
            return
        self.states[service] = last
        if self.watches.needs(service, last.view_id):
            standing = self.watches.standings.get(service)
            by_head = self.watches.is_relieved_by(service, last.view_id)
            if by_head and standing is not None and standing.owner == last.owner:
                change = self.watches.relieve([service])
            else:
                change = self.watches.state_applied({service: last})
            self.step(change.started, change.stopped)
            assert not change.to_claim
        self.ask_twin(service)

    @invariant()
    def it_does_what_hand_over_says(self) -> None:
        for service in IDS:
            wanted = self.twin.get(service, RESTING)
            assert self.watches.duty(service) is wanted.duty, service
            assert self.watches.flag(service) == wanted.flag, service
        assert self.probing == self.watches.probed()

    @invariant()
    def what_is_unconfirmed_is_probed(self) -> None:
        assert self.watches.unconfirmed <= self.watches.probed()


History.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestHistory = History.TestCase
