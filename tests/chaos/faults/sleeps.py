"""F3: zombies. A node that is stopped past its session and goes on, at any instant, and at the worst of all.

The worst is between the question for the lease and the send: that record cannot be kept from Kafka, so it must count
for no reader, and the partition's node must bury it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.cluster.nodes import SESSION_TIMEOUT_S, Launch
from schemas.codec import encode
from schemas.precedence import Order
from streams.audit.findings import StateRecord
from tests.chaos.paused_node import ARMED_VARIABLE
from tests.chaos.tally import Tally
from tests.chaos.world import SETTLED_S, World
from tests.integration.cluster import NODE_IDS
from tests.waiting import let_pass, wait_until

REPAIRED_S = 2.0
NEVER: Order = (-1, -1)
PAST_THE_SESSION_S = (0.3, 2.0)


def armed_file(folder: Path, node_id: str) -> Path:
    """Where it exists, this node stops before it sends the next state."""
    return folder / f"{node_id}.armed"


def launches(folder: Path) -> Mapping[str, Launch]:
    """Every node can be stopped so."""
    return {
        node_id: Launch(
            module="tests.chaos.paused_node",
            environment={ARMED_VARIABLE: str(armed_file(folder, node_id))},
        )
        for node_id in NODE_IDS
    }


def sleep(world: World, tally: Tally) -> None:
    """One sleep at a random instant, and one at the worst."""
    at_any_instant(world, tally)
    world.settled()
    sent = at_the_worst(world, tally)
    world.settled()
    world.wait_repaired()
    records = world.states()
    landed = [one for one in records if one.at_ms >= world.since_ms and one.state and encode(one.state) == sent]
    world.forged.update((one.partition, one.offset) for one in landed[:1])
    tally.note("stale_landed", len(landed[:1]))
    tally.took(lasted_s(records, landed[:1]), REPAIRED_S * world.patience, "a stale record was the last of its key")


def lasted_s(records: Sequence[StateRecord], stale: Sequence[StateRecord]) -> list[float]:
    """How long these were the last of their key, where a reader that comes anew would see another state than they do.

    A state that was folded again from the same results has the same view and sequence, and says the same.
    """
    found = []
    for one in stale:
        mine = [record for record in records if record.entity_id == one.entity_id]
        before = [order(record) for record in mine if record.offset < one.offset]
        behind = [record.at_ms for record in mine if record.offset > one.offset and order(record) >= max(before)]
        if before and max(before) > order(one):
            found.append((min(behind) - one.at_ms) / 1000)
    return found


def order(record: StateRecord) -> Order:
    """By what readers compare records."""
    return (record.state.view_id, record.state.sequence) if record.state else NEVER


def at_any_instant(world: World, tally: Tally) -> None:
    """SIGSTOP past the session, then SIGCONT: the node alone, or with its engines, as a machine that sleeps."""
    victim = world.node_of(world.plan.node_ids)
    whole = world.random.random() < 0.5
    with world.weather.changing():
        let_pass(world.random.uniform(0.0, 2.0))
        mine = world.owned_by(victim)
        node = world.cluster.node(victim)
        node.pause(with_engines=whole)
        try:
            replaced(world, tally, victim, mine, "with its engines" if whole else "alone")
            let_pass(world.random.uniform(*PAST_THE_SESSION_S))
        finally:
            node.resume()
        world.cluster.wait_serving(world.plan.node_ids)


def at_the_worst(world: World, tally: Tally) -> bytes:
    """Stop a node that has just been told that its lease holds, and is about to send a state; the state."""
    victim = world.node_of(world.plan.node_ids)
    mine = world.owned_by(victim)
    name = world.random.choice(mine)
    node, armed = world.cluster.node(victim), armed_file(world.folder, victim)
    armed.touch()
    world.weather.ill(name)
    try:
        wait_until(lambda: is_stopped(node.pid), SETTLED_S, f"{victim} stops before it sends {name}")
        replaced(world, tally, victim, mine, f"before it sent {name}")
        world.cluster.wait_record(name, lambda held: held.owner != victim, f"{name} told by its new owner")
    finally:
        armed.unlink(missing_ok=True)
        node.resume()
        world.weather.well(name)
    world.cluster.wait_serving(world.plan.node_ids)
    return Path(f"{armed}.sent").read_bytes()


def replaced(world: World, tally: Tally, victim: str, mine: list[str], how: str) -> None:
    """Wait until the sleeper's services are others'."""
    wait_until(
        lambda: victim not in world.cluster.view().nodes and not set(world.owned_by(victim)) & set(mine),
        SETTLED_S + SESSION_TIMEOUT_S,
        f"the services of {victim} are others'",
    )
    if is_stopped(world.cluster.node(victim).pid):
        tally.took_effect(f"{victim} slept past its session, {how}, and was replaced; it had owned {len(mine)}")


def is_stopped(pid: int) -> bool:
    """Whether a process stands still for a signal."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
