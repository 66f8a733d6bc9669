"""A node's knowledge made by hand, for pages that are tried without Kafka: what a test says, and sound for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.engine.ping_access import PingAccess
from connectors.engine.statistics import EngineStatistics
from connectors.probes.inline import Traffic
from connectors.replica.transitions import Step
from schemas.cluster import NodeStatus, Phase, ViewChange, ViewMember
from schemas.config import Kind
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.inventory.entities import Entities
from schemas.inventory.services import MonitorBinding, MonitoredService
from schemas.processing import NO_PATHS, ServicePaths
from schemas.states import ServiceState, ServiceTransition
from streams.ownership.view import Member, RefusalReason, View
from streams.web.source import Counters, Health, InlineJudgement, JudgedView, KafkaContact

NOW_MS = 1_790_000_100_000
B0, B1 = NodeId("b0"), NodeId("b1")


def service(entity_id: str, name: str, bindings: tuple[MonitorBinding, ...] = ()) -> MonitoredService:
    """A configured service at 10.0.0.9:8080."""
    return MonitoredService(
        entity_id=EntityId(entity_id),
        kind=Kind.SERVICE,
        name=name,
        ip="10.0.0.9",
        port=8080,
        enabled=True,
        threshold=0,
        health_monitor=True,
        path_monitor=False,
        path_monitor_individual=True,
        internal=False,
        node_groups=(),
        bindings=bindings,
    )


def monitor(monitor_id: str, name: str) -> MonitorBinding:
    """An HTTP monitor, with a header that nobody else may see."""
    settings = {"custom_headers": "Authorization: Bearer hidden"}
    return MonitorBinding(EntityId(monitor_id), name, "HTTP", 30, True, True, settings, {})


def status(node: NodeId, phase: Phase = Phase.SERVING) -> NodeStatus:
    """A heartbeat of 250 ms ago."""
    return NodeStatus(
        node_id=node,
        incarnation=f"{node}-run",
        phase=phase,
        node_groups=(),
        engines=1,
        web_url=None,
        view_id=ViewId(5),
        applied={"views": (6,)},
        missing=(),
        beat=9,
        started_at_ms=NOW_MS - 60_000,
        sent_at_ms=NOW_MS - 250,
        version="0.1.0",
    )


def engine(number: int, probes: int = 1_000, lag_ms: int = 7) -> EngineStatistics:
    """An engine that runs."""
    return EngineStatistics(number, 4_000 + number, 10, 5, probes, 0, 0, 0, lag_ms, 0, 120)


def healthy() -> Health:
    """A node that serves with current knowledge."""
    return Health(
        node_id=B0,
        incarnation="b0-run",
        phase=Phase.SERVING,
        missing=(),
        view_id=ViewId(5),
        kafka=KafkaContact(True, 0.2, None),
        lease_held=True,
        lease_age_s=0.3,
        states=2,
        owned_services=1,
        engines_configured=2,
        engines=(engine(0), engine(1)),
        tasks=engine(-1, probes=70),
        outbox_pending=3,
        ping=PingAccess.RAW_SOCKET,
        paths={"UP": 2, "DOWN": 1, "UNKNOWN": 0},
    )


def judged(offset: int, prev_view: int, refused: RefusalReason | None = None) -> JudgedView:
    """A record of `views` with b0 alone."""
    members = (ViewMember(B0, "b0-run", ()),)
    return JudgedView(offset, ViewChange(ViewId(prev_view), offset, members, B0, NOW_MS - 1_000), refused)


@dataclass
class FakeSource:
    """Implements `streams.web.source.Source` from plain values; `asked` notes whose state was asked for."""

    services: Sequence[MonitoredService] = ()
    states: Mapping[str, ServiceState] = field(default_factory=dict)
    age_s: float = 0.25
    statuses: Sequence[NodeStatus] = ()
    log: Sequence[JudgedView] = ()
    known: Health = field(default_factory=healthy)
    totals: Counters = field(
        default_factory=lambda: Counters(40, {"DUPLICATE": 2}, {"RESPONSE_SLOW": 3}, 6, 1, 0, 0, 0, path_reports=6)
    )
    asked: list[str] = field(default_factory=list)
    configured: Entities = field(default_factory=Entities)
    judged: Mapping[EntityId, Sequence[InlineJudgement]] = field(default_factory=dict)
    traffic: list[tuple[str, Traffic]] = field(default_factory=list)
    """What was told of whose traffic."""
    steps: Mapping[str, Sequence[Step]] = field(default_factory=dict)
    history: Sequence[ServiceTransition] = ()
    changed: set[EntityId] = field(default_factory=set)
    whole: bool = True
    since_ms: int | None = 0
    closed: bool = False
    paths: Mapping[EntityId, ServicePaths] = field(default_factory=dict)
    nodes_in_view: tuple[NodeId, ...] = (B0,)

    def now_ms(self) -> int:
        return NOW_MS

    def configured_services(self) -> Sequence[MonitoredService]:
        return list(self.services)

    def entities(self) -> Entities:
        return self.configured

    def service(self, entity_id: EntityId) -> MonitoredService | None:
        return next((each for each in self.services if each.entity_id == entity_id), None)

    def steps_of(self, entity_id: EntityId) -> Sequence[Step]:
        return self.steps.get(entity_id, ())

    def steps_since_ms(self, entity_id: EntityId) -> int | None:
        return self.since_ms

    def transitions(self) -> Sequence[ServiceTransition]:
        return self.history

    def take_changed(self) -> set[EntityId]:
        taken, self.changed = self.changed, set()
        return taken

    def complete(self) -> bool:
        return self.whole

    def close(self) -> None:
        self.closed = True

    def state_of(self, entity_id: EntityId) -> ServiceState | None:
        self.asked.append(entity_id)
        return self.states.get(entity_id)

    def paths_of(self, entity_id: EntityId) -> ServicePaths:
        return self.paths.get(entity_id, NO_PATHS)

    def inline_of(self, entity_id: EntityId) -> Sequence[InlineJudgement]:
        return self.judged.get(entity_id, ())

    def tell_traffic(self, name: str, traffic: Traffic) -> int:
        self.traffic.append((name, traffic))
        return sum(service.name == name and bool(service.bindings) for service in self.services)

    def states_age_s(self) -> float:
        return self.age_s

    def nodes(self) -> Sequence[NodeStatus]:
        return self.statuses

    def held_view(self) -> View:
        return View(ViewId(5), 2, tuple(Member(node, f"{node}-run") for node in self.nodes_in_view), B0)

    def partitions_of_nodes(self) -> Mapping[NodeId, int]:
        return {B0: 64}

    def views(self) -> Sequence[JudgedView]:
        return self.log

    def health(self) -> Health:
        return self.known

    def counters(self) -> Counters:
        return self.totals
