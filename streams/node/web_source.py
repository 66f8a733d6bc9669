"""Step 9 of the flow at run time: the node as its web views see it.

Rule: reads what the node holds, never changes it, never asks Kafka. Methods but `health` are called on the web's
thread while the loop and the readers go on: each takes one copy (a dictionary's copy is one step in CPython) or one
attribute, and works on that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from connectors.engine.pool import EnginePool
from connectors.probes.inline import Traffic
from schemas.cluster import NodeStatus, Phase
from schemas.identifiers import EntityId, NodeId
from schemas.inventory.entities import Entities
from schemas.inventory.services import MonitoredService
from schemas.states import ServiceState
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

    def now_ms(self) -> int: ...


class NodeSource:
    """Implements `streams.web.source.Source`."""

    def __init__(self, node: Observed) -> None:
        self._node = node
        self._judged: list[JudgedView] = []
        self._held = EMPTY_VIEW

    def now_ms(self) -> int:
        """The wall clock."""
        return self._node.now_ms()

    def configured_services(self) -> Sequence[MonitoredService]:
        """Every service of the inventory."""
        return list(self._node.monitoring.inventory.services.values())

    def entities(self) -> Entities:
        return self._node.monitoring.inventory.entities

    def state_of(self, entity_id: EntityId) -> ServiceState | None:
        """What the owner told; of an internal service, what this node found."""
        return self._node.monitoring.state_of(entity_id)

    def inline_of(self, entity_id: EntityId) -> Sequence[InlineJudgement]:
        """From memory: nobody else is told of it."""
        return self._node.monitoring.inline.judgements(entity_id)

    def tell_traffic(self, name: str, traffic: Traffic) -> int:
        """To the monitors of this node."""
        service_id = self._node.monitoring.inline.service_named(name)
        return 0 if service_id is None else self._node.monitoring.inline.told(service_id, traffic)

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
            owned_services=node.monitoring.watches.owned(),
            engines_configured=node.settings.engines,
            engines=tuple(statistics for _, statistics in sorted(node.engines.statistics.copy().items())),
            tasks=node.engines.tasks.statistics,
            outbox_pending=len(node.outbox),
        )

    def counters(self) -> Counters:
        """The node's totals."""
        node = self._node
        return Counters(
            fold_runs=node.folding.folds.folded_runs,
            refused={reason.value: count for reason, count in node.folding.folds.refused.copy().items()},
            alerts={kind.value: count for kind, count in node.folding.folds.alerts.copy().items()},
            quarantined=node.quarantine.count,
            stale_states=node.replicas.states.rejected,
            group_restarts=node.group.restarts,
            lease_expiries=node.lease.expiries,
        )

    def _contact(self) -> KafkaContact:
        """Of the reader that has waited longest."""
        replicas = self._node.replicas
        fault = replicas.control.fault or replicas.states.fault
        silent_s = max(replicas.control.age_s(), replicas.states.age_s())
        return KafkaContact(replicas.connected(), silent_s, None if fault is None else fault.message)
