"""Which engine of a node probes a binding (C-3, C-4): the same answer in every engine, without asking anybody.

Rule: the sum of the character codes of monitor and service name, modulo the number of engines; an IPv6 target belongs
to engine 0. If the owner is lost, its bindings spread over the living ones by the same sum (C-15), so each engine finds
the new owner alone. Why not our stable hash: the source names this one, and other programs reckon with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.engine.binding import Binding

RANGE_END = 8000
"""The end of the worked example's hash range, exclusive (T10)."""


def reference_hash(monitor_name: str, service_name: str) -> int:
    """The sum of the character codes of both names (¶536)."""
    return sum(map(ord, monitor_name)) + sum(map(ord, service_name))


def placement_hash(binding: Binding) -> int:
    """The binding's value for placement: the reference hash, and 0 for an IPv6 target (C-3)."""
    return 0 if binding.is_ipv6 else reference_hash(binding.monitor_name, binding.service_name)


def owner_engine(binding: Binding, engines: int) -> int:
    """The engine that owns the binding when all are alive, 0 ≤ engine < engines."""
    return placement_hash(binding) % engines


def owner_by_range(value: int, engines: int = 8, range_end: int = RANGE_END) -> int:
    """The range form of the worked example: 0-999 is engine 0 (its core 1), 1000-1999 engine 1, up to 7999 (¶558).

    Raises ValueError if the value is outside 0 ≤ value < range_end.
    """
    if not 0 <= value < range_end:
        raise ValueError(f"hash value {value} is outside 0..{range_end - 1}: reduce it modulo {range_end} first")
    return value * engines // range_end


def acting_engine(value: int, engines: int, alive: Sequence[int]) -> int | None:
    """The living engine that probes a binding with this `placement_hash`; None if none lives.

    `alive` is ascending. It is the owner if that lives; else one chosen by the same sum, so for IPv6 the first.
    """
    owner = value % engines
    if owner in alive:
        return owner
    return alive[value // engines % len(alive)] if alive else None
