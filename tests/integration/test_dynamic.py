"""DRTM on real nodes: services in different partitions have one owner, and follow the first of them (T12, DR)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pytest

from infra.kafka.broker import Broker
from schemas.config import Verb
from schemas.identifiers import EntityId, NodeId, order_of, partition_of
from schemas.probes import Verdict
from schemas.states import State
from streams.ownership.owner import owner
from tests.integration.cluster import Cluster, add_monitor, on_service, running
from tests.integration.conftest import delete_topics
from tests.integration.targets import Ailment
from tests.waiting import wait_until

NAME = "dynamic"
DYNAMIC = [f"d{number}" for number in range(8)]
PLAIN = [f"p{number}" for number in range(8)]


@pytest.fixture(scope="module")
def cluster(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(broker.bootstrap, NAME, tmp_path_factory.mktemp(NAME), ("b0", "b1")) as running_cluster:
        running_cluster.apply(add_monitor("plain"), add_monitor("drtm", deviation="50ms"))
        running_cluster.add_services(DYNAMIC, "drtm")
        running_cluster.add_services(PLAIN, "plain")
        running_cluster.wait_states([*DYNAMIC, *PLAIN], State.UP)
        yield running_cluster
    delete_topics(broker.bootstrap, NAME)


def by_itself(cluster: Cluster, entity_id: EntityId) -> NodeId | None:
    """Who would own a service that is not dynamic."""
    view = cluster.view()
    return owner(entity_id, None, view)


def wait_owners(cluster: Cluster, names: Collection[str], node: NodeId | None) -> None:
    wait_until(lambda: set(cluster.owners(names).values()) == {node}, 20, f"{sorted(names)} with {node}")


def test_DR2_dynamic_services_of_different_partitions_have_the_owner_of_the_first(cluster: Cluster) -> None:
    ids = cluster.ids(DYNAMIC)
    assert len({partition_of(entity_id) for entity_id in ids.values()}) > 1
    assert len({by_itself(cluster, entity_id) for entity_id in ids.values()}) == 2, "each by itself would have two"
    wait_owners(cluster, DYNAMIC, by_itself(cluster, min(ids.values(), key=order_of)))
    for name, entity_id in cluster.ids(PLAIN).items():
        assert cluster.owners([name])[name] == by_itself(cluster, entity_id)


def test_O5_DR3_DR4_the_rest_follow_when_the_first_is_removed_and_the_new_owner_alone_learns(cluster: Cluster) -> None:
    ids = dict(sorted(cluster.ids(DYNAMIC).items(), key=lambda one: order_of(one[1])))
    first = next(iter(ids))
    before = by_itself(cluster, ids[first])
    going = next(at for at, entity_id in enumerate(ids.values()) if by_itself(cluster, entity_id) != before)
    gone, rest = list(ids)[:going], list(ids)[going:]
    after = by_itself(cluster, ids[rest[0]])
    cluster.apply(*[on_service(Verb.RM, name) for name in gone])
    wait_owners(cluster, rest, after)
    assert {cluster.state(name) for name in rest} == {State.UP}
    for name in rest:
        assert [line.after for line in cluster.transitions(name)] == [State.UP], "a move is no change of state"
    name = rest[-1]
    cluster.targets[name].become(Ailment.CLOSED)
    down = cluster.wait_state(name, State.DOWN)
    assert down.owner == after
    told = [(batch.node_id, run) for batch in cluster.probe_results() for run in batch.runs]
    failing = [node for node, run in told if run.service_id == ids[name] and run.verdict is Verdict.DOWN]
    assert set(failing) == {after}, "the old owner is quiet by then: one learns the time-outs, for all"
