"""The stall watchdog on a real Kafka: a node whose Faust app reads no more starts it anew, and folds what had waited.

The node runs in this process, so that its app can be made to stall: a batch in hand waits for ever, as it does when
the end of a rebalance is never told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from infra.kafka.broker import Broker
from schemas.cluster import Phase
from schemas.identifiers import NodeId
from schemas.states import State
from streams.node.node import Node
from streams.node.settings import NodeSettings
from streams.node.stall import Progress
from tests.integration.cluster import Cluster, add_monitor, prepared
from tests.integration.targets import Ailment
from tests.waiting import wait_until

SOON_S = 60.0
STALLED_S = 2.0
"""Ten seconds in a real node; the rule is the same. Only while a stall is made: a busy machine commits late, too."""


async def until(condition: Callable[[], object], what: str) -> None:
    await asyncio.to_thread(wait_until, condition, SOON_S, what)


async def scene(cluster: Cluster) -> None:
    node = Node(NodeSettings(NodeId("b0"), cluster.bootstrap, cluster.name, session_timeout_s=1.5))
    running = asyncio.create_task(node.run())
    try:
        await until(lambda: node.phase is Phase.SERVING, "the node serves")
        await asyncio.to_thread(cluster.apply, add_monitor("tcp"))
        await asyncio.to_thread(cluster.add_services, ["web"], "tcp")
        await until(lambda: cluster.state("web") is State.UP, "web is UP")
        assert node.group.restarts == 0
        node.stall_watch._progress = Progress(STALLED_S)
        node.folding.fold_agent.between = True
        cluster.targets["web"].become(Ailment.CLOSED)
        await until(lambda: node.group.restarts == 1, "the app is started anew")
        node.stall_watch._progress = Progress()
        await until(lambda: cluster.state("web") is State.DOWN, "what had waited is folded")
        cluster.targets["web"].become(Ailment.NONE)
        await until(lambda: cluster.state("web") is State.UP, "and what comes then")
        assert node.group.restarts == 1
    finally:
        node.stopping.set()
        await running


def test_F7_a_stalled_app_is_started_anew_and_folds_what_had_waited(
    broker: Broker, cluster_name: str, tmp_path: Path
) -> None:
    with prepared(broker.bootstrap, cluster_name, tmp_path) as cluster:
        asyncio.run(scene(cluster))
        cluster.check_promise()
