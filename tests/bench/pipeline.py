"""Bench `pipeline`: from a result put into `probe-results` to the state read by a replica, at a steady rate of flips.

Three nodes and a real Kafka. The services' only monitor is so slow that the engines are quiet; the bench itself then
reports in the owners' names (their incarnation, their view, numbers above theirs), in batches per partition every
10 ms, as nodes do. Each report flips its service, and is timed by its own record: the state that it causes names the
record's partition and offset. The clock runs from the moment the batch is handed to the producer, which is what waits
for nobody, to the replica's callback. Reports whose state never comes are lost.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from statistics import quantiles
from typing import Any

import psutil

from connectors.kafka.producer import Delivery, OwnProducer
from connectors.kafka.settings import KafkaAccess
from connectors.replica.states import Change
from infra.cluster.nodes import wait_until
from schemas.codec import encode
from schemas.identifiers import EntityId, NodeId, Partition, ViewId, partition_of
from schemas.probes import ProbeResults, ProbeRun, Reason, Verdict
from schemas.states import ServiceState, State
from schemas.topics import PROBE_RESULTS, topic_name
from tests.bench.rig import Rig, rig

NODE_IDS = ("b0", "b1", "b2")
TICK_S = 0.010
FIRST_SEQUENCE = 1_000_000_000
"""Above every number that the real engines reach meanwhile."""
DRAIN_S = 10.0
DELIVERY_TIMEOUT_MS = 10_000

Spot = tuple[int, int]
"""Partition and offset of a batch in `probe-results`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    parser.add_argument("--rate", type=float, default=500.0, help="flips per second")
    parser.add_argument("--seconds", type=float, default=25.0, help="how long is measured")
    parser.add_argument("--warm-up", type=float, default=10.0, help="seconds at the same rate before; JVM and caches")
    parser.add_argument("--services", type=int, default=500)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """`{"rate", "p50_ms", "p99_ms", "max_ms", "lost", "flips", "services", CPU seconds of nodes and broker}`."""
    with rig(NODE_IDS, progress=_say) as cluster:
        cluster.add_services(arguments.services, interval="1h", port=9, retries=1)
        settled(cluster, arguments.services)
        flipper = Flipper(cluster)
        cluster.states.on_change(lambda changes: flipper.timings.seen(time.monotonic(), changes))
        _say(f"warming up: {arguments.rate:g} flips/s over {arguments.services} services")
        flipper.flip(arguments.rate, arguments.warm_up)
        flipper.drain()
        flipper.timings.clear()
        before = cpu_seconds(cluster)
        started = time.monotonic()
        flips = flipper.flip(arguments.rate, arguments.seconds)
        took_s = time.monotonic() - started
        cpu = {name: round(after - before[name], 2) for name, after in cpu_seconds(cluster).items()}
        flipper.drain()
        flipper.close()
        return {**figures(flipper.timings, flips, took_s), "services": arguments.services, **cpu}


def settled(cluster: Rig, services: int) -> None:
    """Wait until every service has been probed once by its real owner, and states stop coming."""

    def judged() -> bool:
        return sum(state.state is not State.UNKNOWN for state in cluster.states.values()) == services

    wait_until(judged, 60, "every service judged once by its owner")


@dataclass(slots=True)
class Timings:
    """When each flip was sent, by its place in the log, and how long its state took. Any thread."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    sent: dict[Spot, tuple[float, set[EntityId]]] = field(default_factory=dict)
    early: dict[Spot, list[tuple[float, EntityId]]] = field(default_factory=lambda: defaultdict(list))
    took_ms: list[float] = field(default_factory=list)

    def delivered(self, spot: Spot, sent_s: float, services: set[EntityId]) -> None:
        """A batch has its place; states that were quicker than this notice are counted now."""
        with self.lock:
            self.sent[spot] = (sent_s, services)
            for seen_s, service in self.early.pop(spot, ()):
                self._count(spot, seen_s, service)

    def seen(self, now_s: float, changes: Sequence[Change]) -> None:
        """States came in, on the replica's thread."""
        with self.lock:
            for change in changes:
                if change.after is not None:
                    self._count((change.after.cause.partition, change.after.cause.offset), now_s, change.entity_id)

    def _count(self, spot: Spot, seen_s: float, service: EntityId) -> None:
        known = self.sent.get(spot)
        if known is None:
            self.early[spot].append((seen_s, service))
        elif service in known[1]:
            known[1].discard(service)
            self.took_ms.append((seen_s - known[0]) * 1000)

    def waiting(self) -> int:
        """Flips whose state has not come."""
        with self.lock:
            return sum(len(services) for _, services in self.sent.values())

    def clear(self) -> None:
        """Forget the warm-up."""
        with self.lock:
            self.sent.clear()
            self.early.clear()
            self.took_ms.clear()


