"""Step 2 to step 7: a configured service as its fold takes it.

Rule: the fold gets what it decides by and nothing else, worked out from the resolved service in one place, so that a
node, a what-if and a replay of the log fold by the same configuration. Why not in the node: what reads the log years
later has no node.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.config import Setting
from schemas.inventory.services import MonitorBinding, MonitoredService
from streams.folding.events import BindingConfig, ServiceConfig

LOAD = "LOAD"
"""The type of monitor that measures a load."""


def service_config(service: MonitoredService) -> ServiceConfig:
    """A service as its fold takes it."""
    return ServiceConfig(
        entity_id=service.entity_id,
        name=service.name,
        ip_address=service.ip,
        port=service.port,
        enabled=service.enabled,
        threshold=service.threshold,
        bindings=tuple([_binding_config(bound) for bound in service.bindings]) if service.health_monitor else (),
        leave_ms=service.leave_ms,
        graceful=service.graceful,
        flap_changes=service.flap_changes,
        flap_window_ms=service.flap_window_ms,
        domain=service.domain.name if service.domain else "",
        monitored=service.health_monitor,
        least_response=service.least_response,
        path_monitoring=service.path_monitoring,
    )


def _binding_config(bound: MonitorBinding) -> BindingConfig:
    return BindingConfig(
        monitor_id=bound.monitor_id,
        weight=bound.weight,
        counts=bound.counts,
        retries=whole(bound.settings, "retries"),
        failure_retries=whole(bound.settings, "failure_retries"),
        success_retries=whole(bound.settings, "success_retries"),
        monitor_name=bound.monitor_name,
        follows_address=follows_address(bound),
        alert_retries=whole(bound.settings, "alert_retries"),
        slow_above_us=whole(bound.settings, "response_timeout_ms")
        * whole(bound.settings, "response_timeout_threshold")
        * 10,
        measures=bound.enabled and bound.type == LOAD,
        timeout_ms=whole(bound.settings, "response_timeout_ms"),
    )


def follows_address(bound: MonitorBinding) -> bool:
    """Whether a monitor probes the service's address, whatever it is, and not one of its own."""
    return not bound.settings.get("destination_ip")


def whole(settings: Mapping[str, Setting], name: str, default: int = 0) -> int:
    """A setting that is a whole number; the default where it is not given."""
    value = settings.get(name)
    return value if isinstance(value, int) else default
