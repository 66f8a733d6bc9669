"""F11 on a real Kafka: a node that is stopped, or that gets a tenth of a processor, takes nothing DOWN.

The node and its engines are held up by signals; the targets, in this process, go on answering all the while.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
import pytest

from infra.kafka.broker import Broker
from schemas.config import Setting
from schemas.states import ServiceTransition, State
from schemas.topics import SERVICE_TRANSITIONS
from tests.integration.cluster import Cluster, add_monitor, decoded, running
from tests.integration.conftest import delete_topics
from tests.starving import starved, stopped
from tests.waiting import wait_until

NAMES = [f"svc{number}" for number in range(60)]
PATIENT: dict[str, Setting] = {"interval": "500ms", "response_timeout": "450ms", "retries": 2}
STOPPED_S = 3.0
STARVED_S = 15.0
SOON_S = 60.0


@pytest.fixture(scope="module")
def cluster(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes, sixty services that are UP."""
    with running(broker.bootstrap, "starved", tmp_path_factory.mktemp("starved")) as made:
        made.apply(add_monitor("http", "HTTP", **PATIENT))
        made.add_services(NAMES, "http")
        made.wait_states(NAMES, State.UP)
        yield made
    delete_topics(broker.bootstrap, "starved")


def processes(cluster: Cluster, node: str) -> list[int]:
    """A node and its engines."""
    found = psutil.Process(cluster.node(node).pid)
    return [found.pid, *(child.pid for child in found.children(recursive=True))]


def all_probed_since(cluster: Cluster, since_s: float) -> bool:
    return all(target.probed_at_s[-1] > since_s for target in cluster.targets.values())


def check_nothing_went_down(cluster: Cluster) -> None:
    lines = decoded(cluster.records(SERVICE_TRANSITIONS), ServiceTransition)
    wrong = [line for line in lines if line.after is not State.UP]
    assert not wrong, "; ".join(f"{line.name} {line.after.value} by {line.owner}: {line.cause.text}" for line in wrong)
    cluster.check_promise(allow_ineffective=True)


def passed(until_s: float) -> bool:
    return time.monotonic() > until_s


def test_F11_a_node_that_was_stopped_takes_nothing_down(cluster: Cluster) -> None:
    with stopped(processes(cluster, "b0")):
        until_s = time.monotonic() + STOPPED_S
        wait_until(lambda: passed(until_s), SOON_S, "the others have taken over")
    cluster.wait_serving()
    since_s = time.monotonic()
    wait_until(lambda: all_probed_since(cluster, since_s), SOON_S, "every target is probed again")
    check_nothing_went_down(cluster)


def test_F11_a_node_at_a_tenth_of_a_processor_takes_nothing_down(cluster: Cluster) -> None:
    before = cluster.view().view_id
    with starved(processes(cluster, "b1")):
        until_s = time.monotonic() + STARVED_S
        wait_until(lambda: passed(until_s), SOON_S + STARVED_S, "a while at a tenth of a processor")
        views = [offset for offset, _ in cluster.control.views() if offset > before]
        since_s = time.monotonic()
        wait_until(lambda: all_probed_since(cluster, since_s), SOON_S, "every target is probed all the same")
    cluster.wait_serving()
    assert len(views) <= 2, "nor does the cluster come and go"
    check_nothing_went_down(cluster)
