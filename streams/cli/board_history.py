"""What happened lately in a cluster, kept for the board and for `watch`: steps of every service, and events as lines.

Rule: it is told by the replicas' threads and read by the one that draws, under a lock; everything in it has a limit,
and the oldest goes first. An event is a change of state, of owner, of a node's phase, or a new view; a record that
only moved a response time is none.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence

from connectors.replica.states import Change
from schemas.cluster import NodeStatus, Phase
from schemas.identifiers import EntityId, NodeId
from schemas.reason_words import reason_text
from schemas.states import ServiceState
from streams.cli.board_snapshot import EventLine, Step
from streams.cli.show_words import STYLES
from streams.ownership.view import View

STEPS = 120
"""Changes of state kept for a service."""
EVENTS = 200


class History:
    """Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps: dict[EntityId, deque[Step]] = {}
        self._events: deque[EventLine] = deque(maxlen=EVENTS)
        self._phases: dict[NodeId, Phase] = {}
        self.told = 0
        """Events ever told, so that a reader knows which are new to it."""

    def begin(self, states: Iterable[ServiceState]) -> None:
        """The states as they stand when the history begins."""
        with self._lock:
            for state in states:
                self._step(state)

    def changed(self, changes: Sequence[Change]) -> None:
        """States changed."""
        with self._lock:
            for change in changes:
                if change.after is not None:
                    self._step(change.after)
                event = event_of(change)
                if event is not None:
                    self._tell(event)

    def view(self, view: View, at_ms: int) -> None:
        """A view came into force."""
        leaves = f"{', '.join(view.leaving)} leaves; " if view.leaving else ""
        text = f"{', '.join(view.staying) or 'nobody'} serve; {leaves}proposed by {view.proposer}"
        with self._lock:
            self._tell(EventLine(at_ms, f"view {view.view_id}", text, "cyan"))

    def node(self, status: NodeStatus) -> None:
        """A heartbeat: an event if its phase is another one."""
        with self._lock:
            if self._phases.get(status.node_id) is not status.phase:
                self._phases[status.node_id] = status.phase
                what = f"{status.phase.value} under view {status.view_id}"
                self._tell(EventLine(status.sent_at_ms, f"node {status.node_id}", what, "cyan"))

    def act(self, at_ms: int, subject: str, text: str) -> None:
        """Somebody did something."""
        with self._lock:
            self._tell(EventLine(at_ms, subject, text, "magenta"))

    def steps(self, service: EntityId) -> tuple[Step, ...]:
        """Changes of state of a service, oldest first."""
        with self._lock:
            return tuple(self._steps.get(service, ()))

    def events(self, newest: int = EVENTS) -> tuple[EventLine, ...]:
        """The last events, oldest first."""
        with self._lock:
            return tuple(self._events)[-newest:] if newest > 0 else ()

    def _step(self, state: ServiceState) -> None:
        steps = self._steps.setdefault(state.entity_id, deque(maxlen=STEPS))
        if not steps or steps[-1][1] is not state.state:
            steps.append((state.changed_at_ms, state.state))

    def _tell(self, event: EventLine) -> None:
        self._events.append(event)
        self.told += 1


def event_of(change: Change) -> EventLine | None:
    """A change as an event; None for one that no person waits for."""
    before, after = change.before, change.after
    if after is None:
        return EventLine(before.updated_at_ms, before.name, "removed", "dim") if before is not None else None
    if before is None or before.state is not after.state:
        was = before.state.value if before is not None else "new"
        text = f"{was} -> {after.state.value} ({after.owner}) {reason_text(after)}"
        return EventLine(after.updated_at_ms, after.name, text, STYLES[after.state])
    if before.owner != after.owner:
        text = f"owner {before.owner} -> {after.owner} under view {after.view_id}, {after.state.value}"
        return EventLine(after.updated_at_ms, after.name, text, "cyan")
    return None
