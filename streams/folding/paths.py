"""Step 7h: what the nodes' paths make of a service's state, where its owner decides for all of them (P-5, P-10).

Rule: one operational node that hosts the service and cannot reach it is enough to advertise it DOWN; a node that has
reported nothing is no reason to. Only an enabled service is held so: one that goes out of service has begun to leave,
and its paths are not to end that early. Where each node decides for itself, this layer does nothing; the reports are
kept all the same, for the processing sets (P-12), and what a node makes of its own is `schemas.effective`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from schemas.identifiers import NodeId
from schemas.probes import PathState
from schemas.processing import ServicePaths
from schemas.states import PathMonitoring, ServiceState, State
from streams.folding.events import Reach, ServiceConfig

MONITORING_WORDS = {
    PathMonitoring.OFF: "path monitoring is off",
    PathMonitoring.INDIVIDUAL: "each node decides by its own path",
    PathMonitoring.TOGETHER: "DOWN for all if a node has no path",
}


class Reached(Protocol):
    """A service with what is known of its paths: the working fold of one service."""

    config: ServiceConfig | None
    reach: Reach


def reach_of(hosts: Collection[NodeId], paths: ServicePaths) -> Reach:
    """The path state of a service as a whole; `hosts` are the operational nodes that have it."""
    down = sorted(paths.down.intersection(hosts))
    if down:
        return Reach(PathState.DOWN, tuple(down))
    return Reach(PathState.UNKNOWN if paths.up.isdisjoint(hosts) else PathState.UP)


def is_path_news(config: ServiceConfig | None, record: ServiceState, reach: Reach) -> bool:
    """Whether a record is to be made of it. Which nodes have no path is not: reports tell it, and states are many."""
    together = config is not None and config.path_monitoring is PathMonitoring.TOGETHER
    return together and record.path_state is not reach.state


def is_cut_off(service: Reached) -> bool:
    """Whether a node's path holds the service DOWN for all."""
    config = service.config
    if config is None or not config.enabled or config.path_monitoring is not PathMonitoring.TOGETHER:
        return False
    return service.reach.state is PathState.DOWN


def cut_off(service: Reached, state: State) -> State:
    """P-5: a service that a node cannot reach is DOWN for all, if the nodes decide together."""
    return State.DOWN if is_cut_off(service) and state is not State.OUT_OF_SERVICE else state


def cut_off_text(service: Reached) -> str:
    """What a cause says of it."""
    return f"; {unreachable_text(service.reach)}" if is_cut_off(service) else ""


def unreachable_text(reach: Reach) -> str:
    """Such as `b0, b2 cannot reach it`."""
    return f"{', '.join(reach.unreachable) or 'a node'} cannot reach it"


def paths_text(reach: Reach) -> str:
    """What a record says that another path has changed."""
    return unreachable_text(reach) if reach.state is PathState.DOWN else "every node that has reported reaches it"
