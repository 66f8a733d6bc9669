"""A node, put together: the nine steps of the flow on one event loop, and the order of its start and its end.

Rule: replay first, then join (V-9): a node that would own services before it knows their states would tell old ones. At
the end the reverse, make before break (T5): give the services away, probe on until every one is another's, then leave
the group and stop. Records come in on the replicas' threads and are handed to the loop; only the lease and the
heartbeat live beside it.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from structlog import get_logger

from connectors.engine.pool import EnginePool
from connectors.inline.haproxy import HaproxyReader
from connectors.kafka.faults import LogFault
from connectors.kafka.places import Place
from connectors.kafka.producer import OwnProducer
from connectors.replica.base import default_access
from connectors.replica.path_table import PathChange
from connectors.replica.states import Applied
from connectors.resolver.lookup import DnsLookup
from connectors.resolver.resolver import Resolver
from schemas.cluster import NodeStatus, Phase
from schemas.codec import encode
from schemas.identifiers import EntityId, NodeId, Partition
from schemas.inventory.entities import Change as EntityChange
from schemas.topics import CONFIG_COMMANDS, NODES, PROBE_RESULTS, QUARANTINE, SERVICE_STATES, SERVICE_TRANSITIONS, VIEWS
from streams.agents.quarantine import Quarantine
from streams.faust_app.app import group_name
from streams.faust_app.identity import NodeIdentity
from streams.folding.events import Source
from streams.node.domains import Domains
from streams.node.folding import Folding
from streams.node.garbage import Garbage
from streams.node.group import Assignment, GroupMembership
from streams.node.heartbeat import Heartbeat
from streams.node.joining import replay
from streams.node.leader import Leader, Wanted
from streams.node.lease import Lease
from streams.node.lease_keeper import LeaseKeeper
from streams.node.monitoring import Monitoring
from streams.node.parting import LEAVE_DEADLINE_S, Farewell, has_successor, others_in, probe_on, settled
from streams.node.paths import make_paths
from streams.node.refusals import LogLost, MayNotServe, NotAlone
from streams.node.replicas import Replicas
from streams.node.results import ResultPublisher
from streams.node.settings import NodeSettings
from streams.node.stall import StallWatch
from streams.node.status import status_of
from streams.node.stuck import StuckProducers
from streams.node.twins import NodeIdTaken, must_yield
from streams.node.views import Views
from streams.node.web_server import serve_web
from streams.node.web_source import NodeSource
from streams.ownership.placement import place
from streams.ownership.view import View
from streams.tables.outbox import Outbox

log = get_logger()

HOUSEKEEPING_S = 0.1
SWITCH_S = 0.0005
"""How long a thread may keep the interpreter while another waits: at Python's 5 ms the loop, which gives it up at every
socket, waits 5 ms each time while a reader decodes a batch; of a takeover of 10,000 services that was half.
"""
TAKEOVER_S = 3.0
"""From an assignment or a view on, a takeover may be under way: of this node's claims or of those that it folds."""
PROPOSE_AGAIN_ROUNDS = 10
STUCK_EVERY_ROUNDS = 10


def now_ms() -> int:
    """Wall clock, for people and for records; no decision rests on it."""
    return time.time_ns() // 1_000_000


