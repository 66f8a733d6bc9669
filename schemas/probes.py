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
    """Our own trouble (no sockets left, no permission): it never counts against the target. A verdict that a newer
    release wrote and this one has no name for is read as this.
    """
    MAINTENANCE = "MAINTENANCE"
    """The target answers, and says that it goes out of service (`trofs_code`, `trofs_string`): not a failure."""


class Reason(Enum):
    """Why, in a closed set, so that programs can count; `detail` is for people."""

    OK = "OK"
    REFUSED = "REFUSED"
    RESET = "RESET"
    UNREACHABLE = "UNREACHABLE"
    UNRESOLVED = "UNRESOLVED"
    """DNS answered, with no address: no such name, no such record, a refusal."""
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
class MeasuredLoad:
    """What a LOAD monitor measured: percent of its thresholds, and whether one of them is reached (CL-1)."""

    load: int
    threshold_reached: bool


@dataclass(frozen=True, slots=True)
class ProbeRun:
    """One run of one binding, so far. `count` grows within the run; `sequence` grows with every report of the node.

    `ip_address` is the one that was probed, for a domain-based service; empty where the configuration says which.
    `load` is the latest that a LOAD monitor measured.
    """

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
    ip_address: str = ""
    load: MeasuredLoad | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """What the owner holds of a domain-based service's name: the last address, and what DNS said last (D-4).

    `ip_address` is empty, and `ttl_s` and `resolved_at_ms` are None, while there was never an answer. `reason` is OK,
    or why the last question brought no address, which `detail` says to people.
    """

    service_id: EntityId
    domain: str
    ip_address: str
    ttl_s: int | None
    resolved_at_ms: int | None
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Link:
    """What the owner learnt of the link to a service (S-1): the segment size of its connections, in bytes, and of a
    service on the owner's own link the neighbour's MAC, VLAN (0: untagged) and channel (the owner's interface).
    """

    service_id: EntityId
    mss: int | None
    mac: str | None
    vlan: int | None
    channel: str | None


@dataclass(frozen=True, slots=True)
class ProbeResults:
    """A batch of one node for one partition. `claims` are services it declares ownership of under `view_id` (V-4).

    Each domain-based service that has a run here has its resolution here too, so that a batch can be read by itself.
    `suspect`: the node doubts itself, a DOWN of its making waits for a second opinion; `opinion`: this is one (U-8).
    """

    node_id: NodeId
    incarnation: str
    view_id: ViewId
    sent_at_ms: int
    claims: tuple[EntityId, ...]
    runs: tuple[ProbeRun, ...]
    resolutions: tuple[Resolution, ...] = ()
    suspect: bool = False
    opinion: bool = False
    links: tuple[Link, ...] = ()


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
