"""A running demo as a snapshot for the board: what the replicas say beside what the processes show.

Rule: states, owners, phases and views come from Kafka, as everybody would see them; only that a process was killed
comes from the demo, because a dead node cannot say so and its last heartbeat still reads SERVING. Probes a second are
those that are due: what the monitors' intervals ask of the services a node owns.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from schemas.cluster import Phase
from schemas.identifiers import NodeId
from schemas.inventory.entities import Entities
from schemas.inventory.services import MonitoredService, services
from schemas.reason_words import reason_text
from schemas.states import ServiceState
from streams.cli.board_history import History
from streams.cli.board_snapshot import BoardSnapshot, NodeLine, ServiceLine
from streams.ownership.placement import place

if TYPE_CHECKING:
    from infra.demo.demo import Demo


def take(demo: Demo, history: History, chosen: int, message: str) -> BoardSnapshot:
    """The board's picture of this moment."""
    witness = demo.witness
    states = {state.name: state for state in witness.services()}
    configured = {
        service.name: service for service in services(Entities().updated(witness.control.entities().values()))
    }
    return BoardSnapshot(
        title="demo",
        kafka=f"{demo.kafka.kind}, {demo.kafka.bootstrap}",
        view_id=witness.view.view_id,
        now_ms=time.time_ns() // 1_000_000,
        running_ms=int((time.monotonic() - demo.started_s) * 1000),
        connected=witness.control.connected,
        services=tuple(_service(demo, history, name, states.get(name)) for name in demo.services.targets),
        nodes=_nodes(demo, configured, states),
        events=history.events(60),
        chosen=chosen,
        message=message,
    )


def _service(demo: Demo, history: History, name: str, state: ServiceState | None) -> ServiceLine:
    ailment = demo.services.targets[name].ailment
    broken = "" if ailment.name == "NONE" else ailment.value
    if state is None:
        return ServiceLine(name, None, "", 0, None, "", broken, ())
    response_us = state.response_time_us
    steps = history.steps(state.entity_id)
    return ServiceLine(
        name, state.state, state.owner, state.changed_at_ms, response_us, reason_text(state), broken, steps
    )


def _nodes(
    demo: Demo, configured: dict[str, MonitoredService], states: dict[str, ServiceState]
) -> tuple[NodeLine, ...]:
    from infra.demo.crew import NODE_IDS

    owned = Counter(state.owner for state in states.values())
    due: Counter[str] = Counter()
    for name, state in states.items():
        due[state.owner] += _probes_a_minute(configured.get(name))
    return tuple(_node(demo, node_id, owned[node_id], due[node_id] / 60) for node_id in NODE_IDS)


def _node(demo: Demo, node_id: NodeId, owned: int, probes_per_s: float) -> NodeLine:
    witness = demo.witness
    status = witness.control.nodes().get(node_id)
    alive = demo.crew.is_alive(node_id)
    partitions = len(place(witness.view.nodes).partitions_of(node_id))
    if status is None:
        return NodeLine(node_id, "starting" if alive else "ended", False, -1, owned, partitions, 0.0, None, "")
    phase = status.phase.value
    if not alive:
        phase = "ended" if status.phase is Phase.LEFT else "killed"
    elif status.suspect:
        phase = "suspect"
    return NodeLine(
        name=node_id,
        phase=phase,
        healthy=alive and status.phase is Phase.SERVING and not status.suspect,
        view_id=status.view_id,
        services=owned,
        partitions=partitions,
        probes_per_s=round(probes_per_s, 1) if alive else 0.0,
        heartbeat_age_ms=time.time_ns() // 1_000_000 - status.sent_at_ms,
        web_url=(status.web_url or "") if alive else "",
    )


def _probes_a_minute(service: MonitoredService | None) -> int:
    """What the intervals of a service's enabled bindings ask for."""
    if service is None or not (service.enabled and service.health_monitor):
        return 0
    intervals = (binding.settings.get("interval_ms") for binding in service.bindings if binding.enabled)
    return sum(60_000 // interval for interval in intervals if isinstance(interval, int))
