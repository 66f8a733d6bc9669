"""A topic that is deleted and made anew (F15): nodes that run end with the reason, and none starts on what is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from infra import topics
from infra.kafka.broker import Broker
from schemas.states import State
from schemas.topics import VIEWS, topic_name
from tests.integration.cluster import Cluster, add_monitor, running
from tests.integration.conftest import delete_topics
from tests.waiting import wait_until

NAME = "anew"


@pytest.fixture
def cluster(broker: Broker, tmp_path: Path) -> Iterator[Cluster]:
    with running(broker.bootstrap, NAME, tmp_path, ("b0", "b1")) as made:
        made.apply(add_monitor("http", "HTTP"))
        made.add_services(["web", "shop", "mail"], "http")
        made.wait_states(["web", "shop", "mail"], State.UP)
        yield made
    delete_topics(broker.bootstrap, NAME)


def make_anew(cluster: Cluster) -> None:
    """Delete `views`, and create it again as `watchbill init` does."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    name = topic_name(cluster.name, VIEWS)
    admin.delete_topics([name])[name].result(20)
    wait_until(lambda: name not in admin.list_topics(timeout=5).topics, 20, "the topic is gone")
    topics.init(cluster.bootstrap, cluster.name)


def test_F15_a_views_topic_made_anew_ends_every_node_and_lets_none_start(cluster: Cluster) -> None:
    for node_id in ("b1", "b0"):  # views rise: states speak of more than one record of the new topic will hold
        cluster.node(node_id).stop()
        cluster.start(node_id)
    wait_until(lambda: all(state.view_id >= 3 for state in cluster.states.values()), 20, "states of later views")
    make_anew(cluster)
    for node_id in ("b0", "b1"):
        node = cluster.node(node_id)
        wait_until(lambda node=node: not node.is_alive, 40, f"{node_id} ends")
        assert node.process.returncode == 1, node.last_lines()
        assert "was deleted and made anew" in node.last_lines(40)

    cluster.nodes.start("b2")
    late = cluster.node("b2")
    wait_until(lambda: not late.is_alive, 40, "b2 ends")
    assert late.process.returncode == 1, late.last_lines()
    assert f"but the last record of {NAME}.views is" in late.last_lines(40)
    assert {state.state for state in cluster.states.values()} == {State.UP}, "the last states stay"
