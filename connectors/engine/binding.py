"""A row of the node's monitor table (C-1): one monitor bound to one service, resolved to an address.

Rule: a binding is complete and immutable. An engine needs nothing else to probe, so the whole table goes to every
engine as it is, and moving a binding to another engine is a flag, not a copy (C-5). Names travel beside the ids only
for the reference hash (C-4). The probe's own settings are a plain mapping, because each kind has others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from schemas.identifiers import EntityId

Scalar: TypeAlias = "str | int | bool"
ParameterValue: TypeAlias = "Scalar | tuple[str, ...] | tuple[tuple[int, int], ...]"
"""A setting of a probe: text, number, switch, a list of texts, or a list of number ranges, both ends inclusive."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One monitor of one service, as the engines know it."""

    number: int
    """0 ≤ number < 2**32, never used again in the life of a pool: what frames call the binding."""
    service_id: EntityId
    service_name: str
    monitor_id: EntityId
    monitor_name: str
    kind: str
    """A name of `connectors.probes.kinds`, such as HTTP."""
    ip: str
    """The resolved address, IPv4 or IPv6, as text."""
    port: int
    """0 for a kind without ports."""
    interval_ms: int
    """0 means once (M-2)."""
    timeout_ms: int
    """From the start of the probe to its verdict."""
    window: int = 1
    """How many probes of one run the fold can still learn from; longer runs are only summed up."""
    down_time_ms: int = 0
    """Pause between the probes of a target that failed `down_after` times in a row (M-18); 0 keeps the interval."""
    up_window: int | None = None
    """The same for runs of verdict UP: the fold asks how many successes came in a row, and learns a longer run's length
    when the next run begins. None: as `window`.
    """
    down_after: int = 0
    """Failures in a row after which the target is DOWN; 0: as `window`."""
    reverse: bool = False
    """An UP is the failure: the verdict is turned by the node, but down time begins after this many of them."""
    weight: int = 1
    """What the binding counts for its service when it is UP (M-4)."""
    deviation_ms: int = 0
    """DRTM (M-19): the time-out is the average response time + this; 0 keeps `timeout_ms`."""
    tells_response: bool = False
    """LRTM: a response time that moved by 5 % is told within a second, and not with the minute's summary (L-3)."""
    source_ip: str = ""
    """The address of this node that probes leave from (M-18); empty: the kernel chooses."""
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    """The kind's settings with NetScaler's names, such as http_request or response_codes."""

    @property
    def is_ipv6(self) -> bool:
        """Whether the target's address is IPv6."""
        return ":" in self.ip

    @property
    def target(self) -> str:
        """`ip:port` for people and for messages; only the address for a kind without ports."""
        host = f"[{self.ip}]" if self.is_ipv6 else self.ip
        return f"{host}:{self.port}" if self.port else self.ip

    @property
    def schedule_key(self) -> str:
        """What the phase of the schedule is hashed from."""
        return f"{self.service_id}/{self.monitor_id}"
