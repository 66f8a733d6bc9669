"""Which services each view change took from one run of a node to another.

Rule: who owned a service before and after follows from the two views and the configuration of that instant, by the same
function as on every node. A first owner and a service that no monitor probes are no handover. Changes of node groups
move services too, within a view; those are the promise's to judge, not counted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from schemas.identifiers import EntityId
from streams.audit.beats import Run
from streams.audit.past_config import Life, PastConfig
from streams.audit.reigns import Reign
from streams.ownership.owner import OwnerKind, owner_of_kind, seating
from streams.ownership.view import View


@dataclass(frozen=True, slots=True)
class Move:
    """A service that another run monitors from a view on."""

    service: EntityId
    life: Life
    before: Run
    after: Run


@dataclass(frozen=True, slots=True)
class Handover:
    """A view change and what moved with it."""

    before: Reign
    after: Reign
    moves: Mapping[EntityId, Move]

    @property
    def joined(self) -> Sequence[Run]:
        """Runs that the view before did not have."""
        return sorted(set(runs_of(self.after.view)) - set(runs_of(self.before.view)))

    @property
    def left(self) -> Sequence[Run]:
        """Runs that the new view has no more."""
        return sorted(set(runs_of(self.before.view)) - set(runs_of(self.after.view)))


def runs_of(view: View) -> Sequence[Run]:
    """The runs that a view gives services to: one that is leaving has given its own away."""
    return [member.run for member in view.members if not member.leaving]


def handovers(in_force: Sequence[Reign], config: PastConfig, from_ms: int, to_ms: int) -> list[Handover]:
    """Every view change from one instant to another, with its moves. One that only takes out who has given everything
    away is none.
    """
    return [
        Handover(before, after, _moves(before, after, config))
        for before, after in pairwise(in_force)
        if from_ms <= after.from_ms <= to_ms and set(runs_of(before.view)) != set(runs_of(after.view))
    ]


def _moves(before: Reign, after: Reign, config: PastConfig) -> dict[EntityId, Move]:
    known: dict[OwnerKind, tuple[Run | None, Run | None]] = {}
    found = {}
    for service in config.lives:
        life = config.at(service, after.from_ms)
        if life is None or life.kind.internal or not life.interval_ms:
            continue
        if life.kind not in known:
            known[life.kind] = _owner(before.view, life.kind), _owner(after.view, life.kind)
        old, new = known[life.kind]
        if old is not None and new is not None and old != new:
            found[service] = Move(service, life, old, new)
    return found


def _owner(view: View, kind: OwnerKind) -> Run | None:
    owner = owner_of_kind(kind, seating(view), view)
    member = None if owner is None else view.member(owner)
    return None if member is None else member.run
