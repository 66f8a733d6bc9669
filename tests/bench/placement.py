"""How even placement is and how much a join or a leave moves, over many sets of node names (O-9).

For N = 3..20 nodes and a few hundred name sets each, from four ways in which people name nodes: the highest load over
the mean, and the seats that moved between N-1 and N nodes over the ideal share 1/N, for a join of a random node
and for the leave of a random node. Beside it the same for `i % n` over the sorted names. Pure and seeded: every run
gives the same figures.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, quantiles
from typing import Any

from schemas.identifiers import SEATS, NodeId
from streams.ownership.placement import _place, place

Placer = Callable[[list[NodeId]], tuple[NodeId, ...]]


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one cluster size. Moves are shares of the ideal 1/N, over joins to N and leaves from N."""

    nodes: int
    max_over_mean: float
    max_over_mean_optimum: float
    moved_mean: float
    moved_p99: float
    moved_worst: float
    modulo_moved_mean: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Cluster sizes, name sets a size, seed."""
    parser.add_argument("--min-nodes", type=int, default=3)
    parser.add_argument("--max-nodes", type=int, default=20)
    parser.add_argument("--name-sets", type=int, default=300, help="sets of node names for each cluster size")
    parser.add_argument("--seed", type=int, default=1)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The worst figures over all sizes, and those over the 3 to 10 nodes that O-9 speaks of."""
    rows = []
    print("nodes  max/mean (integer optimum)   moved/ideal: mean   p99  worst   i % n: mean")
    for nodes in range(args.min_nodes, args.max_nodes + 1):
        row = measure(nodes, args.name_sets, args.seed)
        rows.append(row)
        print(
            f"{row.nodes:5}  {row.max_over_mean:8.3f} ({row.max_over_mean_optimum:.3f})"
            f"{row.moved_mean:29.2f} {row.moved_p99:5.2f} {row.moved_worst:6.2f} {row.modulo_moved_mean:13.2f}"
        )
    required = [row for row in rows if 3 <= row.nodes <= 10] or rows
    return {
        "max_over_mean": round(max(row.max_over_mean for row in rows), 3),
        "moved_over_ideal": round(max(row.moved_worst for row in rows), 3),
        "modulo_moved_over_ideal": round(max(row.modulo_moved_mean for row in rows), 3),
        "moved_over_ideal_mean_3_to_10": round(max(row.moved_mean for row in required), 3),
        "moved_over_ideal_p99_3_to_10": round(max(row.moved_p99 for row in required), 3),
        "moved_over_ideal_worst_3_to_10": round(max(row.moved_worst for row in required), 3),
        "max_over_mean_3_to_10": round(max(row.max_over_mean for row in required), 3),
        "place_20_nodes_ms": round(place_ms(20), 3),
    }


def measure(nodes: int, name_sets: int, seed: int) -> Row:
    """One cluster size: a set of names, the join of its last and the leave of a random one, many times."""
    chance = random.Random(seed * 1000 + nodes)
    loads, shares, modulo_shares = [], [], []
    for _ in range(name_sets):
        names = node_names(nodes, chance)
        for changed in (names[-1], chance.choice(names)):
            fewer = [name for name in names if name != changed]
            shares.append(moved_share(lambda given: place(given, SEATS).owners, fewer, names))
            modulo_shares.append(moved_share(by_modulo, fewer, names))
        loads.append(max(Counter(place(names, SEATS).owners).values()))
    mean = SEATS / nodes
    return Row(
        nodes=nodes,
        max_over_mean=max(loads) / mean,
        max_over_mean_optimum=-(-SEATS // nodes) / mean,
        moved_mean=fmean(shares),
        moved_p99=quantiles(shares, n=100, method="inclusive")[-1],
        moved_worst=max(shares),
        modulo_moved_mean=fmean(modulo_shares),
    )


def moved_share(placer: Placer, fewer: list[NodeId], more: list[NodeId]) -> float:
    """Seats that change node between the two sets, over the ideal share 1/N of the larger one."""
    changed = sum(old != new for old, new in zip(placer(fewer), placer(more), strict=True))
    return changed * len(more) / SEATS


def by_modulo(nodes: list[NodeId]) -> tuple[NodeId, ...]:
    """What O-9 is compared with: seat i on node i % n of the sorted names."""
    ordered = sorted(nodes)
    return tuple(ordered[index % len(ordered)] for index in range(SEATS))


def node_names(count: int, chance: random.Random) -> list[NodeId]:
    """Distinct node names in random order, in one of four styles that people use."""
    styles: tuple[Callable[[int], str], ...] = (
        lambda _: f"b{chance.randrange(40)}",
        lambda _: f"10.0.{chance.randrange(256)}.{chance.randrange(256)}",
        lambda _: f"monitor-{chance.randrange(16**8):08x}",
        lambda index: f"dc{chance.randrange(3)}-rack{chance.randrange(20)}-{index:02}.example.net",
    )
    style = chance.choice(styles)
    names: dict[NodeId, None] = {}
    while len(names) < count:
        names[NodeId(style(len(names)))] = None
    ordered = list(names)
    chance.shuffle(ordered)
    return ordered


def place_ms(nodes: int) -> float:
    """Milliseconds of one placement of nodes never seen before, hashes included; the median of a few."""
    taken = []
    for attempt in range(7):
        names = tuple(NodeId(f"fresh-{attempt}-{index:02}") for index in range(nodes))
        begin = time.perf_counter()
        _place(names, SEATS)
        taken.append((time.perf_counter() - begin) * 1000)
    return sorted(taken)[len(taken) // 2]
