"""A small cluster as `show` would have read it: two nodes, three services, two views and a lost race."""

from __future__ import annotations

from schemas.cluster import NodeStatus, Phase, ViewChange, ViewMember
from schemas.config import BoundTo, ConfigEntity, Kind
from schemas.identifiers import EntityId, NodeId, ViewId, partition_of
from schemas.inventory.entities import Entities
from schemas.probes import PathState, Reason, Verdict
from schemas.states import BindingState, BindingVerdict, Cause, CauseKind, ServiceState, State
from schemas.topics import CONFIG_ENTITIES, NODES, SERVICE_STATES, VIEWS
from streams.cli.show_read import Knowledge, decided

NOW_MS = 1_700_000_000_000
WEB, API, NEW = EntityId("1-0"), EntityId("1-1"), EntityId("1-2")
HTTP = EntityId("0-0")


def binding(verdict: Verdict = Verdict.UP, reason: Reason = Reason.OK, detail: str = "") -> BindingState:
    """The http monitor after six probes, of which the last two failed."""
    held = BindingVerdict.UP if verdict is Verdict.UP else BindingVerdict.DOWN
    return BindingState(HTTP, held, b"\x03", 6, 9, 2, 2, verdict, reason, detail, 700, NOW_MS - 500)


def state(now: State = State.UP, owner: str = "b0", entity_id: EntityId = WEB, name: str = "web") -> ServiceState:
    """A state of view 4."""
    failing = binding(Verdict.DOWN, Reason.REFUSED, "connect to 10.0.0.1:80: refused")
    return ServiceState(
        view_id=ViewId(4),
        sequence=8,
        entity_id=entity_id,
        name=name,
        state=now,
        owner=NodeId(owner),
        incarnation="run-1",
        ip_address="10.0.0.1",
        port=80,
        ttl_s=None,
        layer_two=None,
        mss=None,
        path_state=PathState.UNKNOWN,
        response_time_us=700 if now is State.UP else None,
        load=None,
        up_weight=1 if now is State.UP else 0,
        threshold=0,
        cause=Cause(CauseKind.PROBE, "http: refused (3 of 3 probes failed)", "c.probe-results", 5, 77),
        changed_at_ms=NOW_MS - 65_000,
        updated_at_ms=NOW_MS - 1_000,
        bindings=(binding() if now is State.UP else failing,),
    )


def status(node: str, phase: Phase = Phase.SERVING, age_ms: int = 200, applied: int = 10) -> NodeStatus:
    """A heartbeat. Its node has applied `applied` records of the views."""
    return NodeStatus(
        node_id=NodeId(node),
        incarnation=f"run-of-{node}",
        phase=phase,
        node_groups=(),
        engines=1,
        web_url=None,
        view_id=ViewId(1),
        applied={VIEWS.name: (applied,), NODES.name: (3,), SERVICE_STATES.name: (5,) * 64},
        missing=(),
        beat=4,
        started_at_ms=NOW_MS - 90_000,
        sent_at_ms=NOW_MS - age_ms,
        version="0.1.0",
    )


def proposal(prev_view: int, *nodes: str) -> ViewChange:
    """A proposal by the first of the nodes."""
    members = tuple(ViewMember(NodeId(node), f"run-of-{node}", ()) for node in nodes)
    return ViewChange(ViewId(prev_view), 1, members, NodeId(nodes[0]), NOW_MS - 80_000)


def entities() -> Entities:
    """A monitor, three services bound to it, and a vserver before two of them."""
    bound = (BoundTo(Kind.MONITOR, HTTP, 1, True),)
    settings = {"address": "10.0.0.1", "port": 80}
    made = [
        ConfigEntity(HTTP, Kind.MONITOR, "http", 0, True, {"type": "HTTP", "interval_ms": 2_500}, ()),
        ConfigEntity(WEB, Kind.SERVICE, "web", 1, True, settings, bound),
        ConfigEntity(API, Kind.SERVICE, "api", 1, True, settings, bound),
        ConfigEntity(NEW, Kind.SERVICE, "new", 1, True, settings, bound),
        ConfigEntity(
            EntityId("1-3"),
            Kind.VSERVER,
            "shop",
            1,
            True,
            {},
            (BoundTo(Kind.SERVICE, WEB, 1, True), BoundTo(Kind.SERVICE, NEW, 3, True)),
        ),
    ]
    return Entities().updated(made)


def knowledge() -> Knowledge:
    """Everything of the above as one reading."""
    views = [(0, proposal(-1, "b0")), (1, proposal(0, "b0", "b1")), (2, proposal(0, "b1"))]
    return Knowledge(
        cluster="c",
        states={WEB: state(), API: state(State.DOWN, "b1", API, "api")},
        entities=entities(),
        nodes={NodeId("b0"): status("b0"), NodeId("b1"): status("b1", age_ms=9_000, applied=7)},
        views=decided(views),
        positions={VIEWS.name: (10,), NODES.name: (9,), SERVICE_STATES.name: (5,) * 64, CONFIG_ENTITIES.name: (6,)},
        now_ms=NOW_MS,
    )


PARTITION_OF_WEB = partition_of(WEB)
