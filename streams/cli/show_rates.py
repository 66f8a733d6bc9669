"""How many probes a second the configuration asks of each node: from intervals, states and owners alone.

Rule: this is what is due, not what was done: a starved node does less, and says so itself. A binding whose target is
DOWN is due once in its `down_time` where that is longer; passive monitors, disabled bindings and services whose health
nobody asks are due never. An internal service is due on every node that has it, any other on its owner alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from schemas.identifiers import NodeId
from schemas.inventory.services import MonitorBinding, MonitoredService
from schemas.parameters.monitors import MONITOR_TYPES
from schemas.states import BindingVerdict, ServiceState
from streams.cli.show_services import elected_owner

if TYPE_CHECKING:
    from streams.cli.show_read import Knowledge


def due_per_s(known: Knowledge, configured: Iterable[MonitoredService]) -> Mapping[NodeId, float]:
    """Probes a second by node; a node that has none to make may be missing."""
    rates: dict[NodeId, float] = defaultdict(float)
    for service in configured:
        rate = service_rate(service, known.states.get(service.entity_id))
        if not rate:
            continue
        if service.internal:
            for node in known.hosts(frozenset(service.node_groups)):
                rates[node] += rate
        else:
            owner = elected_owner(known, service)
            if owner is not None:
                rates[owner] += rate
    return rates


def service_rate(service: MonitoredService, state: ServiceState | None) -> float:
    """Probes a second of one service."""
    if not (service.enabled and service.health_monitor):
        return 0.0
    down = {bound.monitor_id for bound in state.bindings if bound.state is BindingVerdict.DOWN} if state else set()
    return sum(_binding_rate(bound, bound.monitor_id in down) for bound in service.bindings)


def _binding_rate(bound: MonitorBinding, is_down: bool) -> float:
    interval_ms, pause_ms = bound.settings.get("interval_ms"), bound.settings.get("down_time_ms")
    if not bound.enabled or MONITOR_TYPES[bound.type].passive or not isinstance(interval_ms, int):
        return 0.0
    if is_down and isinstance(pause_ms, int):
        interval_ms = max(interval_ms, pause_ms)
    return 1_000 / interval_ms
