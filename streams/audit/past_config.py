"""Which services there were when, and which nodes hosted them: the log of commands, folded again.

Rule: a command counts from the time of its record on. `config-commands` is kept for ever, so the history is whole; it
is folded by the same pure function as on every node. Why not `config-entities`: it is compacted, and says what is, not
what was.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.config import ConfigCommand, Setting
from schemas.identifiers import EntityId, NodeId, seat_of
from schemas.inventory.services import MonitoredService, affected, some_services
from streams.audit.reigns import Reign, owner_in
from streams.folding.config.fold import ConfigFold
from streams.ownership.dynamic import DynamicServices
from streams.ownership.owner import Lead, OwnerKind

SETTLE_MS = 10_000
"""For so long after a command a node may still go by what was before it."""


@dataclass(frozen=True, slots=True)
class Life:
    """A service as it was configured for a while. `until_ms` None: still.

    `kind` is all that its owner depends on besides the view. `interval_ms` is the shortest of its monitors, 0 where
    none probes it; `down_ms` that between probes that fail.
    """

    name: str
    from_ms: int
    until_ms: int | None
    kind: OwnerKind
    interval_ms: int
    down_ms: int

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
        lives = self.lives.get(service, ())
        since_ms = reign.from_ms - SETTLE_MS
        lived = [life for life in lives if not life.kind.internal and life.overlaps(since_ms, reign.until_ms)]
        kinds = [life.kind for life in lived] if lives else [None]
        found: list[NodeId] = []
        for kind in kinds:
            owner = owner_in(service, reign.view, kind)
            if owner is not None and (not found or found[-1] != owner):
                found.append(owner)
        return found


def past_config(commands: Iterable[tuple[int, int, ConfigCommand]]) -> PastConfig:
    """The history told by (offset, time in epoch milliseconds, command), from the start of `config-commands`."""
    fold, dynamic = ConfigFold(), DynamicServices()
    lives: dict[EntityId, list[Life]] = {}
    latest_ms = 0
    for offset, at_ms, command in commands:
        latest_ms = max(latest_ms, at_ms)
        before = fold.entities
        _, changes = fold.take(command, offset)
        touched = dict(some_services(fold.entities, affected(before, changes) | affected(fold.entities, changes)))
        for service_id, service in touched.items():
            dynamic.note(service_id, service)
        touched |= some_services(fold.entities, dynamic.settle())
        for service_id, service in touched.items():
            lead = dynamic.lead if service_id in dynamic else None
            life = None if service is None else _life(service, lead, latest_ms)
            _note(lives.setdefault(service_id, []), life, latest_ms)
    return PastConfig({service: kept for service, kept in lives.items() if kept})


def _note(lives: list[Life], life: Life | None, at_ms: int) -> None:
    last = lives[-1] if lives else None
    if last is not None and last.until_ms is None:
        if life is not None and replace(life, from_ms=last.from_ms) == last:
            return
        lives[-1] = replace(last, until_ms=at_ms)
    if life is not None:
        lives.append(life)


def _life(service: MonitoredService, lead: Lead | None, at_ms: int) -> Life:
    probing = service.bindings if service.enabled and service.health_monitor else ()
    settings = [bound.settings for bound in probing if bound.enabled]
    return Life(
        service.name,
        at_ms,
        None,
        OwnerKind(seat_of(service.entity_id), frozenset(service.node_groups), service.internal, lead),
        min([_ms(each, "interval_ms") for each in settings], default=0),
        min([_ms(each, "down_time_ms") for each in settings], default=0),
    )


def _ms(settings: Mapping[str, Setting], name: str) -> int:
    """0 for a monitor that only listens."""
    value = settings.get(name, 0)
    return value if isinstance(value, int) else 0
