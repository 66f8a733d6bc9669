"""Runs faults: a world for each, again and again in the same one, and a new one when something was not as it must be.

Rule: a run's seed is `<seed>/<fault>/<run>` and is printed before it; nothing else decides what is struck, and when. A
run that raises is a violation with the text of what was awaited: the other runs go on in a new world.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.kafka import own_kafka
from tests.chaos.links import HUB, lay
from tests.chaos.tally import Figures, Tally, summary
from tests.chaos.world import Plan, Site, World, world
from tests.integration.conftest import delete_topics
from tests.netns.network import Network

Inject = Callable[[World, Tally], None]


class Needs(Enum):
    """What a fault must have for itself."""

    NOTHING = "any Kafka"
    KAFKA = "a Kafka that it may stop"
    NETWORK = "a network, with a Kafka of its own in it: root and network namespaces"


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table."""

    name: str
    what: str
    holds: str
    inject: Inject
    plan: Plan = field(default_factory=Plan)
    figures: Figures = field(default_factory=dict)
    needs: Needs = Needs.NOTHING


@dataclass(frozen=True, slots=True)
class Result:
    """All runs of one fault: the figures, and every violation in words."""

    figures: dict[str, Any]
    violations: list[str]


def say(text: str) -> None:
    """To people; figures go to standard output."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Order:
    """How a fault is to be run. `services`: how many a fault with very many has."""

    seed: str
    runs: int = 1
    patience: float = 1.0
    quick: bool = False
    services: int | None = None


def run_fault(fault: Fault, bootstrap: str | None, order: Order) -> Result:
    """All runs of one fault; on a Kafka of its own where it needs one, or none is given."""
    if fault.needs is Needs.NETWORK:
        with Network(HUB, *fault.plan.node_ids) as network:
            links = lay(network)

            def inside() -> Result:
                with own_kafka(links.kafka) as kafka:
                    return run_all(fault, Site(kafka.bootstrap, kafka, links), order)

            return network.within(HUB, inside)
    if fault.needs is Needs.KAFKA or bootstrap is None:
        with own_kafka() as kafka:
            return run_all(fault, Site(kafka.bootstrap, kafka), order)
    return run_all(fault, Site(bootstrap), order)


def run_all(fault: Fault, site: Site, order: Order) -> Result:
    """All runs, in one world as long as nothing is violated in it."""
    tallies: list[Tally] = []
    while len(tallies) < order.runs:
        try:
            with _folder(fault) as folder, _world(fault, site, folder, order) as made:
                while len(tallies) < order.runs:
                    tally = run_once(fault, made, f"{order.seed}/{fault.name}/{len(tallies)}")
                    tallies.append(tally)
                    if tally.violations:
                        keep_logs(made, folder)
                        break
        except Exception as error:  # the world itself could not be made, or not ended
            say(traceback.format_exc())
            tallies.append(Tally(violations=[f"no world for it: {type(error).__name__}: {error}"]))
    violations = [text for tally in tallies for text in tally.violations]
    return Result(summary(tallies, fault.figures), violations)


def run_once(fault: Fault, made: World, seed: str) -> Tally:
    """One run: the world as every run finds it, the fault, the checks."""
    say(f"{fault.name} seed {seed}: {fault.what}")
    made.random, tally = Random(seed), Tally()
    try:
        made.begin()
        fault.inject(made, tally)
        made.end(tally)
    except Exception as error:
        tally.violations.append(f"{type(error).__name__}: {error}")
        say(traceback.format_exc())
    tally.close()
    for text in (*tally.effects, *(f"VIOLATION {text}" for text in tally.violations)):
        say(f"  {text[:2000]}")
    return tally


def keep_logs(made: World, folder: Path) -> None:
    """The nodes' logs outlive a run that went wrong."""
    kept = Path(tempfile.mkdtemp(prefix="watchbill-chaos-"))
    (folder / "logs").rename(kept / "logs")
    say(f"  logs of the nodes of cluster {made.cluster.name}: {kept}")


@contextmanager
def _folder(fault: Fault) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"chaos-{fault.name}-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def _world(fault: Fault, site: Site, folder: Path, order: Order) -> Iterator[World]:
    name = f"chaos-{fault.name.lower()}-{uuid.uuid4().hex[:6]}"
    with ExitStack() as stack:
        stack.callback(delete_topics, site.bootstrap, name)
        made = stack.enter_context(world(site, name, folder, fault.plan, order.seed, order.patience))
        made.quick, made.services = order.quick, order.services
        yield made
