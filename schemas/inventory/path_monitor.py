"""The default path monitor: how nodes ping the addresses of path-monitored services (P-6).

Rule: it is there as soon as path monitoring is on anywhere, with NetScaler's defaults for a monitor, and it is bound by
that alone, to nothing that an operator sees: no service has it among its monitors (P-3). Whoever adds a monitor of type
PING with its name sets its parameters for the whole cluster. Why not an entity that the fold of commands makes by
itself: an operator would have to see, keep and remove what he never added. A path has no `down_time` unless one is
given: a node is to learn at once that it reaches again what it lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.config import Kind
from schemas.inventory.entities import Entities
from schemas.inventory.services import effective

NAME = "path-monitor"
TYPE = "PING"


@dataclass(frozen=True, slots=True)
class PathMonitor:
    """The parameters of every path probe of a cluster."""

    interval_ms: int = 5_000
    timeout_ms: int = 2_000
    retries: int = 3
    failure_retries: int = 0
    success_retries: int = 1
    down_time_ms: int = 0


DEFAULT = PathMonitor()


def path_monitor(entities: Entities) -> PathMonitor:
    """As configured: the operator's monitor of that name and type, else the default."""
    entity = entities.find(Kind.MONITOR, NAME)
    if entity is None:
        return DEFAULT
    settings = effective(entity)
    if settings.get("type") != TYPE:
        return DEFAULT

    def number(key: str) -> int:
        value = settings[key]
        assert isinstance(value, int), f"{key} of {NAME} is {value!r} where a number was checked"
        return value

    return PathMonitor(
        interval_ms=number("interval_ms"),
        timeout_ms=number("response_timeout_ms"),
        retries=number("retries"),
        failure_retries=number("failure_retries"),
        success_retries=number("success_retries"),
        down_time_ms=number("down_time_ms") if "down_time_ms" in entity.settings else 0,
    )
