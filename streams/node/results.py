"""Step 6 of the flow at run time: what the engines report, and what this node claims, in batches to `probe-results`.

Rule: one batch a tick for each (partition, view), 10 ms apart, and only while the lease holds; what is not urgent waits
for company, or for something urgent of its partition. Where thousands of services turn at once ticks are further
apart: a record costs Kafka and the fold more than what stands in it, and 10,000 services that died kept two processors
busy with records of one report each. Reports are cumulative within a run, so the newest report of a binding's run
stands for the earlier ones that could not be sent. A result carries the view under which this node is owner (its flag),
which for an old owner is the view before. A batch says whether this node doubts itself; what it was asked to find out
for others (U-8) goes in batches of their own.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable

from structlog import get_logger

from connectors.kafka.producer import Delivery
from schemas.codec import encode
from schemas.identifiers import EntityId, Partition, ViewId, partition_of
from schemas.probes import Link, ProbeResults, ProbeRun, Resolution
from streams.faust_app.identity import NodeIdentity
from streams.tables.outbox import Sender

log = get_logger()

TICK_S = 0.010
AT_ONCE_S = 0.0
LAZY_S = 1.0
CALM_S = 5.0
"""A summary that changes nothing waits so long: in one second's summaries of 10,000 services each partition has one or
two, and a batch costs Kafka and the fold more than what stands in it."""
TAKEOVER_WAITS = 4
"""So many times LAZY_S longer what is not urgent waits while this node takes services over: it would make a record for
each partition, on every node, in the very second in which thousands of claims are folded."""
PAUSE_S = 0.00035
"""After a tick that sent n batches the next one waits for n * n times this,"""
LONGEST_TICK_S = 0.15
"""but no more than this."""
RUNS_PER_BATCH = 500
CLAIMS_PER_BATCH = 500
"""A claim makes a record: more in one batch would hold the fold's loop for longer than a tick of others bears."""
PENDING_RUNS = 200_000
"""Reports that wait while the lease does not hold; beyond it the oldest binding's are dropped and counted."""

Flag = Callable[[EntityId], ViewId | None]
LinkNews = Callable[[EntityId], Link | None]
ResolutionOf = Callable[[EntityId], Resolution | None]


def no_view(_service: EntityId) -> ViewId | None:
    """For a node that is asked for no opinion."""
    return None


def certain() -> bool:
    """For a node that never doubts itself."""
    return False


def at_once(_run: ProbeRun) -> float:
    """For reports that do not wait."""
    return AT_ONCE_S


def settled() -> bool:
    """For a node that never takes anything over."""
    return False


def no_link(_service: EntityId) -> Link | None:
    """For a node that learns nothing of links."""
    return None


def no_resolution(_service: EntityId) -> Resolution | None:
    """For a node without domain-based services."""
    return None