class Node:
    """One node. `run` returns when `stopping` is set and everything is handed over."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self.started_at_ms = now_ms()
        incarnation = f"{self.started_at_ms:013x}-{secrets.token_hex(3)}"
        self.identity = NodeIdentity(settings.node_id, incarnation, settings.hosted_groups)
        self.phase = Phase.JOINING
        self.missing: tuple[str, ...] = ("replay",)
        self.revision = -1
        self.stopping = asyncio.Event()
        self._refused: MayNotServe | None = None
        self._web: Any = None
        self._settling: asyncio.Task[None] | None = None
        self.our_partitions: frozenset[Partition] = frozenset()
        """Those that the view held gives this run of this node: it writes states of no other."""
        self._rounds = 0
        self._moved_s = 0.0
        self.lease = Lease(settings.lease_s)
        self.garbage = Garbage()
        self.views = Views()
        self.loop = asyncio.get_running_loop()
        self._make_producers()
        self.heartbeat = Heartbeat(
            self.pulse, settings.topic(NODES), settings.heartbeat_period_s, self.lease, partial(status_of, self)
        )
        self.replicas = Replicas(self, self.loop, self.quarantine)
        self.engines = EnginePool(
            settings.engines,
            lambda reports: self.monitoring.reported(reports),
            self._engine_lost,
            targets=settings.targets,
            scripts=settings.scripts,
        )
        self.monitoring: Monitoring = Monitoring(
            self.identity,
            self.replicas.states,
            self.engines,
            self.replicas.suspects,
            self.heartbeat.beat_now,
            settings.clustering,
        )
        self.resolver = Resolver(DnsLookup(settings.resolvers), lambda *spoken: self.monitoring.domains.told(*spoken))
        self.monitoring.domains = Domains(
            self.monitoring.inventory,
            self.engines,
            self.monitoring.state_of,
            self.resolver,
            self.monitoring.resolved,
            settings.targets.refusal,
            now_ms,
        )
        self.monitoring.paths = make_paths(self, self.monitoring.inventory)
        self.monitoring.publisher = self.publisher = self._make_publisher()
        self.folding = Folding(self)
        self.leader = Leader(self._propose)
        self.farewell = Farewell(self.identity.member, self._propose)
        self.lease_keeper = LeaseKeeper(self)
        self.group = GroupMembership(
            self.folding.build_app,
            settings.topic(PROBE_RESULTS),
            settings.topic(CONFIG_COMMANDS),
            self._assigned,
            self._let_go,
        )
        self.views.on_accepted.append(self._view_accepted)
        self.stall_watch = StallWatch(self.access, group_name(settings.cluster), self._watched, self._stalled)

    def _make_producers(self) -> None:
        settings = self.settings
        access = default_access(settings.bootstrap, f"watchbill-{settings.node_id}")
        timeout_ms = int(settings.delivery_timeout_s * 1000)
        self.access = access
        kernel_ms = int(settings.kernel_timeout_s * 1000)
        self.bulk = OwnProducer(access, delivery_timeout_ms=timeout_ms, kernel_timeout_ms=kernel_ms)
        self.sss = OwnProducer(access, delivery_timeout_ms=timeout_ms, kernel_timeout_ms=kernel_ms)
        self.pulse = OwnProducer(access, delivery_timeout_ms=timeout_ms, kernel_timeout_ms=kernel_ms)
        """For heartbeats alone: behind thousands of results they would come too late, and the lease would end."""
        self.stuck = StuckProducers((self.sss, self.bulk, self.pulse))
        self.quarantine = Quarantine(self.bulk, settings.topic(QUARANTINE), settings.node_id, now_ms)
        self.outbox = Outbox(
            self.sss,
            settings.topic(SERVICE_STATES),
            settings.topic(SERVICE_TRANSITIONS),
            self.lease.holds,
            self.loop.call_later,
            lambda partition: partition in self.our_partitions and partition in self.folding.folds.partitions,
            lambda service, state: self.folding.is_superseded(service, state),
        )

    def _make_publisher(self) -> ResultPublisher:
        return ResultPublisher(
            self.identity,
            self.bulk,
            self.settings.topic(PROBE_RESULTS),
            self.monitoring.watches.flag,
            self.lease.holds,
            self.loop.call_later,
            now_ms,
            self.monitoring.domains.resolution_of,
            self.monitoring.opinions.view_of,
            self.monitoring.own_health.suspect,
            self.monitoring.links.news_of,
            taking_over=lambda: self.handing_over,
        )

    def suspects(self) -> frozenset[NodeId]:
        """Nodes that say they doubt themselves, this one too."""
        own = {self.settings.node_id} if self.monitoring.own_health.said else set()
        return self.replicas.suspects() | own

    def now_ms(self) -> int:
        """Wall clock in milliseconds, for records and people."""
        return now_ms()

    async def run(self) -> None:
        """Replay, join, work until `stopping` is set, hand over, leave. Raises MayNotServe, or NotReady on a fault."""
        sys.setswitchinterval(SWITCH_S)
        turning: asyncio.Task[None] | None = None
        try:
            self._web = await serve_web(self.settings, NodeSource(self))
            await replay(self)
            if not self.stopping.is_set():
                await self.engines.start()
                self.group.join()
                await self._work()
                turning = asyncio.create_task(self._keep_turning(), name="turning")
                await self._hand_over()
        finally:
            await self._end()
            if turning is not None:
                turning.cancel()
        if self._refused is not None:
            raise self._refused

    def twin_heard(self, twin: NodeStatus) -> None:
        """Another run of this node id beats beside ours, on the loop."""
        if self._refused is None and must_yield(twin, self.identity, self.views.held):
            self._refuse(NodeIdTaken(twin))

    def _refuse(self, why: MayNotServe) -> None:
        log.critical("may not serve: ending", why=str(why))
        self._refused = why
        self.stopping.set()

    def log_lost(self, fault: LogFault) -> None:
        """A topic is no longer the one it was, on the loop: what this node knows is not what stands there."""
        if self._refused is None:
            self._refuse(LogLost(fault))

    async def _work(self) -> None:
        watching = [asyncio.create_task(each) for each in (self.stall_watch.run(), *self.folding.alerting.runs())]
        if self.settings.haproxy_stats is not None:
            inline = self.monitoring.inline
            reader = HaproxyReader(self.settings.haproxy_stats, inline.addresses, inline.told)
            watching.append(asyncio.create_task(reader.run()))
        await self._keep_house_until(asyncio.create_task(self.stopping.wait()))
        await self._give_away()
        for task in watching:
            task.cancel()

    async def _keep_house_until(self, over: asyncio.Task[Any]) -> None:
        while not over.done():
            self._keep_house()
            await asyncio.wait({over}, timeout=HOUSEKEEPING_S)

    def _keep_house(self) -> None:
        """What no event brings: undelivered records, unconfirmed claims, stale records behind ours."""
        self.heartbeat.loop_turned()
        self._rounds += 1
        self.lease_keeper.look()
        if self._rounds % STUCK_EVERY_ROUNDS == 0:
            self.stuck.look(self.replicas.answers())
        if self._rounds % PROPOSE_AGAIN_ROUNDS == 0:
            self.leader.again(self.views.held)
            self.farewell.again(self.views.held)
        stock = len(self.replicas.states) + len(self.monitoring.inventory.services) + len(self.folding.folds)
        self.garbage.keep_house(stock, self.folding.folds.folded_runs, self.handing_over)
        self.outbox.flush()
        self.publisher.keep_house()
        self.monitoring.paths.reports.keep_house()
        self.folding.keep_house()
        self.monitoring.keep_house(self.loop.time())

    async def _give_away(self) -> None:
        """T5: be nobody's owner, and probe on until each service's new owner has been heard. All else goes on."""
        self.phase = Phase.LEAVING
        self.heartbeat.beat_now()
        if self._refused is not None or not self.has_successor:
            return
        self.farewell.begin(self.views.held)
        given = asyncio.create_task(probe_on(self), name="giving away")
        await self._keep_house_until(given)
        log.info("given away", untaken=given.result())

    async def _hand_over(self) -> None:
        """Leave the group, and probe on until each service's new owner has been heard, should one be left (T5)."""
        self.leader.resigned()
        await self._let_go()
        await self.group.leave(LEAVE_DEADLINE_S)
        self.outbox.drop_except(())
        log.info("handed over", left_without_owner=await probe_on(self))

    @property
    def handing_over(self) -> bool:
        """Whether services change hands, here or between others, whom what is done now would keep waiting."""
        moving = self.phase is Phase.LEAVING or bool(self.monitoring.watches.unconfirmed)
        return moving or self.loop.time() - self._moved_s < TAKEOVER_S

    def unrelieved(self) -> Iterator[EntityId]:
        """What this node probes until another is heard."""
        return self.monitoring.watches.unrelieved()

    @property
    def has_successor(self) -> bool:
        """Whether another member of the view may take over."""
        return has_successor(self.views.held, self.settings.node_id, self.replicas.control.nodes())

    async def _keep_turning(self) -> None:
        """While the node ends, the watchdog still watches the loop, and not how long an end takes."""
        while True:
            self.heartbeat.loop_turned()
            await asyncio.sleep(HOUSEKEEPING_S)

    async def _end(self) -> None:
        await self.engines.stop()
        await self.resolver.close()
        if self._web is not None:
            await self._web.stop()
        self.phase = Phase.LEFT
        await asyncio.to_thread(self.heartbeat.stop, say_so=not isinstance(self._refused, NodeIdTaken))
        for producer in (self.sss, self.bulk, self.pulse):
            await asyncio.to_thread(producer.close, 2.0)
        await asyncio.to_thread(self.replicas.close)

    async def _assigned(self, assignment: Assignment) -> None:
        """The group gave this node partitions. Returns at once: a member that dwells here has no heartbeat."""
        self.stall_watch.assigned()
        self._moved_s = self.loop.time()
        self.folding.awaits(assignment)
        self.leader.assigned(assignment.generation, self.views.held)
        self._settling = asyncio.create_task(self._settle(assignment), name="settle")

    async def _settle(self, assignment: Assignment) -> None:
        """The folds begin once the replica has what was written before."""
        started = self.loop.time()
        try:
            await asyncio.to_thread(self.replicas.catch_up, assignment.results)
        finally:
            self.folding.assigned(assignment, self.loop.time() - started)

    async def _let_go(self) -> None:
        """Fold no more; who goes on with the partitions is to find what was folded in the log."""
        self.outbox.flush()
        self.folding.revoked()
        await settled(self.sss.waiting, self.lease.holds, self.settings.kernel_timeout_s)

    def _view_accepted(self, view: View) -> None:
        self._moved_s = self.loop.time()
        inside = view.member(self.settings.node_id)
        mine = inside is not None and inside.incarnation == self.identity.incarnation
        others = others_in(view, self.settings.node_id)
        if others and mine and not self.settings.clustering:
            self._refuse(NotAlone(self.settings.node_id, others))
        self.our_partitions = frozenset(place(view.nodes).partitions_of(self.settings.node_id) if mine else ())
        if self.phase in (Phase.JOINING, Phase.SERVING):
            self.phase, self.missing = (Phase.SERVING, ()) if mine else (Phase.JOINING, ("view",))
        self.folding.view_accepted(view)
        self.monitoring.view_accepted(view, replaced=not (mine or self.lease.holds()))
        self.folding.paths.view_accepted(view)
        self.heartbeat.beat_now()

    def view_read(self, offset: int, change: Any) -> None:
        """One record of `views`, on the loop."""
        self.views.read(offset, change)
        self.leader.reconsider(self.views.held)
        self.farewell.reconsider(self.views.held)

    def entities_read(self, changes: Sequence[EntityChange], revision: int) -> None:
        """The entities of one or more whole commands, on the loop."""
        self.revision = revision
        change = self.monitoring.configured(changes)
        self.folding.configured(change.services, Source(self.settings.topic(CONFIG_COMMANDS), 0, revision))

    def states_applied(self, changes: Sequence[Applied]) -> None:
        """States came in, on the loop."""
        self.monitoring.states_applied(changes)

    def paths_read(self, changes: Sequence[PathChange]) -> None:
        """Reports of paths came in, on the loop."""
        self.monitoring.paths.read_back(changes)
        self.folding.paths.changed(change.service for change in changes)

    def _propose(self, wanted: Wanted) -> None:
        if not self.lease.holds():
            log.warning("no lease, no proposal yet", generation=wanted.generation)
            return
        change = self.views.proposal(wanted.members, wanted.generation, self.settings.node_id, now_ms())
        self.bulk.send(self.settings.topic(VIEWS), 0, None, encode(change))

    def _watched(self) -> list[Place]:
        """Partitions that Faust must be reading now: not one whose record is in hand."""
        settings = self.settings
        if not (self.lease.holds() and self.replicas.connected()):
            return []
        agent = self.folding.config_agent
        commands = [Place(settings.topic(CONFIG_COMMANDS), 0)] if agent.serving and not agent.in_hand else []
        return commands + [Place(settings.topic(PROBE_RESULTS), number) for number in self.folding.folds.partitions]

    def _stalled(self, places: list[Place]) -> None:
        log.error("starting the Faust app anew", stalled=len(places))
        self.group.restart()

    def _engine_lost(self, engine: int, why: str) -> None:
        log.warning("engine lost", engine=engine, why=why)
