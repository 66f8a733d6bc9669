"""Step 6 of the flow: what a node's engines say about its bindings, as it travels on `probe-results`.

Rule: a run (consecutive probes with one verdict and one reason) is reported at each probe until its count reaches the
binding's window, then once a minute. So traffic does not depend on whether all is well, and any other retries or
threshold can be replayed exactly from the log (U-6). Not one event per probe: an event costs Faust 100-400 µs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from schemas.identifiers import EntityId, NodeId, ViewId


class Verdict(Enum):
    """What one probe says of its target."""

    UP = "UP"
    DOWN = "DOWN"
    INCONCLUSIVE = "INCONCLUSIVE"
    """Our own trouble (no sockets left, no permission): it never counts against the target."""


class Reason(Enum):
    """Why, in a closed set, so that programs can count; `detail` is for people."""

    OK = "OK"
    REFUSED = "REFUSED"
    RESET = "RESET"
    UNREACHABLE = "UNREACHABLE"
    TIMEOUT_RESOLVE = "TIMEOUT_RESOLVE"
    TIMEOUT_CONNECT = "TIMEOUT_CONNECT"
    TIMEOUT_TLS = "TIMEOUT_TLS"
    TIMEOUT_SEND = "TIMEOUT_SEND"
    TIMEOUT_FIRST_BYTE = "TIMEOUT_FIRST_BYTE"
    TIMEOUT_BODY = "TIMEOUT_BODY"
    BAD_STATUS = "BAD_STATUS"
    BAD_RESPONSE = "BAD_RESPONSE"
    MISMATCH = "MISMATCH"
    CERTIFICATE = "CERTIFICATE"
    TOO_LARGE = "TOO_LARGE"
    CLOSED = "CLOSED"
    NO_PERMISSION = "NO_PERMISSION"
    LOCAL_ERROR = "LOCAL_ERROR"
    UNKNOWN = "UNKNOWN"
    """A reason that a newer release wrote and this one has no name for."""


@dataclass(frozen=True, slots=True)
class ProbeRun:
    """One run of one binding, so far. `count` grows within the run; `sequence` grows with every report of the node."""

    service_id: EntityId
    monitor_id: EntityId
    sequence: int
    run: int
    verdict: Verdict
    reason: Reason
    detail: str
    first_at_ms: int
    last_at_ms: int
    count: int
    response_min_us: int
    response_avg_us: int
    response_max_us: int


@dataclass(frozen=True, slots=True)
class ProbeResults:
    """A batch of one node for one partition. `claims` are services it declares ownership of under `view_id` (V-4)."""

    node_id: NodeId
    incarnation: str
    view_id: ViewId
    sent_at_ms: int
    claims: tuple[EntityId, ...]
    runs: tuple[ProbeRun, ...]


class PathState(Enum):
    """Whether a node reaches a service's address."""

    UP = "UP"
    DOWN = "DOWN"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class PathReport:
    """One node's path to one service (P-9)."""

    service_id: EntityId
    node_id: NodeId
    path_state: PathState
    view_id: ViewId
    at_ms: int
