"""What goes into the fold of one service: its configuration, and who reported what under which view.

Rule: everything that the decision needs is in the event, the owner included: `owner_in_view` is what
`owner(service, view)` gives for the sender's view, worked out by the caller, so that the fold itself holds no views. A
batch shares one `Sender` among all its services, because it is the hot path and building values is most of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import PathState, ProbeRun, Resolution
from schemas.states import PathMonitoring


@dataclass(frozen=True, slots=True)
class Source:
    """The Kafka record that an event came from."""

    topic: str
    partition: int
    offset: int


NO_SOURCE = Source("", -1, -1)


@dataclass(frozen=True, slots=True)
class BindingConfig:
    """A monitor bound to the service. `counts` is False for a disabled binding or monitor and for a shadow monitor."""

    monitor_id: EntityId
    weight: int = 1
    counts: bool = True
    retries: int = 3
    failure_retries: int = 0
    success_retries: int = 1
    monitor_name: str = ""
    """For causes; the id stands in for an empty one."""
    alert_retries: int = 0
    """Failures in a row that make an alert; 0: none."""
    slow_above_us: int = 0
    """A response that took longer counts as slow; 0: none does."""
    follows_address: bool = True
    """Off for a monitor that probes an address of its own (`destination_ip`), whatever the service's is."""
    measures: bool = False
    """A LOAD monitor in use: what it measures is the service's load (CL-1), whether it counts or not."""
    timeout_ms: int = 2_000
    """How long one probe may take: by it a second opinion is waited for."""


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """What the fold needs to know of a service, a member or a domain-based service (S-2).

    A domain-based service has a `domain` and an empty `ip_address`: its address comes from its owner.
    """

    entity_id: EntityId
    name: str
    ip_address: str
    port: int
    enabled: bool = True
    threshold: int = 0
    bindings: tuple[BindingConfig, ...] = ()
    leave_ms: int = 0
    """Disabled: how long it is GOING_OUT_OF_SERVICE first; 0: not limited in time if `graceful`, else not at all."""
    graceful: bool = False
    flap_changes: int = 0
    """Changes within `flap_window_ms` that are borne; one more holds it DOWN. 0: it is never held."""
    flap_window_ms: int = 60_000
    domain: str = ""
    monitored: bool = True
    """Off (`health_monitor: no`): nothing probes it, and it counts as UP."""
    least_response: bool = False
    """Somebody chooses by its response time (L-2): one that moved by 5 % is told at once."""
    path_monitoring: PathMonitoring = PathMonitoring.OFF


@dataclass(frozen=True, slots=True)
class Reach:
    """What the operational nodes that host a service reported of their paths: `state` is DOWN if one has none.

    `unreachable` names those without a path; it is empty too where only a record tells that there was one.
    """

    state: PathState = PathState.UNKNOWN
    unreachable: tuple[NodeId, ...] = ()


NOT_REPORTED = Reach()


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a batch, under which view, and the record that holds it."""

    node_id: NodeId
    incarnation: str
    view_id: ViewId
    source: Source = NO_SOURCE


@dataclass(frozen=True, slots=True)
class Reported:
    """Runs of one service's bindings. `owner_in_view` None: no node owns it in that view, or the view is not known."""

    sender: Sender
    owner_in_view: NodeId | None
    runs: tuple[ProbeRun, ...]
    ask: NodeId | None = None
    """The node whose second opinion a DOWN needs, because the sender doubts itself (U-8); None: its word is enough."""
    goes_on: bool = False
    """Owner and writer have been the same in every view since the last record's: a newer view alone is no news."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The sender declares that it monitors the service under its view (V-4)."""

    sender: Sender
    owner_in_view: NodeId | None
    ask: NodeId | None = None


@dataclass(frozen=True, slots=True)
class Opined:
    """What the node that was asked for a second opinion found of the service's bindings (U-8).

    `ask` is the node to ask in its stead, because it has come to doubt itself too.
    """

    sender: Sender
    runs: tuple[ProbeRun, ...]
    ask: NodeId | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the sender holds of a domain-based service's name (D-3, D-4)."""

    sender: Sender
    owner_in_view: NodeId | None
    resolution: Resolution
    ask: NodeId | None = None


@dataclass(frozen=True, slots=True)
class Configured:
    """The service as configured from now on; None when it was removed."""

    config: ServiceConfig | None
    source: Source = NO_SOURCE


@dataclass(frozen=True, slots=True)
class Due:
    """Time has passed. Only for a service whose record has a `due_at_ms` or a doubt; else it changes nothing."""


@dataclass(frozen=True, slots=True)
class PathsChanged:
    """A node reported another path to the service, or another view has other nodes (P-10). The same again is nothing.

    `reach` is what it all comes to, worked out by the caller, so that the fold holds neither views nor reports.
    """

    reach: Reach


Event = Reported | Claimed | Opined | Resolved | Configured | Due | PathsChanged
