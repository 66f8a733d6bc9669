"""Steps 5 and 6 at run time: the services of which this node is asked for a second opinion (U-8).

Rule: the record of a service says who is asked; who is asked probes it at once, beside its own services, until a record
asks no more. States are looked at only while some node says that it doubts itself, or while this one is asked: so
quiet times cost nothing, and 70,000 states of a takeover are not read for it. A heartbeat may be later than the first
records that ask; therefore the last ones are remembered, and looked at when it comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from schemas.identifiers import NO_VIEW, EntityId, NodeId, ViewId
from schemas.states import ServiceState
from streams.node.watches import Watches
from streams.ownership.handover import Duty

REMEMBERED = 4096
"""Of the last records so many are looked at again when a node begins to doubt itself."""

NOBODY: frozenset[NodeId] = frozenset()


@dataclass(frozen=True, slots=True)
class Asked:
    """What changed: probe these as well, and these no longer."""

    started: frozenset[EntityId]
    stopped: frozenset[EntityId]


NOTHING_ASKED = Asked(frozenset(), frozenset())


class Opinions:
    """The loop's thread."""

    def __init__(
        self,
        node: NodeId,
        watches: Watches,
        state_of: Callable[[EntityId], ServiceState | None],
        suspects: Callable[[], frozenset[NodeId]],
    ) -> None:
        self._node = node
        self._watches = watches
        self._state_of = state_of
        self._suspects_now = suspects
        self._suspects = NOBODY
        self._late: deque[EntityId] = deque(maxlen=REMEMBERED)
        self._asked: set[EntityId] = set()
        self._view_id = NO_VIEW

    def __contains__(self, service: object) -> bool:
        return service in self._asked

    def __len__(self) -> int:
        return len(self._asked)

    def view_of(self, service: EntityId) -> ViewId | None:
        """Under which view this node speaks of a service that it is asked of; None if it is not."""
        return self._view_id if service in self._asked else None

    def view_accepted(self, view_id: ViewId) -> Asked:
        """The next view is in force: what this node owns now it speaks of as owner."""
        self._view_id = view_id
        return self._change(list(self._asked))

    def states_applied(self, services: Iterable[EntityId]) -> Asked:
        """Records came in."""
        services = list(services)
        self._late.extend(services)
        if self._suspects or self._asked:
            return self._change(services)
        return NOTHING_ASKED

    def look_for_suspects(self) -> Asked:
        """A node may have begun to doubt itself: its records may have come before its heartbeat."""
        before, self._suspects = self._suspects, self._suspects_now()
        return self._change(set(self._late)) if self._suspects - before else NOTHING_ASKED

    def _change(self, services: Iterable[EntityId]) -> Asked:
        started: set[EntityId] = set()
        stopped: set[EntityId] = set()
        for service in services:
            was = service in self._asked
            if not was and not self._is_suspected(service):
                continue
            if self._is_asked(service) is not was:
                (stopped if was else started).add(service)
        self._asked = (self._asked | started) - stopped
        return Asked(frozenset(started), frozenset(stopped)) if started or stopped else NOTHING_ASKED

    def _is_suspected(self, service: EntityId) -> bool:
        standing = self._watches.standings.get(service)
        return standing is not None and standing.owner in self._suspects

    def _is_asked(self, service: EntityId) -> bool:
        """Whether the last record asks this node; an owner answers by its own results."""
        state = self._state_of(service)
        doubt = state.doubt if state is not None else None
        return doubt is not None and doubt.asked == self._node and self._watches.duty(service) is not Duty.OWN
