"""Step 6 of the flow for paths: what this node says of its own paths, to `path-reports` (P-8, P-9, P-12).

Rule: one record per service and node, the newest; sent only under the lease and as a member of the view held, again
when it was not delivered, and a tombstone when the node no longer pings for the service. What the log has already is
not sent again. A path may be that of 70,000 services: they go a few hundred a tick, so that the loop goes on turning,
and until they have gone the node serves by what it knows itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from connectors.kafka.producer import Delivery
from connectors.replica.paths import report_key
from schemas.codec import encode
from schemas.identifiers import EntityId, NodeId, ViewId, partition_of
from schemas.probes import PathReport, PathState
from streams.tables.outbox import Sender

TICK_S = 0.010
REPORTS_PER_TICK = 300
"""About 5 ms of the loop."""


class PathReports:
    """The loop's thread, but for delivery reports. UNKNOWN stands for a tombstone: nothing is reported."""

    def __init__(
        self,
        node: NodeId,
        sender: Sender,
        topic: str,
        may_send: Callable[[], bool],
        call_later: Callable[..., object],
        now_ms: Callable[[], int],
    ) -> None:
        self._node = node
        self._sender = sender
        self._topic = topic
        self._may_send = may_send
        self._call_later = call_later
        self._now_ms = now_ms
        self._told: dict[EntityId, PathState] = {}
        """What the log has, or is on its way there."""
        self._pending: dict[EntityId, PathState] = {}
        self._returned: deque[tuple[EntityId, PathState]] = deque()
        self._scheduled = False
        self.view_id: ViewId | None = None
        """The view held, if this node is in it; None: nothing is sent."""
        self.sent = 0

    def __len__(self) -> int:
        return len(self._pending)

    def begin(self, told: Mapping[EntityId, PathState]) -> None:
        """What the log has of this node, from a life before."""
        self._told = dict(told)

    def put(self, services: Iterable[EntityId], state: PathState) -> None:
        """The path to these services is this one now."""
        self._pending.update(dict.fromkeys(services, state))
        self._schedule()

    def read_back(self, service: EntityId, state: PathState) -> None:
        """The log says this of our path: where that is not what we said last, we say it again (a woken zombie's)."""
        if self._told.get(service, PathState.UNKNOWN) is not state and service not in self._pending:
            self._pending[service] = self._told.get(service, PathState.UNKNOWN)
            self._told[service] = state
            self._schedule()

    def flush(self) -> None:
        """Send some of what waits."""
        self._scheduled = False
        self._take_back()
        if self.view_id is not None and self._may_send():
            for service in list(islice(self._pending, REPORTS_PER_TICK)):
                if not self._send(service, self._pending[service], self.view_id):
                    break
                del self._pending[service]
        if self._pending:
            self._schedule()

    def withdraw(self, service: EntityId, node: NodeId) -> None:
        """A tombstone for another node's report of a service that is gone; the next look sends a lost one again."""
        if self.view_id is not None and self._may_send():
            self._sender.send(self._topic, partition_of(service), report_key(service, node), None)

    def keep_house(self) -> None:
        """See to what came back undelivered while nothing else was to be sent."""
        if self._returned:
            self._schedule()

    def _send(self, service: EntityId, state: PathState, view_id: ViewId) -> bool:
        """Whether it is on its way; what the log has already is."""
        if self._told.get(service, PathState.UNKNOWN) is state:
            return True

        def on_delivery(delivery: Delivery) -> None:
            if delivery.error is not None:
                self._returned.append((service, state))

        gone = state is PathState.UNKNOWN
        value = None if gone else encode(PathReport(service, self._node, state, view_id, self._now_ms()))
        partition, key = partition_of(service), report_key(service, self._node)
        if not self._sender.send(self._topic, partition, key, value, on_delivery):
            return False
        if gone:
            del self._told[service]
        else:
            self._told[service] = state
        self.sent += 1
        return True

    def _take_back(self) -> None:
        """What was not delivered is not known to be in the log, and waits again unless a newer one does.

        It may have arrived all the same, so it is told again whatever the log is thought to have.
        """
        while self._returned:
            service, state = self._returned.popleft()
            if self._told.get(service, PathState.UNKNOWN) is state:
                self._told[service] = _other(state)
                self._pending.setdefault(service, state)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._call_later(TICK_S, self.flush)


def _other(state: PathState) -> PathState:
    """Any state but this one."""
    return PathState.DOWN if state is not PathState.DOWN else PathState.UP
