"""The limits of an engine, named, with what happens there.

Rule: a limit delays a probe, it never loses one: what waits is counted, and how late it began is reported as lag. The
number of open sockets follows the process's own limit (RLIMIT_NOFILE), raised as far as it may be.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

SPARE_SOCKETS = 256
"""Sockets of each address family kept for the next probes; more are closed."""

RESERVED_FILES = 96 + 2 * SPARE_SOCKETS
"""Descriptors kept back for what is not a probe: epoll, the node's socket, ICMP, logs, Python itself, spare sockets."""

OUTBOX_BYTES = 16 * 1024 * 1024
"""Reports the node has not read yet. Above it the engine begins no probe until the node reads."""

LAUNCH_BATCH = 16
"""Probes begun before events are looked at again, so that a burst does not lengthen response times."""

EVENTS = 1024
"""Events taken from epoll at once."""

REPORT_TICK_MS = 10
"""Reports gather this long before they go to the node."""

COMPANY_MS = 100
"""The same for reports from which nothing can follow any more."""

CALM_MS = 2_000
"""The same for those from which nothing could, such as summaries: in a takeover each frame keeps claims waiting."""

STATISTICS_MS = 1000
"""How often an engine speaks of itself."""

STALL_MS = 50
"""A turn of the loop longer than this was not spent probing: the process was stopped or starved."""


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What one engine may use at once."""

    open_sockets: int = 16_384


def usable_sockets(wanted: int) -> int:
    """Raise the process's limit of open files as far as it may, and say how many sockets that leaves, at most `wanted`.

    Raises RuntimeError if the hard limit leaves none.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    usable = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft - RESERVED_FILES)
    if usable < 1:
        raise RuntimeError(f"{soft} open files are allowed, an engine needs {RESERVED_FILES + 1}: raise `ulimit -n`")
    return usable
