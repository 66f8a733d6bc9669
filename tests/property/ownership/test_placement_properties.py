"""Placement against deliberately dumb second implementations: stability by brute force, and the textbook matching."""

from __future__ import annotations

from collections import Counter, deque

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.identifiers import PARTITIONS, SEATS, NodeId, Partition, ViewId, entity_id, seat_of
from streams.ownership.hashing import preference_list, score
from streams.ownership.owner import owner
from streams.ownership.placement import Placement, place
from streams.ownership.view import Member, View

names = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=12).map(NodeId)
node_sets = st.lists(names, min_size=1, max_size=20, unique=True)


def blocking_pairs(placement: Placement) -> list[tuple[int, NodeId]]:
    """Every (partition, node) that would both rather have each other: none in a stable matching."""
    least = {
        node: min(score(partition, node) for partition in placement.partitions_of(node)) for node in placement.nodes
    }
    return [
        (index, node)
        for index, placed in enumerate(placement.owners)
        for node in placement.nodes
        if score(Partition(index), node) > max(score(Partition(index), placed), least[node])
    ]


def textbook(nodes: list[NodeId], capacity: int) -> dict[int, NodeId]:
    """Gale and Shapley as printed: free partitions propose down their list, a full node keeps its best."""
    held: dict[NodeId, list[Partition]] = {node: [] for node in nodes}
    lists = {index: deque(preference_list(Partition(index), nodes)) for index in range(PARTITIONS)}
    free = deque(map(Partition, range(PARTITIONS)))
    while free:
        proposer = free.popleft()
        node = lists[proposer].popleft()
        held[node].append(proposer)
        if len(held[node]) > capacity:
            worst = min(held[node], key=lambda index: score(index, node))
            held[node].remove(worst)
            free.append(worst)
    return {index: node for node, indices in held.items() for index in indices}


@given(node_sets)
@settings(max_examples=60, deadline=None)
def test_O9_no_partition_and_node_would_rather_have_each_other(nodes: list[NodeId]) -> None:
    assert blocking_pairs(place(nodes)) == []


@given(
    st.sampled_from([1, 2, 4, 8, 16]).flatmap(lambda size: st.lists(names, min_size=size, max_size=size, unique=True))
)
@settings(max_examples=40, deadline=None)
def test_O9_with_even_shares_the_matching_is_the_one_of_gale_and_shapley(nodes: list[NodeId]) -> None:
    assert dict(enumerate(place(nodes).owners)) == textbook(nodes, PARTITIONS // len(nodes))


@given(node_sets, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_O6_any_order_of_the_same_nodes_gives_the_same_level_placement(nodes: list[NodeId], chance) -> None:
    shuffled = list(nodes)
    chance.shuffle(shuffled)
    assert place(shuffled) == place(nodes)
    loads = Counter(place(nodes).owners)
    assert len(loads) == len(nodes)
    assert max(loads.values()) - min(loads.values()) <= 1


@given(node_sets, st.data())
@settings(max_examples=60, deadline=None)
def test_O4_A1_the_owner_is_an_operational_host_whenever_there_is_one(nodes: list[NodeId], data: st.DataObject) -> None:
    operational = data.draw(st.lists(st.sampled_from(nodes), unique=True))
    hosts = data.draw(st.one_of(st.none(), st.frozensets(st.sampled_from(nodes))))
    service = entity_id(data.draw(st.integers(0, 10_000)), 0)
    leaving = [node for node in nodes if node not in operational and data.draw(st.booleans())]
    members = tuple(Member(node, "run1", leaving=node in leaving) for node in sorted([*operational, *leaving]))
    chosen = owner(service, hosts, View(ViewId(1), 1, members, nodes[0]))
    able = set(operational) if hosts is None else hosts & set(operational)
    assert (chosen in able) if able else chosen is None
    placed = place(operational, SEATS).node_of(seat_of(service))
    if placed in able:
        assert chosen == placed
    elif able:
        assert chosen == preference_list(seat_of(service), able, SEATS)[0]
