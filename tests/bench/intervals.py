"""Bench `intervals`: drift and jitter of 1 ms, 10 ms and 1 s schedules, in tables of 1,000 and of 10,000 bindings.

One engine, pinned to one core, probes over a network of its own; a witness on the other core takes the kernel's time
stamp of each connection request. One core carries some 60,000 probes a second, so not all of 1,000 bindings can have
an interval of 1 ms: as many have it as make `FAST_PER_S` probes a second, and the rest of the table has 1 s and is
probed beside them. Drift is how far a binding's last probe is from where its first one and the interval put it, the
worst of all; jitter is how far a probe is from its binding's own grid. `kept_waiting_share` is the
share of the time in which the engine could have run and another program of the machine had its core.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import Any

from connectors.engine.binding import Binding
from tests.bench.loopback import enter_own_network, kept_waiting_s, pin, two_cores
from tests.bench.probers import Load, bindings, probing
from tests.bench.witness import Witness, address_of

FAST_PER_S = 10_000
SLOW_MS = 1000
WARM_S = 2.5
NS_PER_MS = 1_000_000
INTERVALS_MS = (1, 10, 1000)
TABLES = (1000, 10_000)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long each case is watched."""
    parser.add_argument("--seconds", type=float, default=5.0)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """{"cases": [{"interval_ms", "bindings", "table", "probes", "missed", "drift_ms", "jitter_p99_ms", ...}], ...}."""
    core, others = two_cores()
    if not enter_own_network():
        raise RuntimeError("this bench watches a network of its own: run it as root, or allow user namespaces")
    os.sched_setaffinity(0, {others})
    cases = []
    with socket.create_server(("0.0.0.0", 0), backlog=4096) as target:
        port = target.getsockname()[1]
        for table in TABLES:
            for interval_ms in INTERVALS_MS:
                case = measure(table, interval_ms, port, core, args.seconds)
                print(case, file=sys.stderr, flush=True)
                cases.append(case)
    return {"cases": cases, "not_possible": not_possible(), "seconds": args.seconds}


def not_possible() -> list[str]:
    """The combinations that no core carries, and why."""
    return [
        f"{table} bindings at {interval_ms} ms are {table * 1000 // interval_ms:,} probes/s: "
        f"{fast(table, interval_ms)} of the table have {interval_ms} ms, the rest {SLOW_MS} ms"
        for table in TABLES
        for interval_ms in INTERVALS_MS
        if fast(table, interval_ms) < table
    ]


def fast(table: int, interval_ms: int) -> int:
    """How many bindings of the table have the interval."""
    return min(table, FAST_PER_S * interval_ms // 1000)


def rows(table: int, interval_ms: int, port: int) -> list[Binding]:
    """The table: the first bindings have the interval, the rest a second; each has a target address of its own."""
    number = fast(table, interval_ms)
    quick = bindings(Load("TCP", port, table, interval_ms), address_of)[:number]
    return quick + bindings(Load("TCP", port, table, SLOW_MS), address_of)[number:]


def measure(table: int, interval_ms: int, port: int, core: int, seconds: float) -> dict[str, Any]:
    """One case, watched for at least three intervals. Raises RuntimeError if a probe failed or a binding had none."""
    number = fast(table, interval_ms)
    seconds = max(seconds, 3 * interval_ms / 1000)
    with probing(rows(table, interval_ms, port)) as prober:
        pin(prober.pids[0], core)
        time.sleep(WARM_S)
        waited_s = kept_waiting_s(prober.pids[0])
        witness = Witness()
        seen = witness.watch(seconds)
        witness.close()
        waited_s = kept_waiting_s(prober.pids[0]) - waited_s
        if prober.failures():
            raise RuntimeError(f"{prober.failures()} probes of a healthy target failed: the figure means nothing")
    unseen = number - len(seen.keys() & range(1, number + 1))
    if unseen:
        raise RuntimeError(f"{unseen} of {number} bindings were not probed within {seconds:g} s: who had the core?")
    kept = [deviations(seen[row], interval_ms) for row in range(1, number + 1)]
    late = sorted(chain.from_iterable(row.off_grid_ms for row in kept))
    return {
        "interval_ms": interval_ms,
        "bindings": number,
        "table": table,
        "probes": len(late),
        "all_probes_per_s": round(sum(map(len, seen.values())) / seconds),
        "missed": sum(row.missed for row in kept),
        "drift_ms": round(max(row.drift_ms for row in kept), 3),
        "jitter_p50_ms": round(late[len(late) // 2], 3),
        "jitter_p99_ms": round(late[len(late) * 99 // 100], 3),
        "jitter_max_ms": round(late[-1], 3),
        "kept_waiting_share": round(waited_s / seconds, 4),
    }


@dataclass(frozen=True, slots=True)
class Kept:
    """How a binding kept its interval."""

    missed: int
    drift_ms: float
    off_grid_ms: list[float]


def deviations(instants_ns: list[int], interval_ms: int) -> Kept:
    """Compare a binding's instants, ascending, with a grid of its interval through the middle of them."""
    first_ns, interval_ns = instants_ns[0], interval_ms * NS_PER_MS
    middle_ns = median(centred(at_ns - first_ns, interval_ns) for at_ns in instants_ns)
    off_ns = [centred(at_ns - first_ns - middle_ns, interval_ns) for at_ns in instants_ns]
    steps = round((instants_ns[-1] - first_ns) / interval_ns)
    third = max(1, len(off_ns) // 3)
    drift_ns = abs(median(off_ns[-third:]) - median(off_ns[:third]))
    return Kept(steps + 1 - len(instants_ns), drift_ns / NS_PER_MS, [abs(off) / NS_PER_MS for off in off_ns])


def centred(distance_ns: float, interval_ns: int) -> float:
    """The distance from the nearest point of the grid, -interval/2 ≤ it < interval/2."""
    return (distance_ns + interval_ns / 2) % interval_ns - interval_ns / 2
