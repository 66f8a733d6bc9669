"""Bench `probes`: probes per CPU second of our engine, of HAProxy and of blackbox_exporter, in one run.

Every prober is pinned to one core, its target (an HAProxy that answers 200) and whatever drives it to another, over a
loopback of their own. Ours and HAProxy make as many checks at the same interval; blackbox_exporter is asked as fast as
it answers. What counts is a probe that succeeded: connections by the kernel's count (TCP) or answers by the target's
(HTTP), and none may have failed by the prober's own account. What it cost is the prober's user and system time, for
our engine also that of its node's end of the socket. Rounds alternate, so that the ones compared meet the same
machine; a ratio is the median of the rounds' own ratios.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.loopback import connections_opened, cpu_s, enter_own_network, free_port, pin, two_cores
from tests.bench.probers import Load, Prober, blackbox_prober, engine_prober, haproxy_prober, target

WARM_S = 1.5
KINDS = ("TCP", "HTTP")
BLACKBOX_EVERY = 3
"""blackbox_exporter is measured in one round of these: its figure is far off and hardly varies."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many checks, how often, for how long."""
    parser.add_argument("--checks", type=int, default=2000)
    parser.add_argument("--interval-ms", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=3.0, help="each measurement, after a warm-up")
    parser.add_argument("--rounds", type=int, default=3)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """{"tcp_per_cpu_s", "haproxy_tcp_per_cpu_s", "blackbox_tcp_per_cpu_s", the same for http, and their ratios}."""
    core, others = two_cores()
    own_network = enter_own_network()
    os.sched_setaffinity(0, {others})
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="watchbill-probes-") as name:
        folder, port = Path(name), free_port()
        with target(folder, port) as answered:
            for number, kind in product(range(args.rounds), KINDS):
                load = Load(kind, port, args.checks, args.interval_ms)
                count = connections_opened if kind == "TCP" else answered
                for prefix, prober in probers(folder, load, number):
                    rate, done = measure(prober, count, core, args.seconds)
                    found.setdefault(f"{prefix}{kind.lower()}_per_cpu_s", []).append(rate)
                    who = f"round {number + 1} {prefix or 'engine_'}{kind}"
                    print(f"{who}: {rate:,.0f} per CPU second, at {done:,.0f}/s", flush=True)
    return {**figures(found), "own_network": own_network, "checks": args.checks, "interval_ms": args.interval_ms}


def probers(folder: Path, load: Load, number: int) -> Sequence[tuple[str, AbstractContextManager[Prober]]]:
    """(prefix of its figures, the prober) of one round."""
    compared = [("", engine_prober(load)), ("haproxy_", haproxy_prober(folder, load))]
    if number % BLACKBOX_EVERY == 0:
        compared.append(("blackbox_", blackbox_prober(folder, load)))
    return compared


def measure(
    prober: AbstractContextManager[Prober], count: Callable[[], int], core: int, seconds: float
) -> tuple[float, float]:
    """(successful probes per CPU second, per second). Raises RuntimeError if a probe failed or there were none."""
    with prober as running:
        for pid in running.pids:
            pin(pid, core)
        time.sleep(WARM_S)
        failed, before, spent_s, began_s = running.failures(), count(), _cost_s(running), time.monotonic()
        time.sleep(seconds)
        spent_s, done, took_s = _cost_s(running) - spent_s, count() - before, time.monotonic() - began_s
        failed = running.failures() - failed
    if failed or not done:
        raise RuntimeError(f"{failed} probes of a healthy target failed, {done} succeeded: the figure means nothing")
    return done / spent_s, done / took_s


def _cost_s(running: Prober) -> float:
    own_s = time.process_time() if running.counts_driver else 0.0
    return own_s + sum(map(cpu_s, running.pids))


def figures(found: dict[str, list[float]]) -> dict[str, Any]:
    """Medians of the rounds, and the medians of their ratios."""

    def over(kind: str, other: str) -> float:
        pairs = zip(found[f"{kind}_per_cpu_s"], found[f"{other}_{kind}_per_cpu_s"], strict=False)
        return round(median(ours / theirs for ours, theirs in pairs), 2)

    ratios = {"tcp_over_haproxy": over("tcp", "haproxy"), "http_over_haproxy": over("http", "haproxy")}
    ratios |= {"tcp_over_blackbox": over("tcp", "blackbox"), "http_over_blackbox": over("http", "blackbox")}
    return {**{name: round(median(rates)) for name, rates in sorted(found.items())}, **ratios}
