"""How much a node is preferred for a partition: highest-random-weight hashing (Thaler and Ravishankar, 1998).

Rule: the score of (partition, node) comes from `stable_hash` of the two alone, so adding or removing a node changes
no score of any other, and the order of the others in every preference list stays what it was. Why not a ring with
virtual nodes: its balance needs hundreds of points a node, and its lists follow the ring, so that a lost node's
whole load falls on few neighbours. Why not `i % n`: a join moves nearly every partition.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from schemas.identifiers import PARTITIONS, NodeId, Partition, stable_hash


@lru_cache(maxsize=4096)
def scores_of(node: NodeId, partitions: int = PARTITIONS) -> tuple[int, ...]:
    """The node's score for every partition, indexed by partition; unsigned 64 bits, higher is preferred."""
    return tuple(stable_hash(f"{partition}/{node}") for partition in range(partitions))


def score(partition: Partition, node: NodeId, partitions: int = PARTITIONS) -> int:
    """The score of one node for one partition."""
    return scores_of(node, partitions)[partition]


def preference_list(partition: Partition, nodes: Iterable[NodeId], partitions: int = PARTITIONS) -> tuple[NodeId, ...]:
    """PRL: the nodes, most preferred for this partition first (O-2). Equal scores, one in 2^64, go by node id."""
    return tuple(sorted(set(nodes), key=lambda node: (-score(partition, node, partitions), node)))
