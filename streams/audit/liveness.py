"""Liveness: after a view settles, each service's owner declares itself within the failover time.

Rule: where a view and a service's configuration stay for longer than the failover time, the latest effective record at
the end of that time names the owner (and the run of it) that the view gives. Not asked for: a record of each service in
each view, because who owns a service before and after has nothing to declare; and nothing of a view that was replaced
sooner, whose owners the next view judges.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from schemas.identifiers import EntityId, NodeId, ViewId, partition_of, seat_of
from streams.audit.findings import NO_OFFSET, Breach, Fault
from streams.audit.past_config import Life, PastConfig
from streams.audit.reigns import Reign, owner_in
from streams.ownership.owner import OwnerKind


@dataclass(frozen=True, slots=True)
class Declared:
    """A run of a node became the owner that a service's effective records name."""

    at_ms: int
    view_id: ViewId
    owner: NodeId
    incarnation: str

    @property
    def run(self) -> tuple[NodeId, str]:
        """The node and which run of it."""
        return self.owner, self.incarnation


def late_owners(
    in_force: Sequence[Reign],
    declared: Mapping[EntityId, Sequence[Declared]],
    removed: Collection[EntityId],
    config: PastConfig | None,
    failover_ms: int,
    until_ms: int,
    whole_since_ms: Mapping[EntityId, int],
    calm_since_ms: int = 0,
) -> Iterator[Breach]:
    """Every owner that was due and had not declared itself. `declared` is ascending in time.

    `whole_since_ms`: from when on a service has all its records; nothing is asked of views before.
    `calm_since_ms`: no owner's time runs before, because a fault was still there.
    """
    settled = [reign for reign in in_force if reign.lasted(reign.from_ms + failover_ms)]
    for service in declared if config is None else {**config.lives, **declared}:
        since_ms = whole_since_ms.get(service, 0)
        runs = declared.get(service, ())
        for life in _lives(service, runs, removed, config):
            for reign, due_ms in _dues(life, settled, failover_ms, since_ms, calm_since_ms, until_ms):
                owner = owner_in(service, reign.view, life.kind)
                member = None if owner is None else reign.view.member(owner)
                held = _held(runs, due_ms)
                if member is not None and held != member.run:
                    last = "nobody" if held is None else held[0]
                    text = f"{life.name}: {owner} of view {reign.view.view_id} was due, {last} was the last to declare"
                    yield Breach(Fault.LATE_OWNER, service, partition_of(service), NO_OFFSET, text, due_ms)


def _dues(
    life: Life, settled: Sequence[Reign], failover_ms: int, since_ms: int, calm_since_ms: int, until_ms: int
) -> Iterator[tuple[Reign, int]]:
    """The reigns that the service lived under for long enough, and when their owners were due."""
    for reign in settled:
        from_ms = max(reign.from_ms, life.from_ms)
        due_ms = max(from_ms, calm_since_ms) + failover_ms
        lived = life.until_ms is None or due_ms < life.until_ms
        if since_ms <= from_ms and due_ms <= until_ms and lived and reign.lasted(due_ms):
            yield reign, due_ms


def _lives(
    service: EntityId, runs: Sequence[Declared], removed: Collection[EntityId], config: PastConfig | None
) -> Sequence[Life]:
    """Without the commands: from its first record on, and nothing of one that was removed."""
    if config is not None and service in config.lives:
        return [life for life in config.lives[service] if not life.kind.internal]
    if service in removed or not runs:
        return ()
    return [Life(service, runs[0].at_ms, None, OwnerKind(seat_of(service), frozenset()), 0, 0)]


def _held(runs: Sequence[Declared], at_ms: int) -> tuple[NodeId, str] | None:
    index = bisect_right(runs, at_ms, key=lambda one: one.at_ms) - 1
    return None if index < 0 else runs[index].run
