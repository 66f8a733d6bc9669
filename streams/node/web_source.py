"""Step 9 of the flow at run time: the node as its web views see it.

Rule: reads what the node holds, never changes it, never asks Kafka. Methods but `health` are called on the web's
thread while the loop and the readers go on: each takes one copy (a dictionary's copy is one step in CPython) or one
attribute, and works on that. What only pages want (the changes of the last hours) is read from when a page is first
asked for it: a node whose pages nobody opens does not pay.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from connectors.engine.ping_access import ping_access
from connectors.engine.pool import EnginePool
from connectors.kafka.settings import KafkaAccess
from connectors.probes.inline import Traffic
from connectors.replica.states import Applied
from connectors.replica.transitions import Step, TransitionReplica
from schemas.cluster import NodeStatus, Phase
from schemas.identifiers import EntityId, NodeId
from schemas.inventory.entities import Entities
from schemas.inventory.services import MonitoredService
from schemas.processing import ServicePaths
from schemas.states import ServiceState, ServiceTransition
from streams.agents.quarantine import Quarantine
from streams.faust_app.identity import NodeIdentity
from streams.node.folding import Folding
from streams.node.group import GroupMembership
from streams.node.lease import Lease
from streams.node.monitoring import Monitoring
from streams.node.replicas import Replicas
from streams.node.settings import NodeSettings
from streams.node.views import Views
from streams.ownership.view import EMPTY_VIEW, View, accept, proposed_view
from streams.tables.outbox import Outbox
from streams.web.source import Counters, Health, InlineJudgement, JudgedView, KafkaContact

MOST_NOTED = 200_000
"""Changed services that nobody took: then nobody looks, and they are forgotten."""


class Observed(Protocol):
    """The node, as far as its web views show it."""

    settings: NodeSettings
    identity: NodeIdentity
    phase: Phase
    missing: tuple[str, ...]
    lease: Lease
    views: Views
    monitoring: Monitoring
    replicas: Replicas
    engines: EnginePool
    folding: Folding
    outbox: Outbox
    quarantine: Quarantine
    group: GroupMembership
    access: KafkaAccess

    def now_ms(self) -> int: ...


class NodeSource:
    """Implements `streams.web.source.Source`."""

    def __init__(self, node: Observed) -> None:
        self._node = node
        self._judged: list[JudgedView] = []
        self._held = EMPTY_VIEW
        self._changed: set[EntityId] = set()
        self._internal: dict[EntityId, ServiceState | None] = {}
        self._opening, self._noting = threading.Lock(), threading.Lock()
        self._transitions: TransitionReplica | None = None
        self._closed = False
        self._noticing = False

    def now_ms(self) -> int:
        """The wall clock."""
        return self._node.now_ms()

    def configured_services(self) -> Sequence[MonitoredService]:
        """Every service of the inventory."""
        return list(self._node.monitoring.inventory.services.values())

    def entities(self) -> Entities:
        """The inventory's snapshot."""
        return self._node.monitoring.inventory.entities

    def service(self, entity_id: EntityId) -> MonitoredService | None:
        """Of the inventory."""
        return self._node.monitoring.inventory.services.get(entity_id)

    def state_of(self, entity_id: EntityId) -> ServiceState | None:
        """What the owner told; of an internal service, what this node found."""
        return self._node.monitoring.state_of(entity_id)

    def paths_of(self, entity_id: EntityId) -> ServicePaths:
        """From the path replica, with what this node has not reported yet."""
        paths, own = self._node.replicas.paths.paths(entity_id), self._node.settings.node_id
        return paths.with_path(own, self._node.monitoring.paths.path_of(entity_id))

    def inline_of(self, entity_id: EntityId) -> Sequence[InlineJudgement]:
        """From memory: nobody else is told of it."""
        return self._node.monitoring.inline.judgements(entity_id)

    def tell_traffic(self, name: str, traffic: Traffic) -> int:
        """To the monitors of this node."""
        service_id = self._node.monitoring.inline.service_named(name)
        return 0 if service_id is None else self._node.monitoring.inline.told(service_id, traffic)

    def steps_of(self, entity_id: EntityId) -> Sequence[Step]:
        """From the transition replica."""
        transitions = self._opened()
        return () if transitions is None else transitions.steps(entity_id)

    def steps_since_ms(self, entity_id: EntityId) -> int | None:
        """From the transition replica."""
        transitions = self._opened()
        return None if transitions is None else transitions.known_since_ms(entity_id)

    def transitions(self) -> Sequence[ServiceTransition]:
        """From the transition replica."""
        transitions = self._opened()
        return () if transitions is None else transitions.recent()

    def take_changed(self) -> set[EntityId]:
        """What was noted since the last call; the first one begins it. Of internal services nobody tells: looked at."""
        if not self._noticing:
            self._noticing = True
            self._node.replicas.states.on_applied(self._applied)
            self._node.monitoring.on_configured.append(self._touched)
        with self._noting:
            taken, self._changed = self._changed, set()
        before, self._internal = self._internal, self._node.monitoring.internal.states()
        return taken | {each for each, state in self._internal.items() if before.get(each) is not state}

    def complete(self) -> bool:
        """Both replicas that a node waits for before it joins."""
        return self._node.replicas.control.ready and self._node.replicas.states.ready

    def close(self) -> None:
        """Stops reading transitions."""
        with self._opening:
            self._closed = True
            if self._transitions is not None:
                self._transitions.close()

    def states_age_s(self) -> float:
        """Of the state replica."""
        return self._node.replicas.states.age_s()

    def nodes(self) -> Sequence[NodeStatus]:
        """From the control replica."""
        return list(self._node.replicas.control.nodes().values())

    def held_view(self) -> View:
        """The node's."""
        return self._node.views.held

    def partitions_of_nodes(self) -> Mapping[NodeId, int]:
        """By the placement of the view held."""
        return self._node.views.balance()

    def views(self) -> Sequence[JudgedView]:
        """Each record judged once, by the rule that every node judges by; called on one thread."""
        for offset, change in self._node.replicas.control.views()[len(self._judged) :]:
            outcome = accept(self._held, proposed_view(change), offset)
            if isinstance(outcome, View):
                self._held = outcome
                self._judged.append(JudgedView(offset, change, None))
            else:
                self._judged.append(JudgedView(offset, change, outcome.reason))
        return self._judged.copy()

    def health(self) -> Health:
        """The node's own facts of this moment."""
        node = self._node
        return Health(
            node_id=node.settings.node_id,
            incarnation=node.identity.incarnation,
            phase=node.phase,
            missing=node.missing,
            view_id=node.views.held.view_id,
            kafka=self._contact(),
            lease_held=node.lease.holds(),
            lease_age_s=node.lease.age_s(),
            states=len(node.replicas.states),
            diverged_partitions=tuple(one.partition for one in node.replicas.convergence.disagreements()),
            owned_services=node.monitoring.watches.owned(),
            engines_configured=node.settings.engines,
            engines=tuple(statistics for _, statistics in sorted(node.engines.statistics.copy().items())),
            tasks=node.engines.tasks.statistics,
            outbox_pending=len(node.outbox),
            ping=ping_access(),
            paths=node.monitoring.paths.counts(),
        )

    def counters(self) -> Counters:
        """The node's totals."""
        node = self._node
        return Counters(
            fold_runs=node.folding.folds.folded_runs,
            refused={reason.value: count for reason, count in node.folding.folds.refused.copy().items()},
            alerts={kind.value: count for kind, count in node.folding.folds.alerts.copy().items()},
            silenced_alerts=node.folding.folds.silenced,
            quarantined=node.quarantine.count,
            stale_states=node.replicas.states.rejected,
            group_restarts=node.group.restarts,
            lease_expiries=node.lease.expiries,
            path_reports=node.monitoring.paths.reports.sent,
            receivers=node.folding.alerting.figures(),
        )

    def _opened(self) -> TransitionReplica | None:
        """The transition replica, begun when it is first wanted; None at the end of the node."""
        with self._opening:
            if self._transitions is None and not self._closed:
                settings = self._node.settings
                self._transitions = TransitionReplica(
                    settings.bootstrap, settings.cluster, access=self._node.access, on_steps=self._touched
                )
            return self._transitions

    def _applied(self, changes: Sequence[Applied]) -> None:
        self._touched(change.entity_id for change in changes)

    def _touched(self, services: Iterable[EntityId]) -> None:
        with self._noting:  # held elsewhere only to take the set away
            if len(self._changed) > MOST_NOTED:
                self._changed.clear()
            self._changed.update(services)

    def _contact(self) -> KafkaContact:
        """Of the reader that has waited longest."""
        replicas = self._node.replicas
        fault = next((each.fault for each in replicas.all() if each.fault is not None), None)
        silent_s = max(each.age_s() for each in replicas.all())
        return KafkaContact(replicas.connected(), silent_s, None if fault is None else fault.message)
