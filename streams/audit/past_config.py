"""Which services there were when, and which nodes hosted them: the log of commands, folded again.

Rule: a command counts from the time of its record on. `config-commands` is kept for ever, so the history is whole; it
is folded by the same pure function as on every node. Why not `config-entities`: it is compacted, and says what is, not
what was.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.config import ConfigCommand
from schemas.identifiers import EntityId, NodeId
from schemas.inventory.services import MonitoredService, affected, some_services
from streams.audit.reigns import Reign, owner_in
from streams.folding.config.fold import ConfigFold

SETTLE_MS = 10_000
"""For so long after a command a node may still go by what was before it."""


@dataclass(frozen=True, slots=True)
class Life:
    """A service as it was configured for a while. `until_ms` None: still. `monitored`: a monitor probes it."""

    name: str
    from_ms: int
    until_ms: int | None
    node_groups: frozenset[str]
    internal: bool
    monitored: bool

    def overlaps(self, from_ms: int, until_ms: int | None) -> bool:
        """Whether it was so at any instant from `from_ms` to `until_ms`."""
        return (until_ms is None or self.from_ms <= until_ms) and (self.until_ms is None or self.until_ms > from_ms)


@dataclass(frozen=True, slots=True)
class PastConfig:
    """The lives of every service that ever was, each in order and without gaps until it is removed."""

    lives: Mapping[EntityId, Sequence[Life]]

    def at(self, service: EntityId, at_ms: int) -> Life | None:
        """How a service was configured at an instant; None before it was added and after it was removed."""
        lives = self.lives.get(service, ())
        index = bisect_right(lives, at_ms, key=lambda life: life.from_ms) - 1
        if index < 0:
            return None
        life = lives[index]
        return life if life.until_ms is None or at_ms < life.until_ms else None

    def name(self, service: EntityId) -> str:
        """What it was called last; its id if no command that is known added it."""
        lives = self.lives.get(service)
        return lives[-1].name if lives else service

    def owners(self, service: EntityId, reign: Reign) -> Sequence[NodeId]:
        """Who owned it in a reign (`OwnersOf`); a service that no command added is taken as hosted everywhere."""
        lives = self.lives.get(service)
        if not lives:
            groups: Iterable[frozenset[str]] = (frozenset(),)
        else:
            since_ms = reign.from_ms - SETTLE_MS
            lived = [life for life in lives if not life.internal and life.overlaps(since_ms, reign.until_ms)]
            groups = (life.node_groups for life in lived)
        found: list[NodeId] = []
        for group in groups:
            owner = owner_in(service, reign.view, group)
            if owner is not None and (not found or found[-1] != owner):
                found.append(owner)
        return found


def past_config(commands: Iterable[tuple[int, int, ConfigCommand]]) -> PastConfig:
    """The history told by (offset, time in epoch milliseconds, command), from the start of `config-commands`."""
    fold = ConfigFold()
    lives: dict[EntityId, list[Life]] = {}
    latest_ms = 0
    for offset, at_ms, command in commands:
        latest_ms = max(latest_ms, at_ms)
        before = fold.entities
        _, changes = fold.take(command, offset)
        touched = affected(before, changes) | affected(fold.entities, changes)
        for service_id, service in some_services(fold.entities, touched):
            _note(lives.setdefault(service_id, []), service, latest_ms)
    return PastConfig({service: kept for service, kept in lives.items() if kept})


def _note(lives: list[Life], service: MonitoredService | None, at_ms: int) -> None:
    life = None if service is None else _life(service, at_ms)
    last = lives[-1] if lives else None
    if last is not None and last.until_ms is None:
        if life is not None and replace(life, from_ms=last.from_ms) == last:
            return
        lives[-1] = replace(last, until_ms=at_ms)
    if life is not None:
        lives.append(life)


def _life(service: MonitoredService, at_ms: int) -> Life:
    monitored = service.enabled and service.health_monitor and any(binding.enabled for binding in service.bindings)
    return Life(service.name, at_ms, None, frozenset(service.node_groups), service.internal, monitored)
