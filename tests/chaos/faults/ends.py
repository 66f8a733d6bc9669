"""F1 and F2: nodes that end. By kill -9 (an owner, the leader, the proposer in the middle of it) and by SIGTERM."""

from __future__ import annotations

import time
from enum import Enum

from tests.chaos.tally import Tally
from tests.chaos.world import FAILOVER_S, SETTLED_S, World
from tests.waiting import let_pass, wait_until

HANDOVER_S = 0.5
INTERVAL_S = 0.25
MISSED_S = 2 * INTERVAL_S
"""So long without a probe, and one interval went by without any."""
TWO_AT_ONCE_S = 0.2


class Victim(Enum):
    """Whom kill -9 strikes."""

    OWNER = "an owner that does not lead"
    LEADER = "the leader, who proposed the view in force"
    PROPOSER = "the leader, while it is to propose a view without a node that leaves"


def kill(world: World, tally: Tally) -> None:
    """F1: each service of the killed node has a new owner within the failover time."""
    role = world.random.choice(list(Victim))
    leader = world.proposer()
    others = [node_id for node_id in world.plan.node_ids if node_id != leader]
    victim = world.node_of(others) if role is Victim.OWNER else leader
    with world.weather.changing():
        let_pass(world.random.uniform(0.0, 2.0))
        gone = {victim}
        mine, view_id = world.owned_by(victim), world.cluster.view().view_id
        if role is Victim.PROPOSER:
            leaver = world.node_of(others)
            gone.add(leaver)
            world.cluster.node(leaver).terminate()
            let_pass(world.random.uniform(0.0, TWO_AT_ONCE_S))
        struck_s = time.monotonic()
        world.cluster.node(victim).kill()
        if not world.cluster.node(victim).is_alive:
            tally.took_effect(f"killed {victim}: {role.value}; it owned {len(mine)} services")
        remaining = set(world.plan.node_ids) - gone
        wait_until(
            lambda: set(world.cluster.view().nodes) == remaining and not set(world.owned_by(*gone)) & set(mine),
            SETTLED_S,
            f"the services of {sorted(gone)} are others'",
        )
        told = wait_until(lambda: world.told_after(mine, view_id), SETTLED_S, "told by their new owners")
        world.cluster.wait_serving(remaining)
        for node_id in gone:
            world.cluster.node(node_id).process.wait(SETTLED_S)
    tally.took((at_s - struck_s for at_s in told.values()), FAILOVER_S * world.patience, "a service without an owner")
    for gap_s in world.gaps_s(mine, struck_s).values():
        tally.note("probe_gap_max_s", gap_s)


def leave(world: World, tally: Tally) -> None:
    """F2: the services of a node that is asked to end are others' within half a second, and no interval is missed."""
    victim = world.node_of(world.plan.node_ids)
    with world.weather.changing():
        let_pass(world.random.uniform(0.0, 2.0))
        mine, view_id = world.owned_by(victim), world.cluster.view().view_id
        asked_s = time.monotonic()
        world.cluster.node(victim).terminate()
        told = wait_until(lambda: world.told_after(mine, view_id), SETTLED_S, "told by their new owners")
        ended_s = time.monotonic() + 2 * INTERVAL_S
        code = world.cluster.node(victim).process.wait(SETTLED_S)
        tally.require(code == 0, f"{victim} ended with code {code}")
        tally.took_effect(f"{victim} left in order; it owned {len(mine)} of the services")
        let_pass(ended_s - time.monotonic())
    tally.took((at_s - asked_s for at_s in told.values()), HANDOVER_S * world.patience, "the handover")
    gaps = world.gaps_s(mine, asked_s)
    late = {name: round(gap_s, 2) for name, gap_s in gaps.items() if gap_s > MISSED_S * world.patience}
    tally.require(not late, f"intervals without a probe: {late}")
    for gap_s in gaps.values():
        tally.note("probe_gap_max_s", gap_s)
