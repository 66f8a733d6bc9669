"""From a seed to a schedule: how many nodes and services, what goes wrong when, and how long it lasts.

Rule: a schedule is data. Its kind is the seed's remainder, so that every kind has its share of any row of seeds; but
the kinds of APART have seeds of their own. All else comes from the world's one generator, in a fixed order.
Faults begin after the first view has settled, and end QUIET_S before the schedule does, so that what must heal has time
to.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

FAULTS_FROM_S = 3.0
FAULTS_S = 4.0
QUIET_S = 6.5
"""Of a session of 1.5 s: an expiry, a rebalance that waits for nobody, a view, a claim made again, and a handover."""
GROUPS = ("east", "west")
"""Node groups; a node is in one of them, or in none and so hosts only what is everywhere."""
RETURN_S = 4.0
"""Who left comes back after this and a while."""
SLOW_S = 2.5
"""A slow join, or faults of every kind on top of each other, may take so much longer than QUIET_S allows for."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to one node, or to all (""). `for_s` 0: it is not taken back."""

    at_s: float
    fault: str
    node: str = ""
    for_s: float = 0.0
    number: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a seed makes."""

    kind: str
    nodes: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    services: int
    steps: tuple[Step, ...]
    turns: tuple[tuple[int, float], ...]
    """(service, instant) at which a target turns."""
    end_s: float


KINDS: dict[str, tuple[str, ...]] = {
    "crash": ("crash",),
    "leave": ("leave",),
    "join": ("join", "join slowly"),
    "pause": ("pause",),
    "cut": ("cut", "cut out", "cut in"),
    "slow": ("slow", "slow", "loss", "join", "leave"),
    "blocked": ("blocked",),
    "broker": ("broker away",),
    "configure": ("configure",),
    "churn": ("leave", "join", "crash"),
    "poison": ("poison", "repeat", "foreign"),
    "clock": ("wall clock", "suspend"),
    "unreachable": ("targets cut", "compact"),
    "all": (
        "crash",
        "leave",
        "join",
        "pause",
        "cut",
        "cut in",
        "cut out",
        "slow",
        "loss",
        "blocked",
        "configure",
        "poison",
        "repeat",
        "foreign",
        "wall clock",
        "suspend",
        "targets cut",
        "compact",
    ),
}
"""A kind of schedule, and the faults that it is made of."""
WOKEN, WOKEN_FROM = "woken", 1_000_000
"""Nodes sleep while their engines do not, targets turn all the time, and who wakes has everything back at once (F3):
seeds of this kind begin at WOKEN_FROM.
"""
DEAF, DEAF_FROM = "deaf", 2_000_000
"""Nodes lose the group's coordinator and not the log (F5), in the same way: seeds begin at DEAF_FROM."""
DOUBTED, DOUBTED_FROM = "doubted", 3_000_000
"""Nodes lose their targets, of which there are many at several addresses (F6, U-8): seeds begin at DOUBTED_FROM."""
APART = {
    WOKEN: ("asleep",),
    DEAF: ("deaf", "deaf", "deaf", "leave", "join"),
    DOUBTED: ("targets cut",),
}
"""The faults of each; one node alone loses its targets, for where all do nobody can tell."""
TURNS = {WOKEN: (4, 16), DEAF: (4, 16), DOUBTED: (0, 1)}
"""How many turns of targets; 0 to 4 in other kinds."""

LASTS_S: dict[str, tuple[float, float]] = {
    "crash": (0.2, 3.0),
    "leave": (0.2, 3.0),
    "join": (0, 0),
    "join slowly": (0, 0),
    "pause": (0.3, 4.0),
    "suspend": (0.3, 4.0),
    "asleep": (1.3, 3.0),
    "deaf": (0.5, 4.0),
    "cut": (0.3, 4.0),
    "cut out": (0.3, 4.0),
    "cut in": (0.3, 4.0),
    "slow": (0.5, 3.0),
    "loss": (0.5, 3.0),
    "blocked": (0.3, 4.0),
    "broker away": (0.3, 4.0),
    "targets cut": (0.5, 3.0),
}
"""How long a fault lasts; one that is not here is done at once."""


ORDERLY = {"leave", "join", "join slowly", "compact", "configure", "foreign", "wall clock"}
"""What harms nobody: make before break holds through these."""


def schedule_of(seed: int, random: Random) -> Schedule:
    """The schedule of a seed. `random` is the world's, fresh."""
    kind = _kind_of(seed)
    count = random.choice((2, 3, 3, 3, 4))
    nodes = tuple(f"b{index}" for index in range(count))
    groups = tuple((random.choice(GROUPS),) if random.random() < 0.5 else () for _ in nodes)
    services = random.randint(12, 18) if kind == DOUBTED else random.randint(2, 4)
    steps = _steps(kind, nodes, random)
    count = random.randint(*TURNS.get(kind, (0, 4)))
    turns = sorted((random.randrange(services), random.uniform(1.0, FAULTS_FROM_S + FAULTS_S)) for _ in range(count))
    last_s = max([step.at_s + step.for_s + _aftermath_s(step.fault) for step in steps], default=FAULTS_FROM_S)
    end_s = max(last_s, FAULTS_FROM_S) + QUIET_S + SLOW_S * (kind == "all")
    return Schedule(kind, nodes, groups, services, steps, tuple(turns), end_s)


def _kind_of(seed: int) -> str:
    for kind, first in ((DOUBTED, DOUBTED_FROM), (DEAF, DEAF_FROM), (WOKEN, WOKEN_FROM)):
        if seed >= first:
            return kind
    return tuple(KINDS)[seed % len(KINDS)]


def _aftermath_s(fault: str) -> float:
    """What a fault brings after its end."""
    return RETURN_S if fault == "leave" else SLOW_S if fault.startswith("join") else 0.0


def _steps(kind: str, nodes: tuple[str, ...], random: Random) -> tuple[Step, ...]:
    faults = KINDS.get(kind) or APART[kind]
    count = random.randint(3, 6) if kind in ("all", "churn", "poison", "configure", "slow") else random.randint(1, 3)
    steps: list[Step] = []
    if kind == DOUBTED:
        count = 1  # two short cuts may fail the same two services twice, and no others
    joined = len(nodes)
    for _ in range(count):
        fault = random.choice(faults)
        at_s = FAULTS_FROM_S + random.random() * FAULTS_S
        low, high = LASTS_S.get(fault, (0.0, 0.0))
        node = nodes[0] if kind == DOUBTED else random.choice(nodes)
        if fault.startswith("join"):
            node, joined = f"b{joined}", joined + 1
        steps.append(Step(at_s, fault, node, low + (high - low) * random.random(), random.randrange(1 << 30)))
    if random.random() < 0.3:
        steps.append(Step(FAULTS_FROM_S + random.random() * FAULTS_S, "compact"))
    return tuple(sorted(steps, key=lambda step: step.at_s))
