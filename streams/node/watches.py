"""Steps 4 and 5 of the flow at run time: which services this node watches, and since which view.

Rule: `distribute` says what the view gives this node, `hand_over` says when an old owner may stop; this keeps the duty
of each service and tells what changed: engines to start and stop, services to claim. Only services that this node owns
or still holds are kept, so that a state that comes in costs one look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from schemas.identifiers import NO_VIEW, EntityId, NodeId, ViewId
from streams.ownership.distribution import (
    Distribution,
    Placeable,
    Role,
    Standing,
    distribute,
)
from streams.ownership.handover import RESTING, Duty, LastState, Watch, hand_over
from streams.ownership.view import EMPTY_VIEW, View

LastStateOf = Callable[[EntityId], LastState | None]


@dataclass(frozen=True, slots=True)
class Change:
    """What a step changed for this node: probe these, stop those, declare ownership of these."""

    started: frozenset[EntityId]
    stopped: frozenset[EntityId]
    to_claim: frozenset[EntityId]


NO_CHANGE = Change(frozenset(), frozenset(), frozenset())
LOST = (Role.NOT_OWNER, Role.OUTSIDE_VIEW)
"""Roles in which another owns what this node did, and it probes on until that one is heard."""
CLAIMED = (Role.OWNER, Role.STANDALONE)
"""Roles in which a node declares its ownership to all: an internal service is nobody else's business."""


