"""F9 and F15: nodes that come and go all the time, and those that must not come at all."""

from __future__ import annotations

import time

from confluent_kafka.admin import AdminClient

from infra import topics
from infra.cluster.nodes import NodeProcess, start_node
from schemas.cluster import Phase
from schemas.topics import VIEWS
from tests.chaos.tally import Tally
from tests.chaos.world import FAILOVER_S, SETTLED_S, World
from tests.integration.cluster import prepared
from tests.integration.conftest import delete_topics
from tests.waiting import let_pass, wait_until

CHURN_S = 60.0
QUICK_CHURN_S = 12.0
EVERY_S = 2.0
FEWEST, MOST = 2, 5
ALL_IDS = tuple(f"b{number}" for number in range(MOST))


def churn(world: World, tally: Tally) -> None:
    """F9: every two seconds a node joins or leaves, for a minute; then all are started anew, one after the other."""
    begun_s, leaving = time.monotonic(), []
    joins = leaves = 0
    with world.weather.changing():
        while time.monotonic() - begun_s < (QUICK_CHURN_S if world.quick else CHURN_S):
            step_s = time.monotonic()
            here = [node_id for node_id, node in world.cluster.nodes.running.items() if not node.asked_to_end]
            away = [node_id for node_id in ALL_IDS if node_id not in world.cluster.nodes.running]
            if away and (len(here) <= FEWEST or (len(here) < MOST and world.random.random() < 0.5)):
                world.cluster.nodes.start(world.node_of(away))
                joins += 1
            elif len(here) > FEWEST:
                leaving.append(world.cluster.node(world.node_of(here)))
                leaving[-1].terminate()
                leaves += 1
            let_pass(step_s + EVERY_S - time.monotonic())
            bury(world)
        tally.took_effect(f"{joins} joins and {leaves} leaves in {time.monotonic() - begun_s:.0f} s")
        wait_until(lambda: bury(world), SETTLED_S, "those that leave have left")
        world.settled()
        tally.note("view_changes_max", world.view_changes())
        roll(world, tally)
    tally.note("joins_and_leaves", joins + leaves)
    gaps = world.gaps_s(world.names, begun_s)
    late = {name: round(gap_s, 2) for name, gap_s in gaps.items() if gap_s > FAILOVER_S * world.patience}
    tally.require(not late, f"without a probe for too long: {late}")
    tally.seconds += gaps.values()


def bury(world: World) -> bool:
    """Forget the nodes that have ended; whether none is on its way out."""
    for node_id, node in list(world.cluster.nodes.running.items()):
        if node.asked_to_end and not node.is_alive:
            del world.cluster.nodes.running[node_id]
    return not any(node.asked_to_end for node in world.cluster.nodes.running.values())


def roll(world: World, tally: Tally) -> None:
    """Each node once: ended in order, started again, and the next one as soon as it serves."""
    for node_id in list(world.cluster.nodes.running):
        code = world.cluster.node(node_id).stop(SETTLED_S)
        tally.require(code == 0, f"{node_id} ended with code {code}")
        world.cluster.start(node_id)
    tally.took_effect(f"{len(world.cluster.nodes.running)} nodes started anew, one after the other")


def twins(world: World, tally: Tally) -> None:
    """F15: a node id that is in use, a whole second set of nodes, and a topic made anew: refused, with the reason."""
    before = {node_id: status.incarnation for node_id, status in world.cluster.control.nodes().items()}
    second = world.folder / f"second-{world.random.getrandbits(40):x}"
    with world.weather.changing():
        let_pass(world.random.uniform(0.0, 2.0))
        one = world.node_of(world.plan.node_ids)
        refused(world, tally, [start_node(one, world.cluster.bootstrap, world.cluster.name, second)])
        all_again = [
            start_node(node_id, world.cluster.bootstrap, world.cluster.name, second / "all")
            for node_id in world.plan.node_ids
        ]
        refused(world, tally, all_again)
        world.settled()
    now = {node_id: status for node_id, status in world.cluster.control.nodes().items() if node_id in before}
    tally.require(
        all(status.incarnation == before[node_id] and status.phase is Phase.SERVING for node_id, status in now.items()),
        f"those that were there first are not as they were: {now}",
    )
    recreated(world, tally)


def refused(world: World, tally: Tally, newcomers: list[NodeProcess]) -> None:
    """Each of these processes ends with code 1 and says that its node id is in use, and what to do."""
    for node in newcomers:
        started_s = time.monotonic()
        code = node.process.wait(SETTLED_S)
        told = node.last_lines()
        reasons = f"node id '{node.node_id}' is in use by another process" in told and "--id" in told
        tally.require(code == 1 and reasons, f"a second {node.node_id} ended with {code} and said {told}")
        tally.seconds.append(time.monotonic() - started_s)
    tally.took_effect(f"{len(newcomers)} processes under ids that are in use")


def recreated(world: World, tally: Tally) -> None:
    """A topic that is deleted and made anew under a running node: it ends, and says why."""
    name, folder = f"{world.cluster.name}-anew", world.folder / "anew" / f"{world.random.getrandbits(40):x}"
    try:
        with prepared(world.cluster.bootstrap, name, folder) as other:
            other.start("a0")
            node = other.node("a0")
            admin = AdminClient({"bootstrap.servers": other.bootstrap, "log_level": 0})
            admin.delete_topics([other.topic(VIEWS)])[other.topic(VIEWS)].result(SETTLED_S)
            wait_until(
                lambda: other.topic(VIEWS) not in admin.list_topics(timeout=SETTLED_S).topics, SETTLED_S, "no views"
            )
            topics.init(other.bootstrap, name)
            tally.took_effect("the topic `views` was deleted and made anew")
            code = node.process.wait(2 * SETTLED_S)
            told = node.last_lines(40)
            reasons = "made anew" in told and code == 1
            tally.require(reasons, f"a node under which `views` was made anew ended with {code} and said {told}")
    finally:
        delete_topics(world.cluster.bootstrap, name)
