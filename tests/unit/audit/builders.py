"""A small past to judge: three nodes, of which b1 leaves and comes back, and the records of one service of b1."""

from __future__ import annotations

from schemas.cluster import ViewChange, ViewMember
from schemas.identifiers import EntityId, NodeId, ViewId, entity_id, partition_of
from schemas.probes import PathState
from schemas.states import Cause, CauseKind, ServiceState, State
from streams.audit.findings import StateRecord
from streams.audit.reigns import owner_in, reigns

NODES = ("b0", "b1", "b2")


def change(prev: int, *nodes: str, at_ms: int = 0, groups: tuple[str, ...] = ()) -> ViewChange:
    """A proposal of these nodes by the first of them; its last node serves the groups."""
    members = tuple(ViewMember(NodeId(node), f"{node}-1", groups if node == nodes[-1] else ()) for node in nodes)
    return ViewChange(ViewId(prev), prev + 2, members, NodeId(nodes[0]), at_ms)


VIEWS = [(0, change(-1, *NODES)), (1, change(0, "b0", "b2")), (2, change(0, "b1")), (3, change(1, *NODES))]
"""b1 leaves and comes back; offset 2 lost its race."""
IN_FORCE = {reign.view.view_id: reign.view for reign in reigns(VIEWS)}


def service_of(node: str) -> EntityId:
    """A service that this node owns in the first view and in the last."""
    return next(
        service for number in range(99) if owner_in(service := entity_id(number, 0), IN_FORCE[ViewId(0)]) == node
    )


WEB = service_of("b1")


def state(view: int, sequence: int, owner: str | None = None) -> ServiceState:
    """A record of WEB, by its owner in that view unless another is given."""
    known = IN_FORCE.get(ViewId(view))
    node = NodeId(owner or (known and owner_in(WEB, known)) or "b0")
    return ServiceState(
        view_id=ViewId(view),
        sequence=sequence,
        entity_id=WEB,
        name="web",
        state=State.UP,
        owner=node,
        incarnation=f"{node}-1",
        ip_address="127.0.0.1",
        port=80,
        ttl_s=None,
        layer_two=None,
        mss=None,
        path_state=PathState.UNKNOWN,
        response_time_us=None,
        load=None,
        up_weight=1,
        threshold=0,
        cause=Cause(CauseKind.PROBE, "ok"),
        changed_at_ms=0,
        updated_at_ms=0,
        bindings=(),
    )


def log(*states: ServiceState | None) -> list[StateRecord]:
    """The records in this order, in WEB's partition."""
    return timed(*((0, record) for record in states))


def timed(*states: tuple[int, ServiceState | None]) -> list[StateRecord]:
    """The records with the instants they came in."""
    return [StateRecord(WEB, partition_of(WEB), offset, at_ms, record) for offset, (at_ms, record) in enumerate(states)]
