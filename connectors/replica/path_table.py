"""Who reaches what, as every node reported it: the bitmap of path monitoring, without Kafka (P-13).

Rule: per service one bit for each node, in two numbers: those that reported a path, and those that reported none; a
node in neither has not reported, or took its report back. The last report in the log counts, for each key has one
writer. Every report is kept, whether or not the service is known here or monitored: it may be one that came before the
command that enables it, or before the one that adds the service (P-6). Why numbers and not sets: with a few nodes they
are Python's small integers, which cost a reference, and a view change asks 70,000 of them at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from schemas.identifiers import EntityId, NodeId
from schemas.probes import PathState
from schemas.processing import ServicePaths

KEPT_SETS = 4_096


class PathChange(NamedTuple):
    """One node's path to one service became another one. UNKNOWN: there is no report of it."""

    service: EntityId
    node: NodeId
    before: PathState
    after: PathState


class PathTable:
    """One thread writes; any thread may read."""

    def __init__(self) -> None:
        self._up: dict[EntityId, int] = {}
        self._down: dict[EntityId, int] = {}
        self._bits: dict[NodeId, int] = {}
        """By node, in the order in which they were first heard of."""
        self._sets: dict[int, frozenset[NodeId]] = {}
        """By their bits, which stand for the same nodes for ever."""

    def __len__(self) -> int:
        """How many services somebody has reported of."""
        return len(self._up.keys() | self._down.keys())

    def note(self, service: EntityId, node: NodeId, state: PathState) -> PathChange | None:
        """Take a report, or its end (UNKNOWN); None if that changes nothing."""
        before = self.of(service, node)
        if before is state:
            return None
        bit = self._bits.get(node)
        if bit is None:
            bit = self._bits[node] = 1 << len(self._bits)
        _set(self._up, service, bit, state is PathState.UP)
        _set(self._down, service, bit, state is PathState.DOWN)
        return PathChange(service, node, before, state)

    def of(self, service: EntityId, node: NodeId) -> PathState:
        """One node's path to one service."""
        bit = self._bits.get(node, 0)
        if self._down.get(service, 0) & bit:
            return PathState.DOWN
        return PathState.UP if self._up.get(service, 0) & bit else PathState.UNKNOWN

    def paths(self, service: EntityId) -> ServicePaths:
        """Every node's path to one service."""
        up, down = self._up.get(service, 0), self._down.get(service, 0)
        return ServicePaths(self._nodes_in(up), self._nodes_in(down))

    def cut_off_from(self, nodes: Iterable[NodeId]) -> list[EntityId]:
        """Services that at least one of these nodes cannot reach."""
        wanted = 0
        for node in nodes:
            wanted |= self._bits.get(node, 0)
        return [service for service, down in self._down.copy().items() if down & wanted]

    def reported_by(self, node: NodeId) -> list[EntityId]:
        """Services that a node has a report of."""
        bit = self._bits.get(node, 0)
        found = dict.fromkeys([service for service, up in self._up.copy().items() if up & bit])
        found.update(dict.fromkeys([service for service, down in self._down.copy().items() if down & bit]))
        return list(found)

    def services(self) -> list[EntityId]:
        """Services that somebody has reported of."""
        return list(self._up.copy().keys() | self._down.copy().keys())

    def _nodes_in(self, bits: int) -> frozenset[NodeId]:
        """Few sets of nodes occur, and 70,000 services share them."""
        nodes = self._sets.get(bits)
        if nodes is None:
            nodes = frozenset(node for node, bit in list(self._bits.items()) if bits & bit)
            if len(self._sets) < KEPT_SETS:
                self._sets[bits] = nodes
        return nodes


def _set(bitmap: dict[EntityId, int], service: EntityId, bit: int, on: bool) -> None:
    bits = bitmap.get(service, 0)
    bits = bits | bit if on else bits & ~bit
    if bits:
        bitmap[service] = bits
    else:
        bitmap.pop(service, None)