class ResultPublisher:
    """The loop's thread, but for delivery reports."""

    def __init__(
        self,
        identity: NodeIdentity,
        sender: Sender,
        topic: str,
        flag: Flag,
        may_send: Callable[[], bool],
        call_later: Callable[..., object],
        now_ms: Callable[[], int],
        resolution_of: ResolutionOf = no_resolution,
        opinion_view: Flag = no_view,
        suspect: Callable[[], bool] = certain,
        link_news: LinkNews = no_link,
        taking_over: Callable[[], bool] = settled,
    ) -> None:
        self._identity = identity
        self._sender = sender
        self._topic = topic
        self._flag = flag
        self._may_send = may_send
        self._call_later = call_later
        self._now_ms = now_ms
        self._resolution_of = resolution_of
        self._opinion_view = opinion_view
        self._suspect = suspect
        self._link_news = link_news
        self._taking_over = taking_over
        self._resolved: dict[EntityId, None] = {}
        self._runs: dict[Partition, dict[tuple[EntityId, EntityId, int], ProbeRun]] = defaultdict(dict)
        self._newest = 0
        self._stale: dict[EntityId, int] = {}
        """Services that were others' for a while: what was reported up to this number is of the time before."""
        self._urgent: set[Partition] = set()
        """Partitions with a run that waits no longer."""
        self._waiting: dict[float, set[Partition]] = {}
        """Partitions with runs that wait so many seconds for company, counted from the first of them."""
        self._next_tick_s = 0.0
        self._claims: dict[EntityId, None] = {}
        self._returned: deque[ProbeResults] = deque()
        self._scheduled = False
        self.dropped = 0
        self.batches = 0

    def report(self, runs: Iterable[ProbeRun], wait_s_of: Callable[[ProbeRun], float] = at_once) -> None:
        """Runs of bindings in the order of their reports; a later report of a run takes the earlier one's place.

        What decides nothing (the slow summary, a failure that others must follow) waits as many seconds as `wait_s_of`
        says, or until something urgent of its partition goes.
        """
        for run in runs:
            self._newest = max(self._newest, run.sequence)
            partition = partition_of(run.service_id)
            self._runs[partition][run.service_id, run.monitor_id, run.run] = run
            self._wait(partition, wait_s_of(run))
        self._drop_excess()
        if self._urgent:
            self._schedule()

    def forget(self, services: Iterable[EntityId]) -> None:
        """Others own these now. Should they come back, under the next view even, what waits here is old by then: a node
        that slept would tell what it found before, against what its successor has found since.
        """
        services = frozenset(services)
        self._stale.update(dict.fromkeys(services, self._newest))
        for runs in self._runs.values() if services else ():
            for key in [key for key in runs if key[0] in services]:
                del runs[key]

    def claim(self, services: Iterable[EntityId]) -> None:
        """Declare ownership of these services under the view of their flag (V-4)."""
        self._claims.update(dict.fromkeys(services))
        self._schedule()

    def resolved(self, services: Iterable[EntityId]) -> None:
        """What is held of these services' names has changed (D-3)."""
        self._resolved.update(dict.fromkeys(services))
        self._schedule()

    def _wait(self, partition: Partition, wait_s: float) -> None:
        if wait_s == AT_ONCE_S:
            self._urgent.add(partition)
        elif wait_s in self._waiting:
            self._waiting[wait_s].add(partition)
        else:
            self._waiting[wait_s] = {partition}
            self._call_later(wait_s, self._waited, wait_s, TAKEOVER_WAITS)

    def _waited(self, wait_s: float, more: int) -> None:
        if more and self._taking_over():
            self._call_later(LAZY_S, self._waited, wait_s, more - 1)
        else:
            self._urgent |= self._waiting.pop(wait_s)
            self._tick()

    def _tick(self) -> None:
        """Send what is urgent, and what else waits for the same partitions. Without the lease all goes on waiting; what
        is no longer this node's is forgotten.
        """
        self._scheduled = False
        self._take_back()
        if (self._urgent or self._claims or self._resolved) and self._may_send():
            before = self.batches
            self._send_all()
            pause_s = PAUSE_S * (self.batches - before) ** 2
            self._next_tick_s = time.monotonic() + min(LONGEST_TICK_S, pause_s)
        if self._urgent or self._claims or self._resolved or self._returned:
            self._schedule()

    def _send_all(self) -> None:
        partitions, self._urgent = self._urgent, set()
        claims, self._claims = self._claims, {}
        resolved, self._resolved = self._resolved, {}
        partitions |= {partition_of(service) for service in resolved}
        runs = [run for partition in partitions for run in self._runs.pop(partition, {}).values()]
        runs_by_batch: dict[tuple[Partition, ViewId], list[ProbeRun]] = defaultdict(list)
        claims_by_batch: dict[tuple[Partition, ViewId], list[EntityId]] = defaultdict(list)
        resolved_by_batch: dict[tuple[Partition, ViewId], list[EntityId]] = defaultdict(list)
        opinions_by_batch: dict[tuple[Partition, ViewId], list[ProbeRun]] = defaultdict(list)
        for run in runs:
            opinion_view = self._opinion_view(run.service_id)
            flag = self._flag(run.service_id)
            if opinion_view is not None:
                opinions_by_batch[(partition_of(run.service_id), opinion_view)].append(run)
            elif flag is not None:
                runs_by_batch[(partition_of(run.service_id), flag)].append(run)
        for service in claims:
            flag = self._flag(service)
            if flag is not None:
                claims_by_batch[(partition_of(service), flag)].append(service)
        for service in resolved:
            flag = self._flag(service)
            if flag is not None:
                resolved_by_batch[(partition_of(service), flag)].append(service)
        for (partition, view_id), batch in claims_by_batch.items():
            for start in range(0, len(batch), CLAIMS_PER_BATCH):
                self._send(partition, view_id, tuple(batch[start : start + CLAIMS_PER_BATCH]), ())
        for (partition, view_id), batch in resolved_by_batch.items():
            for start in range(0, len(batch), CLAIMS_PER_BATCH):
                self._send(partition, view_id, (), (), batch[start : start + CLAIMS_PER_BATCH])
        for (partition, view_id), some in runs_by_batch.items():
            for start in range(0, len(some), RUNS_PER_BATCH):
                self._send(partition, view_id, (), tuple(some[start : start + RUNS_PER_BATCH]))
        for (partition, view_id), some in opinions_by_batch.items():
            some.sort(key=lambda run: run.service_id)
            for start in range(0, len(some), RUNS_PER_BATCH):
                self._send(partition, view_id, (), tuple(some[start : start + RUNS_PER_BATCH]), opinion=True)

    def _send(
        self,
        partition: Partition,
        view_id: ViewId,
        claims: tuple[EntityId, ...],
        runs: tuple[ProbeRun, ...],
        resolved: Iterable[EntityId] = (),
        opinion: bool = False,
    ) -> None:
        identity = self._identity
        said = self._resolutions([*resolved, *(run.service_id for run in runs if run.ip_address)])
        batch = ProbeResults(
            identity.node_id,
            identity.incarnation,
            view_id,
            self._now_ms(),
            claims,
            runs,
            said,
            suspect=self._suspect(),
            opinion=opinion,
            links=() if opinion else self._links(runs),
        )

        def on_delivery(delivery: Delivery) -> None:
            if delivery.error is not None:
                self._returned.append(batch)

        if self._sender.send(self._topic, partition, identity.node_id.encode(), encode(batch), on_delivery):
            self.batches += 1
        else:
            self._returned.append(batch)

    def _resolutions(self, services: Iterable[EntityId]) -> tuple[Resolution, ...]:
        """What is held of these services' names now: a run can only be read beside it."""
        found = (self._resolution_of(service) for service in dict.fromkeys(services))
        return tuple([said for said in found if said is not None])

    def _links(self, runs: Iterable[ProbeRun]) -> tuple[Link, ...]:
        """What the records of these services do not show yet of their links (S-1)."""
        services = dict.fromkeys(run.service_id for run in runs)
        return tuple([link for service in services if (link := self._link_news(service)) is not None])

    def _take_back(self) -> None:
        """What was not delivered waits again, unless a newer report of the same run does, and in the order it was made.

        The fold takes a binding's reports by their sequence: an older run behind a newer one would count for nothing.
        """
        if not self._returned:
            return
        claims: dict[EntityId, None] = {}
        runs: list[ProbeRun] = []
        while self._returned:
            batch = self._returned.popleft()
            claims.update(dict.fromkeys(batch.claims))
            self._resolved.update({said.service_id: None for said in batch.resolutions})
            runs += [run for run in batch.runs if run.sequence > self._stale.get(run.service_id, -1)]
        self._claims = claims | self._claims
        waiting = [run for some in self._runs.values() for run in some.values()]
        self._runs.clear()
        for run in sorted([*runs, *waiting], key=lambda run: run.sequence):
            self._runs[partition_of(run.service_id)][run.service_id, run.monitor_id, run.run] = run
        self._urgent.update(partition_of(run.service_id) for run in runs)
        self._drop_excess()

    def _drop_excess(self) -> None:
        excess = sum(map(len, self._runs.values())) - PENDING_RUNS
        if excess <= 0:
            return
        self.dropped += excess
        oldest = sorted((run for some in self._runs.values() for run in some.values()), key=lambda run: run.sequence)
        for run in oldest[:excess]:
            del self._runs[partition_of(run.service_id)][run.service_id, run.monitor_id, run.run]

    def keep_house(self) -> None:
        """See to what came back undelivered while nothing else was to be sent."""
        if self._returned:
            self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._call_later(max(TICK_S, self._next_tick_s - time.monotonic()), self._tick)
