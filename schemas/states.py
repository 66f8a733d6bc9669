"""Step 7 of the flow: the state of a service as its owner last told it (SSS), and the history of its changes.

Rule: `view_id` and `sequence` are the first two fields of a ServiceState in every release, so that a receiver orders
two records by reading twenty bytes (`codec.peek_order`). Why not Kafka headers: they cost more to read than the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import MeasuredLoad, PathState, Reason, Verdict


class State(Enum):
    """A service's state, with NetScaler's words."""

    UNKNOWN = "UNKNOWN"
    """Nothing decided yet: no binding counts, or too few have answered."""
    UP = "UP"
    DOWN = "DOWN"
    OUT_OF_SERVICE = "OUT_OF_SERVICE"
    GOING_OUT_OF_SERVICE = "GOING_OUT_OF_SERVICE"


class PathMonitoring(Enum):
    """Who decides by the paths to a service: nobody, each node for itself, or its owner for all (P-5)."""

    OFF = "OFF"
    INDIVIDUAL = "INDIVIDUAL"
    TOGETHER = "TOGETHER"


class CauseKind(Enum):
    """What kind of event made this record."""

    PROBE = "PROBE"
    CONFIG = "CONFIG"
    OWNERSHIP = "OWNERSHIP"
    PATH = "PATH"
    REPAIR = "REPAIR"
    RESOLUTION = "RESOLUTION"
    """DNS: the address changed, could not be had, or can be had again (D-3, D-4)."""
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why the record was written, and the record that made it so (topic, partition, offset; -1 where there is none)."""

    kind: CauseKind
    text: str
    topic: str = ""
    partition: int = -1
    offset: int = -1


class BindingVerdict(Enum):
    """What the fold holds of one binding after retries: not one probe's verdict."""

    UNKNOWN = "UNKNOWN"
    UP = "UP"
    DOWN = "DOWN"
    MAINTENANCE = "MAINTENANCE"
    """It answers, and says that it goes out of service."""


@dataclass(frozen=True, slots=True)
class ProbeFailure:
    """One failure of a binding, kept to be shown: when, why in the closed set, and the detail for people."""

    at_ms: int
    reason: Reason
    detail: str


NO_NUMBER: Final = -1
"""Below every sequence and run number: of a binding that its owner has not reported of."""


@dataclass(frozen=True, slots=True)
class BindingState:
    """One monitor of the service: folded state, and the last run, so that a new owner's fold goes on where it stood.

    `outcomes` holds the last `outcome_count` probes (at most 127) as a big-endian integer: newest in bit 0, 1 = failed.
    `failures` are the last ones that differ from the one before, newest last; `slow` says that the last success came
    after `response_timeout_threshold`; `counts` is off for what decides nothing (disabled, or a shadow).
    """

    monitor_id: EntityId
    state: BindingVerdict
    outcomes: bytes
    outcome_count: int
    sequence: int
    run: int
    count: int
    verdict: Verdict
    reason: Reason
    detail: str
    response_time_us: int
    last_at_ms: int
    failures: tuple[ProbeFailure, ...] = ()
    slow: bool = False
    counts: bool = True
    load: MeasuredLoad | None = None


@dataclass(frozen=True, slots=True)
class LayerTwo:
    """What the owner learnt of the link to the service (S-1)."""

    mac: str
    vlan: int
    channel: str


@dataclass(frozen=True, slots=True)
class LoadInfo:
    """Custom load of a service (CL-1): percent of the thresholds of its LOAD monitors.

    `round_robin_contribution` is None: the source names it and does not say what it is, so nothing is made up.
    """

    threshold_reached: bool
    load: int
    round_robin_contribution: int | None = None


@dataclass(frozen=True, slots=True)
class DomainInfo:
    """The name behind a domain-based service's address (D-4). `reason` is that of the last question, OK if answered.

    `resolved_at_ms` is the last answer that the owner had when it told this record, None if it never had one; while
    `reason` is not OK, it gives the address's age.
    """

    domain: str
    resolved_at_ms: int | None
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """A second opinion that was asked for before a service may go DOWN (U-8): its owner doubts itself.

    `until_ms` is when it is DOWN if no answer came; None once the node asked has said that it reaches the service.
    """

    asked: NodeId
    since_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class ServiceState:
    """SSS: the fields of S-1, and what a new owner needs to go on folding. One per service in `service-states`.

    `ip_address` is empty for a domain-based service whose name has not been resolved yet. `due_at_ms` is when time
    alone changes the state: the end of a graceful disable's delay, or of a hold at DOWN after flapping. `flaps` are the
    instants of the last changes that count towards such a hold. `path_state` is of all operational nodes that host it
    as of this record: DOWN if one of them cannot reach it; what each reports is on `path-reports`.
    """

    view_id: ViewId
    sequence: int
    entity_id: EntityId
    name: str
    state: State
    owner: NodeId
    incarnation: str
    ip_address: str
    port: int
    ttl_s: int | None
    layer_two: LayerTwo | None
    mss: int | None
    path_state: PathState
    response_time_us: int | None
    load: LoadInfo | None
    up_weight: int
    threshold: int
    cause: Cause
    changed_at_ms: int
    updated_at_ms: int
    bindings: tuple[BindingState, ...]
    domain: DomainInfo | None = None
    due_at_ms: int | None = None
    flaps: tuple[int, ...] = ()
    path_monitoring: PathMonitoring = PathMonitoring.OFF
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class ServiceTransition:
    """One change of state, kept as history (`service-transitions`)."""

    view_id: ViewId
    sequence: int
    entity_id: EntityId
    name: str
    owner: NodeId
    before: State
    after: State
    up_weight: int
    threshold: int
    cause: Cause
    at_ms: int
