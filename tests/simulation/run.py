"""One seed from beginning to end, and what came of it.

Rule: a seed gives the same outcome in any process that was started with PYTHONHASHSEED=0 (the entry sees to it): the
product walks over sets of texts, whose order is salted otherwise. `digest` is of every record of the log, so that two
runs that differ anywhere are told apart.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b

import structlog

from tests.simulation.checks import Breach, Checks
from tests.simulation.codec import Memory
from tests.simulation.faults import FAULTS
from tests.simulation.mutations import MUTATIONS
from tests.simulation.node import exchanged, exchanges
from tests.simulation.schedule import Schedule, schedule_of
from tests.simulation.simulation import Simulation
from tests.simulation.verdicts import Verdicts
from tests.simulation.world import World

REAL_CODEC_EVERY = 50
"""Of so many schedules one goes through Avro both ways."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed. `broken`: exceptions in the product that nobody took."""

    seed: int
    schedule: Schedule
    breaches: tuple[Breach, ...]
    broken: tuple[str, ...]
    counted: Counter[str]
    lines: tuple[str, ...]
    digest: str
    events: int
    cpu_s: float

    @property
    def good(self) -> bool:
        return not (self.breaches or self.broken)


def play(seed: int, mutation: str = "", traced: bool = False) -> Outcome:
    """Play a seed out, with a rule of the product taken away if `mutation` names one."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began_s = time.process_time()
    world = World(seed, traced)
    schedule = schedule_of(seed, world.random)
    memory = Memory(seed % REAL_CODEC_EVERY == 1)
    simulation = Simulation(world, schedule, memory, FAULTS)
    rows = MUTATIONS[mutation].rows if mutation else ()
    with exchanged([*exchanges(simulation.broker, memory), *rows]):
        checks = Checks(simulation)
        simulation.begin()
        world.run(schedule.end_s)
        Verdicts(checks).give()
        simulation.close()
    world.counted[f"kind {schedule.kind}"] += 1
    return Outcome(
        seed,
        schedule,
        tuple(checks.breaches),
        tuple(world.broken),
        world.counted,
        tuple(world.lines),
        _digest(simulation),
        world.events,
        time.process_time() - began_s,
    )


def _digest(simulation: Simulation) -> str:
    digest = blake2b(digest_size=8)
    for topic, history in sorted(simulation.broker.history.items()):
        for record in history:
            digest.update(f"{topic}/{record.partition_}/{record.at_s!r}/{record.sender}".encode())
            digest.update(record.value_ or b"")
    return digest.hexdigest()