class Flipper:
    """Reports flips in the owners' names, 10 ms apart, evenly over the services."""

    def __init__(self, cluster: Rig) -> None:
        self._topic = topic_name(cluster.cluster, PROBE_RESULTS)
        self._producer = OwnProducer(
            KafkaAccess(cluster.bootstrap, "bench-flipper"), delivery_timeout_ms=DELIVERY_TIMEOUT_MS, linger_ms=0
        )
        self._states = {state.entity_id: state for state in cluster.states.values()}
        self._up = {service: state.state is State.UP for service, state in self._states.items()}
        self._turn: Iterator[EntityId] = cycle(sorted(self._states, key=lambda service: partition_of(service) * 7 % 64))
        self._sequence = FIRST_SEQUENCE
        self.undelivered = 0
        self.timings = Timings()

    def flip(self, rate: float, seconds: float) -> int:
        """Flip at this rate for so long; how many flips."""
        started_s = time.monotonic()
        done = 0
        while (now_s := time.monotonic()) < started_s + seconds:
            due = int((now_s - started_s) * rate) - done
            self._send([next(self._turn) for _ in range(due)])
            done += due
            time.sleep(max(0.0, TICK_S - (time.monotonic() - now_s)))
        return done

    def drain(self) -> None:
        """Wait for the last states; what does not come is lost."""
        limit_s = time.monotonic() + DRAIN_S
        while (self._producer.waiting() or self.timings.waiting()) and time.monotonic() < limit_s:
            time.sleep(TICK_S)

    def close(self) -> None:
        """End the producer."""
        self._producer.close()

    def _send(self, services: Sequence[EntityId]) -> None:
        """One batch for each (owner, partition), as a node's tick makes them."""
        batches: dict[tuple[NodeId, str, ViewId, Partition], list[EntityId]] = defaultdict(list)
        for service in dict.fromkeys(services):
            state = self._states[service]
            batches[(state.owner, state.incarnation, state.view_id, partition_of(service))].append(service)
        for (node, incarnation, view, partition), group in batches.items():
            now_ms = int(time.time() * 1000)
            runs = tuple(self._run(self._states[service], now_ms) for service in group)
            value = encode(ProbeResults(node, incarnation, view, now_ms, (), runs))
            self._produce(partition, node, value, set(group))

    def _produce(self, partition: Partition, node: NodeId, value: bytes, services: set[EntityId]) -> None:
        sent_s = time.monotonic()

        def on_delivery(delivery: Delivery) -> None:
            if delivery.error is None:
                self.timings.delivered((partition, delivery.offset), sent_s, services)
            else:
                self.undelivered += len(services)

        if not self._producer.send(self._topic, partition, node.encode(), value, on_delivery):
            self.undelivered += len(services)

    def _run(self, state: ServiceState, now_ms: int) -> ProbeRun:
        """A run of one probe with the other verdict; `retries` is 1, so it decides."""
        self._sequence += 1
        up = self._up[state.entity_id] = not self._up[state.entity_id]
        verdict, reason = (Verdict.UP, Reason.OK) if up else (Verdict.DOWN, Reason.REFUSED)
        monitor = state.bindings[0].monitor_id
        number = self._sequence
        return ProbeRun(state.entity_id, monitor, number, number, verdict, reason, "", now_ms, now_ms, 1, 100, 100, 100)


def figures(timings: Timings, flips: int, took_s: float) -> dict[str, Any]:
    """What was measured; a state that never came is lost, whatever else was quick."""
    took_ms = sorted(timings.took_ms)
    if len(took_ms) < 100:
        raise RuntimeError(f"only {len(took_ms)} of {flips} flips came through: nothing to measure")
    cuts = quantiles(took_ms, n=1000)
    return {
        "rate": round(flips / took_s, 1),
        "p50_ms": round(cuts[499], 1),
        "p90_ms": round(cuts[899], 1),
        "p99_ms": round(cuts[989], 1),
        "p999_ms": round(cuts[998], 1),
        "max_ms": round(took_ms[-1], 1),
        "lost": flips - len(took_ms),
        "flips": flips,
        "seconds": round(took_s, 1),
    }


def cpu_seconds(cluster: Rig) -> dict[str, float]:
    """CPU seconds so far of each node with its engines, of the broker, and of this process."""
    found = {f"cpu_{node_id}_s": _tree_cpu(node.pid) for node_id, node in cluster.nodes.running.items()}
    brokers = [child.pid for child in psutil.Process().children() if "kafka.Kafka" in " ".join(child.cmdline())]
    return {**found, "cpu_broker_s": sum(map(_tree_cpu, brokers)), "cpu_bench_s": _own_cpu(psutil.Process())}


def _tree_cpu(pid: int) -> float:
    process = psutil.Process(pid)
    return sum(_own_cpu(each) for each in [process, *process.children(recursive=True)])


def _own_cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
