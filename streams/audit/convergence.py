"""Whether all nodes hold the same states: their digests compared, partition by partition, at equal offsets (U-5).

Rule: two digests say something of each other only if both follow from the same records, so only at one offset. What
counts is the newest offset that two living nodes told of: a difference that was mended is none. Why not compare at the
nodes' newest offsets: they are never equally far while anything goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from struct import unpack_from

from schemas.cluster import NodeStatus, Phase
from schemas.identifiers import PARTITIONS, NodeId

KEPT_OFFSETS = 16
"""Of each partition; older ones are forgotten."""
SILENT_MS = 10_000
"""So far behind the newest heartbeat of all, and a node is compared no more."""
DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A partition in which nodes hold different states by the records before `offset`."""

    partition: int
    offset: int
    digests: Mapping[int, Sequence[NodeId]]


class Convergence:
    """Takes every heartbeat. One thread."""

    def __init__(self, partitions: int = PARTITIONS) -> None:
        self._told: list[dict[int, dict[NodeId, int]]] = [{} for _ in range(partitions)]
        self._last: dict[NodeId, NodeStatus] = {}
        self._pairs: dict[NodeId, list[tuple[int, int]]] = {}

    def take(self, status: NodeStatus) -> None:
        """The next heartbeat of a node."""
        before = self._last.get(status.node_id)
        self._last[status.node_id] = status
        if before is not None and (before.digests, before.digest_offsets) == (status.digests, status.digest_offsets):
            return
        known = self._pairs.get(status.node_id, [])
        pairs = self._pairs[status.node_id] = pairs_of(status)
        for partition, (told, pair) in enumerate(zip(self._told, pairs, strict=False)):
            if partition >= len(known) or known[partition] != pair:
                self._note(told, *pair, status.node_id)

    def living(self) -> list[NodeStatus]:
        """The last heartbeats of nodes that still beat."""
        newest_ms = max((status.sent_at_ms for status in self._last.values()), default=0)
        return [
            status
            for status in list(self._last.values())
            if status.phase is not Phase.LEFT and newest_ms - status.sent_at_ms <= SILENT_MS
        ]

    def disagreements(self) -> list[Disagreement]:
        """What is so by the newest offset of each partition at which two living nodes can be compared."""
        living = {status.node_id for status in self.living()}
        found = []
        for partition, told in enumerate(self._told):
            for offset, by_node in sorted(told.items(), reverse=True):
                digests: dict[int, list[NodeId]] = {}
                for node in sorted(living & by_node.keys()):
                    digests.setdefault(by_node[node], []).append(node)
                if sum(map(len, digests.values())) > 1:
                    if len(digests) > 1:
                        found.append(Disagreement(partition, offset, digests))
                    break
        return found

    @staticmethod
    def _note(told: dict[int, dict[NodeId, int]], offset: int, digest: int, node: NodeId) -> None:
        told.setdefault(offset, {})[node] = digest
        if len(told) > KEPT_OFFSETS:
            del told[min(told)]


def pairs_of(status: NodeStatus) -> list[tuple[int, int]]:
    """(offset, digest) of each partition as a heartbeat tells them, up to where it was cut short."""
    count = min(len(status.digests) // DIGEST_BYTES, len(status.digest_offsets))
    return list(zip(status.digest_offsets, unpack_from(f">{count}Q", status.digests), strict=False))


def digests_of(status: NodeStatus) -> Iterator[tuple[int, int, int]]:
    """(partition, offset, digest), likewise."""
    return ((partition, *pair) for partition, pair in enumerate(pairs_of(status)))
