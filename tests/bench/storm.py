"""Bench `storm`: every target of 10,000 services dies at once. When does every replica know, and what does it cost?

What is measured: each service has a loopback address of its own behind one listener, which is closed. `all_down_s` runs
from the last detection (the probe that made the last service DOWN, by its record) to the moment at which each of three
replicas outside the cluster had every DOWN; `all_down_p99_s` is that time for each service from its own detection.
`cpu_over_idle` and `bytes_over_idle` compare the quiet minute after the storm with the quiet minute before it, in
processor seconds of the nodes with their engines and in bytes appended to Kafka (F12); `storm_*` those of the storm.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from connectors.replica.states import Applied, StateReplica
from infra.cluster.nodes import wait_until
from schemas.config import Kind, Operation, Verb
from schemas.identifiers import EntityId
from schemas.states import State
from tests.bench.rig import SERVICES_PER_COMMAND, Rig, rig
from tests.bench.witness import address_of

NODE_IDS = ("b0", "b1", "b2")
REPLICAS = 3
DEADLINE_S = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--interval", default="5s", help="interval of the probes")
    parser.add_argument("--down-time", default="5s", help="pause before a DOWN service is probed again")
    parser.add_argument("--window", type=float, default=60.0, help="seconds of each quiet window")


@dataclass(slots=True)
class Seer:
    """When a replica had each service's first DOWN: wall clock, milliseconds. Heads only, nothing is decoded."""

    states: StateReplica
    down_at_ms: dict[EntityId, float] = field(default_factory=dict)

    def take(self, applied: Sequence[Applied]) -> None:
        """Called on the replica's thread."""
        now_ms = time.time() * 1000
        for entity_id, _ in applied:
            if entity_id not in self.down_at_ms and self.states.state_of(entity_id) is State.DOWN:
                self.down_at_ms[entity_id] = now_ms


@dataclass(frozen=True, slots=True)
class Cost:
    """Of the cluster so far: processor seconds, and bytes in the logs of its topics."""

    cpu_s: float
    log_bytes: int
    at_s: float

    def since(self, before: Cost) -> tuple[float, float]:
        """(processor seconds, bytes) a second since then."""
        took_s = self.at_s - before.at_s
        return (self.cpu_s - before.cpu_s) / took_s, (self.log_bytes - before.log_bytes) / took_s


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """`{"services", "all_down_p99_s", "all_down_s", "cpu_over_idle", "bytes_over_idle", ...}`."""
    with ExitStack() as stack:
        target = stack.enter_context(socket.create_server(("", 0), backlog=4096))
        cluster = stack.enter_context(rig(NODE_IDS, progress=_say))
        _add_services(cluster, arguments, target.getsockname()[1])
        seers = stack.enter_context(_watching(cluster))
        everything = set(cluster.seen.last)
        wait_until(lambda: _count(cluster, State.UP) == len(everything), DEADLINE_S, "every service UP")
        idle = _quiet(cluster, arguments.window, "all UP")
        before = _cost(cluster)
        _say("every target dies")
        target.close()
        wait_until(lambda: all(len(seer.down_at_ms) >= len(everything) for seer in seers), DEADLINE_S, "all DOWN")
        storm = _cost(cluster).since(before)
        down = _quiet(cluster, arguments.window, "all DOWN")
        detected = {service: state.changed_at_ms for service, state in cluster.states.items()}
        late_ms = sorted(max(seer.down_at_ms[service] for seer in seers) - at_ms for service, at_ms in detected.items())
        last_ms = max(max(seer.down_at_ms.values()) for seer in seers)
        return {
            "services": len(everything),
            "all_down_p99_s": round(late_ms[int(0.99 * (len(late_ms) - 1))] / 1000, 3),
            "all_down_s": round((last_ms - max(detected.values())) / 1000, 3),
            "detected_within_s": round((max(detected.values()) - min(detected.values())) / 1000, 3),
            "cpu_over_idle": round(down[0] / idle[0], 3),
            "bytes_over_idle": round(down[1] / idle[1], 3),
            "storm_cpu_over_idle": round(storm[0] / idle[0], 3),
            "storm_bytes_over_idle": round(storm[1] / idle[1], 3),
            "idle_cpu": round(idle[0], 3),
            "idle_bytes_per_s": round(idle[1]),
        }


def _add_services(cluster: Rig, arguments: argparse.Namespace, port: int) -> None:
    settings = {"type": "TCP", "interval": arguments.interval, "response_timeout": "500ms"}
    cluster.send([Operation(Verb.ADD, Kind.MONITOR, "tcp", {**settings, "down_time": arguments.down_time})])
    for start in range(0, arguments.services, SERVICES_PER_COMMAND):
        operations = []
        for number in range(start, min(arguments.services, start + SERVICES_PER_COMMAND)):
            name, place = f"s{number:06d}", {"address": address_of(number), "port": port}
            operations.append(Operation(Verb.ADD, Kind.SERVICE, name, place))
            operations.append(Operation(Verb.BIND, Kind.SERVICE, name, {}, Kind.MONITOR, "tcp"))
        cluster.send(operations)
    wait_until(lambda: len(cluster.seen.last) >= arguments.services, DEADLINE_S, "every service with a state")


@contextmanager
def _watching(cluster: Rig) -> Iterator[list[Seer]]:
    """Replicas of their own, beside those of the nodes."""
    with ExitStack() as stack:
        seers = []
        for _ in range(REPLICAS):
            states = stack.enter_context(closing(StateReplica(cluster.bootstrap, cluster.cluster)))
            states.wait_ready(30)
            seers.append(Seer(states))
            states.on_applied(seers[-1].take)
        yield seers


def _quiet(cluster: Rig, window_s: float, what: str) -> tuple[float, float]:
    """(processor seconds, bytes) a second while nothing changes."""
    time.sleep(3.0)  # what the last change left to do
    before = _cost(cluster)
    time.sleep(window_s)
    found = _cost(cluster).since(before)
    _say(f"{what}: {found[0]:.2f} processors, {found[1] / 1000:.1f} kB/s")
    return found


def _cost(cluster: Rig) -> Cost:
    nodes = [psutil.Process(node.pid) for node in cluster.nodes.running.values()]
    processes = [process for node in nodes for process in (node, *node.children(recursive=True))]
    cpu_s = sum(times.user + times.system for times in (process.cpu_times() for process in processes))
    logs = Path(cluster.nodes.log_dir.parent, "kafka").rglob(f"{cluster.cluster}.*/*.log")
    return Cost(cpu_s, sum(log.stat().st_size for log in logs), time.monotonic())


def _count(cluster: Rig, state: State) -> int:
    return sum(1 for service in cluster.seen.last if cluster.states.state_of(service) is state)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
