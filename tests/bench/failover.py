"""Bench `failover`: kill -9 and SIGTERM of nodes, until every service of the lost node has a state of its new owner.

What is measured: from the signal to the moment at which a StateReplica outside the cluster has applied, for the last of
the node's services, a state that names another owner. The session time-out is 1.5 s; a killed node is noticed by the
consumer group when its session ends, so 1.5 s less the time since its last heartbeat is the floor. A SIGTERM of each
node comes first and is not counted: a Kafka that has just been started compiles its code in a takeover's time.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import sys
import time
from typing import Any

from infra.cluster.nodes import wait_until
from schemas.identifiers import SEATS, EntityId, NodeId, seat_of
from streams.ownership.placement import place
from tests.bench.rig import Rig, rig

NODE_IDS = ("b0", "b1", "b2")
DEADLINE_S = 120.0
PROBES_PER_S = 2_000
"""More of them, and the bench measures how fast one machine probes for three nodes."""
SETTLE_S = 3.0
"""Between rounds: a node that has just come probes thousands of services for the first time, on the processor that the
next takeover is to be measured on.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--terms", type=int, default=10)
    parser.add_argument("--interval", help="interval of the probes (default: 5s, or what gives 2,000 probes a second)")
    parser.add_argument("--settle", type=float, default=SETTLE_S, help="seconds of rest between two rounds")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """`{"services", "kill_p50_s", "kill_p99_s", "term_p50_s", "term_p99_s", ...}`; p99 of few rounds is the worst."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as target, rig(NODE_IDS, progress=_say) as cluster:
        port = target.getsockname()[1]
        interval = arguments.interval or f"{max(5, arguments.services // PROBES_PER_S)}s"
        applied_s = cluster.add_services(arguments.services, interval=interval, port=port)
        wait_until(lambda: _is_placed(cluster), DEADLINE_S, "every service owned by whom placement names")
        _say(f"{arguments.services} services with a state after {applied_s:.1f} s, owners {cluster.seen.by_owner()}")
        for node_id in NODE_IDS:
            _round(cluster, node_id, arguments.settle, kill=False)
        _say("warm: the rounds from here on count")
        kills = [
            _round(cluster, NODE_IDS[number % 3], arguments.settle, kill=True) for number in range(arguments.kills)
        ]
        terms = [
            _round(cluster, NODE_IDS[number % 3], arguments.settle, kill=False) for number in range(arguments.terms)
        ]
    return {
        "services": arguments.services,
        "interval": interval,
        "applied_s": round(applied_s, 2),
        "settle_s": arguments.settle,
        **_figures("kill", kills),
        **_figures("term", terms),
    }


def _round(cluster: Rig, node_id: str, settle_s: float, *, kill: bool) -> float:
    """End one node, wait until each of its services is another's, start it again and wait until it owns its share."""
    time.sleep(settle_s)
    node = cluster.nodes.running[NodeId(node_id)]
    orphans = [service for service, owner in cluster.seen.owners().items() if owner == node.node_id]
    last, left = cluster.seen.last, _newest_view(cluster)
    started = time.monotonic()
    if kill:
        node.kill()
    else:
        node.terminate()
    _wait_told(cluster, orphans, left)
    took_s = max(last[service][0] for service in orphans) - started
    owners = cluster.seen.owners()
    assert all(owners[service] != node.node_id for service in orphans), "told under a new view, by the old owner"
    left = _newest_view(cluster)
    node.stop()
    cluster.nodes.start(node_id)
    cluster.nodes.wait_serving(cluster.control, NODE_IDS)
    _wait_told(cluster, orphans, left)
    wait_until(lambda: _is_placed(cluster), DEADLINE_S, "every service owned by whom placement names")
    _say(f"{'kill' if kill else 'term'} {node_id}: {len(orphans)} services taken over in {took_s:.2f} s")
    return took_s


def _newest_view(cluster: Rig) -> int:
    return max(view for _, view in cluster.seen.last.values())


def _wait_told(cluster: Rig, services: list[EntityId], view_id: int) -> None:
    """Until each has a state of a later view. By heads, and each is looked at once: this machine has other work."""
    last, untold = cluster.seen.last, services.copy()

    def told() -> bool:
        while untold and last[untold[-1]][1] > view_id:
            untold.pop()
        return not untold

    wait_until(told, DEADLINE_S, f"a state later than view {view_id} of {len(services)} services")


def _is_placed(cluster: Rig) -> bool:
    """Whether each service's last state names the owner that the pure placement gives for all nodes (O-4)."""
    seats = place([NodeId(node_id) for node_id in NODE_IDS], SEATS)
    return all(owner == seats.node_of(seat_of(service)) for service, owner in cluster.seen.owners().items())


def _figures(name: str, seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {
        f"{name}_p50_s": round(statistics.median(seconds), 3),
        f"{name}_p99_s": round(sorted(seconds)[min(len(seconds) - 1, int(0.99 * len(seconds)))], 3),
        f"{name}_rounds": len(seconds),
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
