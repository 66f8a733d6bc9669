"""F5 and F6: nodes that are cut off, from Kafka or from their targets; all packets, one direction, or some of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle

from schemas.codec import decode
from schemas.identifiers import EntityId
from schemas.probes import ProbeResults
from schemas.topics import PROBE_RESULTS
from tests.chaos.links import TARGET_HOSTS, Way
from tests.chaos.tally import Tally
from tests.chaos.weather import wall_ms
from tests.chaos.world import SETTLED_S, World
from tests.integration.cluster import add_monitor, add_service, bind, readable
from tests.integration.targets import Ailment, Target
from tests.waiting import let_pass, wait_until

NOISY = 12
NOISE_S = 0.1
QUICK_S = 4.0
CUT_FROM_TARGETS_S = 8.0
LOSS_PERCENT = 30


@dataclass(frozen=True, slots=True)
class Cut:
    """One way to be cut off from Kafka."""

    what: str
    way: Way
    percent: int
    lasts_s: float


CUTS = (
    Cut("5 s, both ways", Way.BOTH, 100, 5.0),
    Cut("30 s, both ways", Way.BOTH, 100, 30.0),
    Cut("5 s, what Kafka sends", Way.IN, 100, 5.0),
    Cut("5 s, what the node sends", Way.OUT, 100, 5.0),
    Cut(f"15 s, {LOSS_PERCENT} % of the packets", Way.BOTH, LOSS_PERCENT, 15.0),
)


def from_kafka(world: World, tally: Tally) -> None:
    """F5: who is cut off stops before its successor begins, and publishes nothing old when it is back."""
    cut, links = world.random.choice(CUTS), world.site.links
    victim = world.node_of(world.plan.node_ids)
    lasts_s = min(cut.lasts_s, QUICK_S) if world.quick else cut.lasts_s
    world.grace_s = lasts_s if cut.percent < 100 else 0.0
    before = links.dropped(victim)
    with world.weather.changing(), noise(world):
        let_pass(world.random.uniform(1.0, 3.0))
        view_id, cut_ms = world.cluster.view().view_id, wall_ms()
        owned = {key for key, state in world.cluster.states.items() if state.owner == victim}
        links.cut(victim, (links.kafka,), cut.way, cut.percent)
        try:
            let_pass(lasts_s)
        finally:
            links.heal(victim)
        dropped = links.dropped(victim) - before
        if dropped:
            tally.took_effect(f"{victim} cut off from Kafka, {cut.what}: {dropped} packets dropped")
        world.settled()
    margin_s = succession_s(world, victim, owned, view_id, cut_ms)
    if margin_s is not None:
        tally.note("margin_min_s", margin_s)
        tally.require(margin_s > 0, f"{victim} reported {-margin_s:.3f} s after its successor had begun")
    tally.note("view_changes_max", world.view_changes())


def succession_s(world: World, old: str, owned: set[EntityId], view_id: int, cut_ms: int) -> float | None:
    """The least time, over the services, from the last results of the old owner behind the cut to the first state of
    the next view, both by the broker's clock. None if the old owner sent nothing more, or nobody took over.
    """
    last: dict[EntityId, int] = {}
    for record in readable(world.cluster.records(PROBE_RESULTS), ProbeResults):
        batch, at_ms = decode(ProbeResults, record.value()), record.timestamp()[1]
        if (batch.node_id, batch.view_id) == (old, view_id) and at_ms >= cut_ms:
            last.update((service, at_ms) for service in (*batch.claims, *(run.service_id for run in batch.runs)))
    first: dict[EntityId, int] = {}
    for one in world.states():
        if one.state and one.state.view_id > view_id and one.entity_id in owned:
            first.setdefault(one.entity_id, one.at_ms)
    return min(((first[service] - last[service]) / 1000 for service in first.keys() & last.keys()), default=None)


def from_targets(world: World, tally: Tally) -> None:
    """F6: who reaches no target any more says that it doubts itself, and nobody is told DOWN for it."""
    victim, links = world.node_of(world.plan.node_ids), world.site.links
    before = links.dropped(victim)
    let_pass(world.random.uniform(0.0, 1.0))
    links.cut(victim, TARGET_HOSTS, world.random.choice((Way.BOTH, Way.IN, Way.OUT)))
    try:
        suspected_s = wait_until(lambda: suspects(world) == {victim}, SETTLED_S, f"{victim} doubts itself")
        let_pass(QUICK_S if world.quick else CUT_FROM_TARGETS_S)
        tally.require(bool(suspected_s) and victim in suspects(world), f"{victim} doubts itself no more")
    finally:
        links.heal(victim)
    mine = len(world.owned_by(victim))
    tally.took_effect(f"{victim} cut off from the targets of {mine} services: {links.dropped(victim) - before} packets")
    wait_until(lambda: not suspects(world), SETTLED_S, "nobody doubts itself any more")


def suspects(world: World) -> set[str]:
    """The nodes that say they doubt themselves."""
    return {node for node, status in world.cluster.control.nodes().items() if status.suspect}


@contextmanager
def noise(world: World) -> Iterator[None]:
    """Services that change all the time, so that an owner always has a state to write; nobody judges them."""
    targets, ended = noisy_targets(world), threading.Event()

    def change() -> None:
        ailments = cycle((Ailment.ERROR, Ailment.NONE))
        while not ended.wait(NOISE_S):
            ailment = next(ailments)
            for target in targets:
                target.become(ailment)

    thread = threading.Thread(target=change, name="noise", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for target in targets:
            target.become(Ailment.NONE)


def noisy_targets(world: World) -> list[Target]:
    """Made once for a world."""
    if not world.noise:
        targets = [world.cluster.farm.target() for _ in range(NOISY)]
        names = [f"noise{number:02d}" for number in range(NOISY)]
        world.cluster.apply(
            add_monitor("noise", "HTTP", interval="100ms", response_timeout="90ms", retries=1, down_time="100ms"),
            *(add_service(name, target.port, address=target.host) for name, target in zip(names, targets, strict=True)),
            *(bind(name, "noise") for name in names),
        )
        wait_until(lambda: all(world.cluster.states.by_name(name) for name in names), SETTLED_S, "the noise is known")
        world.noise += targets
    return world.noise