class Watches:
    """The duties of one node. All methods: one thread."""

    def __init__(self, node: NodeId, incarnation: str, last_state: LastStateOf, clustering: bool = True) -> None:
        self._node = node
        self._incarnation = incarnation
        self._clustering = clustering
        self._last_state = last_state
        self._view = EMPTY_VIEW
        self._distribution: Distribution = distribute(EMPTY_VIEW, node, ())
        self._watches: dict[EntityId, Watch] = {}
        self._heard: ViewId = NO_VIEW
        """The latest view that a state spoke of: the states can be ahead of the views."""
        self._moved_within: frozenset[EntityId] = frozenset()
        """Got from another owner within the view held, by a change of configuration: states of it may be that one's."""
        self.unconfirmed: set[EntityId] = set()
        """Claimed, and no state that names this node as owner has come back yet."""

    def flag(self, service: EntityId) -> ViewId | None:
        """The view under which this node probes the service, None if it does not."""
        watch = self._watches.get(service)
        return None if watch is None else watch.flag

    def duty(self, service: EntityId) -> Duty:
        """What this node does for the service."""
        return self._watches.get(service, RESTING).duty

    @property
    def owned_services(self) -> frozenset[EntityId]:
        """Those that this node owns by the view it holds."""
        return self._distribution.probed

    @property
    def standings(self) -> Mapping[EntityId, Standing]:
        """Every service's standing under the view held."""
        return self._distribution.standings

    def owned(self) -> int:
        """Services that this node owns by the view it holds."""
        return len(self._distribution.probed)

    def held(self) -> int:
        """Services that are another's by the view, and that this node probes until the other is heard."""
        return sum(1 for watch in self._watches.values() if watch.duty is Duty.HOLD)

    def probed(self) -> frozenset[EntityId]:
        """Every service that this node probes now."""
        return frozenset(self._watches)

    def unrelieved(self) -> Iterator[EntityId]:
        """Services that this node owns, or holds until their owner by the view is heard; those that nobody else hosts
        are not among them once this node owns nothing.
        """
        standings = self._distribution.standings
        for service, watch in self._watches.items():
            standing = standings.get(service)
            if watch.flag is not None and standing is not None and standing.owner is not None:
                yield service

    def redistribute(self, view: View, services: Iterable[Placeable], replaced: bool = False) -> Change:
        """A new view, or services that came, went or changed (O-5).

        `replaced`: this node was silent, and the others went on without it. They wait for nobody, so it holds nothing.
        """
        before, self._distribution = (
            self._distribution,
            self._distribute(view, services),
        )
        self._view = view
        gained = self._distribution.probed - before.probed
        same_view, moved_within = view.view_id == before.view_id, self._moved_within
        self._moved_within = (self._moved_within | (gained & before.standings.keys())) if same_view else frozenset()
        affected = (
            (self._distribution.probed | set(self._watches))
            if not same_view
            else (gained | (set(self._watches) - self._distribution.probed))
        )
        if not (same_view or replaced):
            affected = self._hold_own(affected, before.view_id, moved_within)
        started, stopped = self._reconsider(affected, replaced=replaced)
        standings = self._distribution.standings
        claimable = frozenset(service for service in gained if standings[service].role in CLAIMED)
        self.unconfirmed = (self.unconfirmed | claimable) & self._watches.keys()
        return Change(started, stopped, claimable & self._watches.keys())

    def _distribute(self, view: View, services: Iterable[Placeable]) -> Distribution:
        """With clustering off all is this node's from its first view on; before that no fold would take its word."""
        off = not self._clustering and view.member(self._node) is not None
        return distribute(view, self._node, services, incarnation=self._incarnation, clustering=not off)

    def state_applied(self, states: Mapping[EntityId, LastState]) -> Change:
        """New states of services that this node watches; those of others cost a look-up and nothing more."""
        known = [service for service in states if service in self._watches]
        for service in known:
            last = states[service]
            flag = self._watches[service].flag
            if last.owner == self._node and flag is not None and last.view_id >= flag:
                self.unconfirmed.discard(service)
        started, stopped = self._reconsider(known, states)
        self.unconfirmed -= stopped
        return Change(started, stopped, frozenset())

    def needs(self, service: EntityId, view_id: ViewId) -> bool:
        """Whether a state of this view could change this node's duty now: it need not be looked at if not.

        Ask it of every state that comes in: it notes how far the states are ahead of the views.
        """
        self._heard = max(self._heard, view_id)
        watch = self._watches.get(service)
        if watch is None:
            return False
        if view_id == watch.flag and watch.duty is Duty.OWN and service not in self._moved_within:
            self.unconfirmed.discard(service)  # under the view of this node's flag a state is this node's own
        return watch.duty is Duty.HOLD or service in self.unconfirmed or view_id > self._view.view_id

    def is_relieved_by(self, service: EntityId, view_id: ViewId) -> bool:
        """Whether a state relieves this node, by its head alone: it is of the view held, so the owner of that view
        wrote it. One that owned under this very view may have written it itself: then the head alone says nothing.
        """
        watch = self._watches.get(service)
        if watch is None or watch.duty is not Duty.HOLD or watch.flag == view_id or view_id != self._view.view_id:
            return False
        standing = self._distribution.standings.get(service)
        return standing is not None and standing.role in LOST and standing.owner not in (None, self._node)

    def relieve(self, services: Iterable[EntityId]) -> Change:
        """These services' new owners were heard: this node stops. What `state_applied` says of such states."""
        stopped = frozenset([service for service in services if self._watches.pop(service, None) is not None])
        self.unconfirmed -= stopped
        return Change(frozenset(), stopped, frozenset())

    def _hold_own(
        self, services: frozenset[EntityId], left: ViewId, moved_within: frozenset[EntityId]
    ) -> frozenset[EntityId]:
        """Hold what was this node's under the view just left, and is another's now; the services that are left.

        The last state of each is this node's own, since one of a later view would have relieved it: it need not be
        looked up.
        """
        standings, owned, held = self._distribution.standings, Watch(Duty.OWN, left), Watch(Duty.HOLD, left)
        lost = [
            service
            for service, watch in self._watches.items()
            if watch == owned
            and service not in moved_within
            and (standing := standings.get(service)) is not None
            and standing.role in LOST
        ]
        self._watches.update(dict.fromkeys(lost, held))
        return services - set(lost)

    def _reconsider(
        self,
        services: Iterable[EntityId],
        states: Mapping[EntityId, LastState] | None = None,
        replaced: bool = False,
    ) -> tuple[frozenset[EntityId], frozenset[EntityId]]:
        started: list[EntityId] = []
        stopped: list[EntityId] = []
        watches, standings, view_id = self._watches, self._distribution.standings, self._view.view_id
        at_once = states is None and self._heard <= view_id
        owning = Watch(Duty.OWN, view_id)
        for service in services:
            standing = standings.get(service)
            if at_once and standing is not None and standing.role in CLAIMED:
                if service not in watches:
                    started.append(service)
                watches[service] = owning  # what hand_over says; the state need not be looked up
                continue
            watch = watches.get(service, RESTING)
            after = self._after(service, RESTING if replaced else watch, standing, states)
            if after.duty is Duty.REST:
                if watches.pop(service, None) is not None:
                    stopped.append(service)
                continue
            watches[service] = after
            if watch.duty is Duty.REST:
                started.append(service)
        return frozenset(started), frozenset(stopped)

    def _after(
        self, service: EntityId, watch: Watch, standing: Standing | None, states: Mapping[EntityId, LastState] | None
    ) -> Watch:
        if standing is None:
            return RESTING
        last = states[service] if states is not None else self._last_state(service)
        return hand_over(watch, self._node, standing, self._view.view_id, last)
