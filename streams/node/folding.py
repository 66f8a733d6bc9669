"""Steps 2 and 7 of the flow at run time: the two agents of this node, and the Faust app that brings them their records.

Rule: folds and agents outlive an app; when Faust ends and starts again, the same folds go on after the next assignment.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache, partial
from typing import Any, Protocol

from structlog import get_logger

from connectors.kafka.producer import OwnProducer
from connectors.kafka.settings import KafkaAccess
from schemas.codec import peek_order
from schemas.dependencies import dependencies, down_roots
from schemas.identifiers import EntityId, NodeId, Partition, ViewId, command_of, is_entity_id
from schemas.precedence import supersedes
from schemas.topics import CONFIG_COMMANDS, CONFIG_ENTITIES, CONFIG_RESULTS
from streams.agents.config_agent import ConfigAgent
from streams.agents.config_recovery import recover
from streams.agents.fold_agent import FoldAgent
from streams.agents.folds import Folds
from streams.agents.quarantine import Quarantine
from streams.faust_app.app import AppSettings, assert_ours, build, commands_topic, results_topic, state_table
from streams.faust_app.identity import NodeIdentity
from streams.folding.events import Source
from streams.node.alerting import Alerting
from streams.node.group import Assignment
from streams.node.leader import Leader
from streams.node.lease import Lease
from streams.node.monitoring import Monitoring
from streams.node.path_folding import PathFolding
from streams.node.replicas import Replicas
from streams.node.settings import NodeSettings
from streams.node.views import Views
from streams.ownership.owner import OwnerKind, owner_of_kind, seating, second_of_kind
from streams.ownership.view import View, went_on_without
from streams.tables.outbox import Outbox

log = get_logger()

SWEEP_EVERY = 300
"""Housekeeping rounds between two looks for states whose service is gone."""
REPAIR_EVERY = 10
"""Rounds between two looks for configuration records that count for nothing and stand last."""
CACHED_OWNERS = 16_384


class Host(Protocol):
    """The node, as its agents see it."""

    settings: NodeSettings
    identity: NodeIdentity
    access: KafkaAccess
    lease: Lease
    views: Views
    monitoring: Monitoring
    replicas: Replicas
    outbox: Outbox
    quarantine: Quarantine
    leader: Leader
    bulk: OwnProducer
    revision: int
    loop: asyncio.AbstractEventLoop

    @property
    def our_partitions(self) -> frozenset[Partition]: ...

    @property
    def handing_over(self) -> bool: ...

    def now_ms(self) -> int: ...

    def suspects(self) -> frozenset[NodeId]: ...


class Folding:
    """The loop's thread."""

    def __init__(self, host: Host) -> None:
        self._host = host
        settings = host.settings
        inventory = host.monitoring.inventory
        states, bitmap = host.replicas.states, host.replicas.paths
        self.paths = PathFolding(inventory, bitmap, states.state_of, host.lease.holds, host.loop.call_later)
        self.folds = Folds(
            host.outbox,
            inventory.config_of,
            self._owner_of,
            host.now_ms,
            self._second_of,
            self.paths.reach_of,
            self._roots_of,
            host.views.of_one_folder,
        )
        self.paths.folds = self.folds
        self.alerting = Alerting(host, self.folds, self._roots_of)
        self.fold_agent = FoldAgent(self.folds, host.views.reach, host.lease.holds, host.quarantine)
        self.config_agent = ConfigAgent(
            host.bulk,
            settings.topic(CONFIG_ENTITIES),
            settings.topic(CONFIG_RESULTS),
            partial(
                recover,
                host.access,
                settings.topic(CONFIG_COMMANDS),
                settings.topic(CONFIG_ENTITIES),
                settings.topic(CONFIG_RESULTS),
            ),
            host.lease.holds,
            host.quarantine,
        )
        self._owner_of_kind = lru_cache(maxsize=CACHED_OWNERS)(self._work_out_owner)
        self._second_of_kind = lru_cache(maxsize=CACHED_OWNERS)(self._work_out_second)
        self._rounds = 0
        self._awaited: Assignment | None = None
        self.generation: int | None = None
        """The group's, of the assignment that holds; None: nothing is ours."""
        self._store: Any = None

    def build_app(self) -> Any:
        """A fresh Faust app with both agents attached and our parts asserted to be in use."""
        host, settings = self._host, self._host.settings
        app_settings = AppSettings(
            settings.bootstrap,
            settings.cluster,
            settings.session_timeout_s,
            settings.group_heartbeat_s,
            host.access.security,
        )
        app = build(app_settings, host.identity, host.replicas.states, host.outbox, host.leader.led, host.lease)
        table = state_table(app, settings.cluster)
        self._store = table.data
        self.folds.use_table(table, table.data.state)
        self.fold_agent.attach(app, results_topic(app, settings.cluster))
        self.config_agent.attach(app, commands_topic(app, settings.cluster))
        app.finalize()
        assert_ours(app, table)
        return app

    def awaits(self, assignment: Assignment) -> None:
        """These partitions are ours, and are folded from `assigned` on; batches that come before wait."""
        self._awaited, self.generation = assignment, assignment.generation
        self.folds.revoked()
        self.fold_agent.awaited, self.fold_agent.between = assignment.results, False
        self.config_agent.assigned(assignment.commands)

    def assigned(self, assignment: Assignment, waited_s: float) -> None:
        """The replica has caught up: fold. What waits for others' partitions is theirs to tell."""
        if self._awaited is not assignment:
            return
        self.fold_agent.awaited = frozenset()
        dropped = self._host.outbox.drop_except(assignment.results)
        self._store.forget_except(assignment.results)
        self.paths.taken_over()
        self.folds.assigned(assignment.results, self._host.monitoring.inventory.timed)
        log.info(
            "assigned",
            generation=assignment.generation,
            partitions=len(assignment.results),
            commands=assignment.commands,
            dropped=dropped,
            waited_s=round(waited_s, 3),
        )

    def revoked(self) -> None:
        """Nothing is ours until the next assignment."""
        self._awaited = self.generation = None
        self.fold_agent.awaited, self.fold_agent.between = frozenset(), True
        self.folds.revoked()
        self.config_agent.revoked()

    def view_accepted(self, view: View) -> None:
        """Stop where the group went on without us: what was folded since would go out when the partition comes back."""
        identity, generation = self._host.identity, self.generation
        if generation is not None and went_on_without(view, identity.node_id, identity.incarnation, generation):
            dropped = self._host.outbox.drop_except(())
            self._store.forget_except(())  # else what was dropped would pass for told when the partition comes back
            log.warning("replaced while away: the folds are others'", view=view.view_id, dropped=dropped)
            self.revoked()

    def configured(self, services: frozenset[EntityId], source: Source) -> None:
        """Services were added, changed or removed."""
        self.folds.configured(services, source)

    def is_superseded(self, service: EntityId, state: bytes | None) -> bool:
        """Whether the log holds the like of a state, or a later one (S-10). A tombstone can be told twice."""
        held = self._host.replicas.states.order(service)
        return state is not None and held is not None and not supersedes(peek_order(state), held)

    def keep_house(self) -> None:
        """Read repair, and now and then a look for states whose service is gone."""
        self._rounds += 1
        if not self._host.handing_over:  # after a takeover, not in the middle of one
            self.folds.make_up()
            self.folds.let_go()
        if self._host.lease.holds():
            self.folds.pass_time()
        self.paths.keep_house(busy=self._host.handing_over)
        stale = self._host.replicas.states.unrepaired()
        if stale:
            self.folds.repair([late.entity_id for late in stale if not late.is_fork and self._is_read(late.entity_id)])
            self.folds.settle_forks(late for late in stale if late.is_fork)
        if self._rounds % REPAIR_EVERY == 0:
            self.config_agent.repair(self._host.replicas.control.repairs())
        if self._rounds % SWEEP_EVERY == 0 and self._host.replicas.control.ready:
            services = self._host.monitoring.inventory.services
            unknown = [service for service in self._host.replicas.states if service not in services]
            self.folds.remove_unconfigured([service for service in unknown if self._is_read(service)])
            self._host.monitoring.paths.forget_removed(self.folds.partitions, self._is_read)

    def _is_read(self, service: EntityId) -> bool:
        """Whether the command that added the service was read here: if not, it is new, not gone. No id: none did."""
        return not is_entity_id(service) or command_of(service) <= self._host.revision

    def _roots_of(self, service_id: EntityId) -> tuple[EntityId, ...]:
        needed = partial(dependencies, self._host.monitoring.inventory.entities)
        return down_roots(service_id, needed, self._host.replicas.states.state_of)

    def _owner_of(self, service_id: EntityId, view_id: ViewId) -> NodeId | None:
        known = self._host.monitoring.inventory.placeables.get(service_id)
        if known is None:
            return None
        return self._owner_of_kind(view_id, known.kind)

    def _second_of(self, service_id: EntityId, view_id: ViewId) -> NodeId | None:
        """Who gives a second opinion of the service: nobody that says now that it doubts itself."""
        known = self._host.monitoring.inventory.placeables.get(service_id)
        return None if known is None else self._second_of_kind(view_id, known.kind, self._host.suspects())

    def _work_out_owner(self, view_id: ViewId, kind: OwnerKind) -> NodeId | None:
        view = self._host.views.kept(view_id)
        return None if view is None else owner_of_kind(kind, seating(view), view)

    def _work_out_second(self, view_id: ViewId, kind: OwnerKind, unfit: frozenset[NodeId]) -> NodeId | None:
        view = self._host.views.kept(view_id)
        return None if view is None else second_of_kind(kind, seating(view), view, unfit)
