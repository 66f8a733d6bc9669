"""What the web views need of a node, and nothing else: the port between the node and step 9 of the flow.

Rule: every method answers from memory, at once, with values that do not change afterwards; all but `health` are called
on a worker thread, so they give copies and take no lock that the node's event loop waits for. Why a protocol and not
the node itself: the pages are tried without Kafka, and the layers say that the web stands below the node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.engine.ping_access import PingAccess
from connectors.engine.statistics import EngineStatistics
from connectors.probes.inline import Traffic
from connectors.replica.transitions import Step
from schemas.cluster import NodeStatus, Phase, ViewChange
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.inventory.entities import Entities
from schemas.inventory.services import MonitoredService
from schemas.probes import Reason
from schemas.processing import ServicePaths
from schemas.states import BindingVerdict, ServiceState, ServiceTransition
from streams.ownership.view import RefusalReason, View


@dataclass(frozen=True, slots=True)
class JudgedView:
    """A record of the `views` topic, and why it did not become the view; None: it did, and `offset` is its id."""

    offset: int
    change: ViewChange
    refused: RefusalReason | None


@dataclass(frozen=True, slots=True)
class KafkaContact:
    """`silent_s`: seconds since Kafka last answered a reader of this node; infinite before the first answer."""

    connected: bool
    silent_s: float
    fault: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """What a node knows of itself. `lease_age_s` None: none of its heartbeats has come back yet."""

    node_id: NodeId
    incarnation: str
    phase: Phase
    missing: tuple[str, ...]
    view_id: ViewId
    kafka: KafkaContact
    lease_held: bool
    lease_age_s: float | None
    states: int
    owned_services: int
    engines_configured: int
    engines: tuple[EngineStatistics, ...]
    """Those that live, by number."""
    tasks: EngineStatistics
    """The probes that run as tasks in the node's own process: DNS, FTP, scripts."""
    outbox_pending: int
    ping: PingAccess
    paths: Mapping[str, int]
    """Addresses that this node pings, by the state of its path."""
    diverged_partitions: tuple[int, ...] = ()
    """Those of `service-states` of which living nodes hold different states by the same records (U-5)."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told alerts: what waits now, and since the start what was taken, tried in vain, and refused."""

    name: str
    waiting: int
    told: int
    failed: int
    refused: int


@dataclass(frozen=True, slots=True)
class Counters:
    """Totals since the process started; they only grow."""

    fold_runs: int
    refused: Mapping[str, int]
    alerts: Mapping[str, int]
    """Reports and claims that the fold did not take, by reason."""
    silenced_alerts: int
    """Alerts that a DOWN of something further down explains, which has its own (M-20)."""
    quarantined: int
    stale_states: int
    group_restarts: int
    lease_expiries: int
    path_reports: int
    receivers: tuple[Receiver, ...] = ()


@dataclass(frozen=True, slots=True)
class InlineJudgement:
    """What this node alone was told of a passive monitor's traffic, and makes of it (A-3).

    `reason` and `detail` are of the last failures, OK if there were none; `told_at_ms` is None before the first time.
    """

    monitor_id: EntityId
    monitor_name: str
    type: str
    state: BindingVerdict = BindingVerdict.UNKNOWN
    successes: int = 0
    failures: int = 0
    reason: Reason = Reason.OK
    detail: str = ""
    told_at_ms: int | None = None


class Source(Protocol):
    """A node, as its web views see it."""

    def now_ms(self) -> int:
        """The wall clock, milliseconds since 1970."""

    def configured_services(self) -> Sequence[MonitoredService]:
        """Every configured service and group member, in no promised order."""

    def entities(self) -> Entities:
        """Everything that is configured, as of one revision."""

    def service(self, entity_id: EntityId) -> MonitoredService | None:
        """One of them; None if it is not configured."""

    def state_of(self, entity_id: EntityId) -> ServiceState | None:
        """The last state told of a service; None before the first."""

    def paths_of(self, entity_id: EntityId) -> ServicePaths:
        """Every node's path to a service as reported, and this node's own as it knows it."""

    def inline_of(self, entity_id: EntityId) -> Sequence[InlineJudgement]:
        """What this node was told of real traffic to a service; empty if nothing."""

    def tell_traffic(self, name: str, traffic: Traffic) -> int:
        """Tell the passive monitors of a service what came of real traffic; how many there are. On the event loop."""

    def steps_of(self, entity_id: EntityId) -> Sequence[Step]:
        """The last changes of state of a service, oldest first; the first only says what was before the second."""

    def steps_since_ms(self, entity_id: EntityId) -> int | None:
        """From when on `steps_of` has every change but those that newer ones pushed out; None: not known."""

    def transitions(self) -> Sequence[ServiceTransition]:
        """The last changes of state of all services, newest first."""

    def take_changed(self) -> set[EntityId]:
        """Services of which something is another since the last call; for one caller alone."""

    def complete(self) -> bool:
        """Whether what is known is the whole: configuration and states were once read to their ends."""

    def close(self) -> None:
        """The last call: whatever was begun for the pages alone ends."""

    def states_age_s(self) -> float:
        """Seconds since Kafka last answered the reader of states: how old the states may be. May be infinite."""

    def nodes(self) -> Sequence[NodeStatus]:
        """The last heartbeat of every node ever seen, in no promised order."""

    def held_view(self) -> View:
        """The view in force."""

    def partitions_of_nodes(self) -> Mapping[NodeId, int]:
        """How many partitions each node of the view in force has."""

    def views(self) -> Sequence[JudgedView]:
        """Every record of the `views` topic, in offset order."""

    def health(self) -> Health:
        """The node itself. Called on the event loop too, so it only reads attributes."""

    def counters(self) -> Counters:
        """The node's totals."""


def hosts_in(source: Source, node_groups: frozenset[str]) -> frozenset[NodeId]:
    """The nodes of the view in force that have what these groups have."""
    return frozenset(member.node for member in source.held_view().members if member.hosts(node_groups))
