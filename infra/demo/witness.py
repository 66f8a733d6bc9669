"""What the demo sees of the cluster: every change of a state, and whether the nodes and states agree on the owners.

Rule: it looks through the same replicas as any consumer, and decides owners with the same pure functions as any node,
so what the demo claims can be checked by everyone. A wait always has a deadline, and says what it waited for. Why
changes with the time they were seen: detection and failover are measured to the moment a consumer knows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from connectors.replica.control import ControlReplica
from connectors.replica.states import Change, StateReplica
from infra.cluster.nodes import NotInTime
from schemas.cluster import NodeStatus, Phase, ViewChange
from schemas.identifiers import EntityId, NodeId
from schemas.states import ServiceState
from streams.ownership.owner import owner
from streams.ownership.view import EMPTY_VIEW, View, accept, proposed_view

LOOK_AGAIN_S = 0.05
"""Longest time between two looks: what nodes and processes do wakes nobody."""
REMEMBERED = 10_000
"""Changes kept; at more, the oldest half goes."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A change of a service's state, and when it was seen (monotonic seconds)."""

    at_s: float
    change: Change


class Witness:
    """Reads a cluster's states and control topics until closed. Methods may be called from any thread."""

    def __init__(self, bootstrap: str, cluster: str) -> None:
        self._woken = threading.Condition()
        self._seen: list[Seen] = []
        self._view = EMPTY_VIEW
        self.on_view: Callable[[View, int], None] = lambda _, __: None
        self.on_node: Callable[[NodeStatus], None] = lambda _: None
        """Told of each view that comes into force (and when it was proposed), and of each heartbeat."""
        self.states = StateReplica(bootstrap, cluster, client_id="watchbill-demo")
        self.control = ControlReplica(
            bootstrap, cluster, client_id="watchbill-demo", on_view=self._view_read, on_node=self._node_read
        )

    def wait_ready(self, deadline_s: float) -> None:
        """Until everything written so far is read. Raises NotReady."""
        self.control.wait_ready(deadline_s)
        self.states.wait_ready(deadline_s)
        self.states.on_change(self._changed)

    def close(self) -> None:
        """Stops reading."""
        self.states.close()
        self.control.close()

    @property
    def view(self) -> View:
        """The view in force."""
        return self._view

    def services(self) -> list[ServiceState]:
        """Every state, by name."""
        return sorted(self.states.values(), key=lambda state: state.name)

    def elected(self, service: EntityId) -> NodeId | None:
        """The owner that the view in force gives a service that every node hosts."""
        return owner(service, None, self._view)

    def owned_by(self, node: NodeId) -> dict[EntityId, ServiceState]:
        """The services whose last state names this node as owner."""
        return {state.entity_id: state for state in self.states.values() if state.owner == node}

    def serving(self) -> dict[NodeId, NodeStatus]:
        """Members of the view in force that say of themselves that they serve in it, in the very run it names."""
        view = self._view
        statuses = self.control.nodes()
        found = {member.node: statuses.get(member.node) for member in view.members}
        return {
            member.node: status
            for member in view.members
            if (status := found[member.node]) is not None
            and (status.incarnation, status.phase) == (member.incarnation, Phase.SERVING)
            and status.view_id == view.view_id
        }

    def seen_since(self, at_s: float) -> list[Seen]:
        """Changes seen since a moment, oldest first."""
        with self._woken:
            return list(self._since(at_s))[::-1]

    def wait(self, condition: Callable[[], bool], deadline_s: float, what: Callable[[], str]) -> float:
        """Waits until the condition holds; the seconds it took. Raises NotInTime, which tells `what` was awaited."""
        started_s = time.monotonic()
        with self._woken:
            while not condition():
                if time.monotonic() - started_s > deadline_s:
                    raise NotInTime(f"not within {deadline_s:g} s: {what()}")
                self._woken.wait(LOOK_AGAIN_S)
        return time.monotonic() - started_s

    def _since(self, at_s: float) -> Iterator[Seen]:
        for seen in reversed(self._seen):
            if seen.at_s < at_s:
                break
            yield seen

    def _changed(self, changes: Sequence[Change]) -> None:
        now_s = time.monotonic()
        with self._woken:
            if len(self._seen) > REMEMBERED:
                del self._seen[: REMEMBERED // 2]
            self._seen.extend(Seen(now_s, change) for change in changes)
            self._woken.notify_all()

    def _view_read(self, offset: int, change: ViewChange) -> None:
        outcome = accept(self._view, proposed_view(change), offset)
        if isinstance(outcome, View):
            self._view = outcome
            self.on_view(outcome, change.proposed_at_ms)

    def _node_read(self, _: NodeId, status: NodeStatus | None) -> None:
        if status is not None:
            self.on_node(status)
