"""The table of kinds: for each, how people call it, its parameters, and what can be bound to it.

Rule: whatever asks "may this be set, bound, disabled?" asks this table: the fold, the YAML reader and the command
line's help alike. Names follow NetScaler where it has them. `state` is a parameter only for writing: records keep it
as the entity's or the binding's `enabled`, and after `add` it is changed by `enable` and `disable`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from schemas.config import Kind
from schemas.parameters.monitors import COMMENT, COMMON, MONITOR_TYPES, STATE
from schemas.parameters.parameter import Parameter, Settings, Shape, Table
from schemas.parameters.reading import is_domain

PORT = Parameter("port", Shape.NUMBER, "its port", low=1, high=65_535, required=True)
WEIGHT = Parameter("weight", Shape.NUMBER, "its weight in the sum that must reach the threshold", 1, 1, 100)
BINDING_STATE = Parameter("state", Shape.CHOICE, "DISABLED: does not count", choices=("ENABLED", "DISABLED"))
SHADOW = Parameter("shadow", Shape.SWITCH, "yes: probed and shown, but never counts", False)


RESOLVING = (
    Parameter(
        "query_type",
        Shape.CHOICE,
        "what a domain name is resolved to: A for IPv4, AAAA for IPv6",
        "A",
        choices=("A", "AAAA"),
    ),
    Parameter(
        "domain_resolve_retry",
        Shape.DURATION,
        "pause after DNS gave no address; else its TTL says when to ask again",
        5_000,
        1_000,
        86_400_000,
    ),
)
"""Of servers by name (D-1 to D-4). For the members of a group the group says it."""


def resolving_needs_a_domain(given: Settings, effective: Settings) -> str | None:
    """How to resolve is only settable where there is a name to resolve."""
    named = [row.name for row in RESOLVING if given.get(row.key) is not None]
    if not named or is_domain(str(effective.get("address", ""))):
        return None
    return f"{named[0]} can only be given where address is a domain name: leave it out, or give a name"


def individual_needs_path_monitor(given: Settings, effective: Settings) -> str | None:
    """path_monitor_individual is only settable where path_monitor is on (T2)."""
    if given.get("path_monitor_individual") is None or effective["path_monitor"]:
        return None
    return "path_monitor_individual can only be given where path_monitor is on: give path_monitor=yes, or leave it out"


def window_needs_changes(given: Settings, effective: Settings) -> str | None:
    """flap_window is only settable where flap_changes holds anything down (M-20)."""
    if given.get("flap_window_ms") is None or effective["flap_changes"]:
        return None
    return "flap_window can only be given where flap_changes is 1 or more: give flap_changes=5, or leave it out"


HEALTH = (
    Parameter("threshold", Shape.NUMBER, "weight of UP monitors needed; 0: every one must be UP", 0, 0, 65_535),
    Parameter("health_monitor", Shape.SWITCH, "no: it is not probed, and counts as UP", True),
    Parameter(
        "flap_changes",
        Shape.NUMBER,
        "changes between UP and DOWN within flap_window that are borne; one more holds it DOWN; 0: never held",
        0,
        0,
        16,
    ),
    Parameter("flap_window", Shape.DURATION, "also how long a held one must be quiet", 60_000, 1_000, 86_400_000),
    Parameter("path_monitor", Shape.SWITCH, "every node pings it", False),
    Parameter(
        "path_monitor_individual",
        Shape.SWITCH,
        "a node without a path holds it DOWN for itself only",
        True,
        needs="path_monitor",
    ),
    Parameter("internal", Shape.SWITCH, "never distributed: every node monitors it", False, later=False),
)

SERVICE = Table(
    (
        Parameter("address", Shape.HOST, "its IP address, or its domain name", required=True),
        PORT,
        *RESOLVING,
        *HEALTH,
        STATE,
        COMMENT,
    ),
    (individual_needs_path_monitor, resolving_needs_a_domain, window_needs_changes),
)
SERVICE_GROUP = Table((*RESOLVING, *HEALTH, STATE, COMMENT), (individual_needs_path_monitor, window_needs_changes))
MEMBER = Table((STATE, COMMENT))
VSERVER = Table(
    (
        Parameter("address", Shape.ADDRESS, "its IP address"),
        Parameter("port", Shape.NUMBER, "its port", low=1, high=65_535),
        Parameter(
            "protocol",
            Shape.CHOICE,
            "what it speaks",
            "HTTP",
            choices=("HTTP", "SSL", "TCP", "SSL_TCP", "UDP", "DNS", "ANY"),
            later=False,
        ),
        Parameter(
            "method",
            Shape.CHOICE,
            "how it chooses a service",
            "LEASTCONNECTION",
            choices=("LEASTCONNECTION", "ROUNDROBIN", "LRTM", "CUSTOMLOAD"),
        ),
        STATE,
        COMMENT,
    )
)
NODE_GROUP = Table((COMMENT,))
ANY_MONITOR = Table(
    (*COMMON, *{row.name: replace(row, required=False) for kind in MONITOR_TYPES.values() for row in kind.own}.values())
)
"""For a monitor whose type is missing or unknown: that fault is told, and not every parameter it meant or lacks too."""


NO_PARAMETERS = Table(())
DISABLING = Table(
    (
        Parameter("delay", Shape.DURATION, "GOING_OUT_OF_SERVICE this long, then out of service", 0, 0, 604_800_000),
        Parameter("graceful", Shape.SWITCH, "GOING_OUT_OF_SERVICE until disabled again; with delay, at most so", False),
    )
)
"""How a service is taken out of use (M-20): those it serves may end what they began."""


@dataclass(frozen=True, slots=True)
class KindRow:
    """How people call a kind, in one and in many, and what its entities can do."""

    noun: str
    plural: str
    table: Table
    """For a monitor, the parameters of all types; `table_of` answers those of one type."""
    can_disable: bool = True
    can_rename: bool = True
    disabling: Table = NO_PARAMETERS
    """What may be given with `disable`. It is kept among the settings until `enable`."""


KINDS: dict[Kind, KindRow] = {
    Kind.NODE_GROUP: KindRow("node group", "node_groups", NODE_GROUP, can_disable=False),
    Kind.MONITOR: KindRow("monitor", "monitors", ANY_MONITOR),
    Kind.SERVICE: KindRow("service", "services", SERVICE, disabling=DISABLING),
    Kind.SERVICE_GROUP: KindRow("service group", "service_groups", SERVICE_GROUP, disabling=DISABLING),
    Kind.MEMBER: KindRow("member", "members", MEMBER, can_rename=False, disabling=DISABLING),
    Kind.VSERVER: KindRow("vserver", "vservers", VSERVER),
}
"""In the order in which they can be added: what is bound comes before what it is bound to."""

MONITOR_BINDING = Table((WEIGHT, BINDING_STATE, SHADOW))
SERVICE_BINDING = Table((WEIGHT,))

BINDINGS: dict[tuple[Kind, Kind], Table] = {
    (Kind.SERVICE, Kind.MONITOR): MONITOR_BINDING,
    (Kind.SERVICE_GROUP, Kind.MONITOR): MONITOR_BINDING,
    (Kind.MEMBER, Kind.MONITOR): MONITOR_BINDING,
    (Kind.VSERVER, Kind.SERVICE): SERVICE_BINDING,
    (Kind.VSERVER, Kind.SERVICE_GROUP): SERVICE_BINDING,
    (Kind.SERVICE, Kind.SERVICE): NO_PARAMETERS,
    (Kind.SERVICE_GROUP, Kind.SERVICE): NO_PARAMETERS,
    (Kind.MEMBER, Kind.SERVICE): NO_PARAMETERS,
    (Kind.SERVICE, Kind.NODE_GROUP): NO_PARAMETERS,
    (Kind.SERVICE_GROUP, Kind.NODE_GROUP): NO_PARAMETERS,
    (Kind.VSERVER, Kind.NODE_GROUP): NO_PARAMETERS,
}
"""(holder, what is bound to it) -> the parameters of the binding. No row: cannot be bound."""


DEPENDENCIES = frozenset((holder, Kind.SERVICE) for holder in (Kind.SERVICE, Kind.SERVICE_GROUP, Kind.MEMBER))
"""Of the bindings, those that say that the holder depends on what is bound to it (M-20)."""


def binding_title(holder: Kind, bound: Kind) -> str:
    """Under which word a file lists what is bound to a holder."""
    return "depends_on" if (holder, bound) in DEPENDENCIES else KINDS[bound].plural


def table_of(kind: Kind, settings: Settings) -> Table:
    """The parameters of an entity; for a monitor they depend on its `type`, if that is a type at all."""
    monitor_type = MONITOR_TYPES.get(str(settings.get("type", "")).strip().upper()) if kind is Kind.MONITOR else None
    return monitor_type.table if monitor_type else KINDS[kind].table
