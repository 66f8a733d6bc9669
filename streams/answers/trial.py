"""Entities as a command would make them: what a question begins with that asks what would be.

Rule: the command is folded by the function of production over the snapshot, and goes nowhere; refused, it is refused
here with the same reasons. Its offset is that of the next command in the log, so an entity that it adds has the very id
that it would get, and with it the very owner, if no other command comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.config import ConfigCommand, Kind, Operation, Rejection, Setting, Verb
from schemas.identifiers import EntityId
from schemas.inventory.entities import Change, Entities
from schemas.inventory.names import member_name
from schemas.inventory.services import MonitoredService, affected, some_services
from schemas.parameters.kinds import KINDS
from streams.folding.config.fold import apply
from streams.folding.config.handled import Handled


class Refused(Exception):
    """The command would be refused; `rejections` say why."""

    def __init__(self, rejections: Sequence[Rejection]) -> None:
        super().__init__("; ".join(one.message for one in rejections))
        self.rejections = tuple(rejections)


@dataclass(frozen=True, slots=True)
class Trial:
    """The entities before and after, and what the command changes."""

    before: Entities
    after: Entities
    changes: tuple[Change, ...]

    def services(self) -> dict[EntityId, tuple[MonitoredService | None, MonitoredService | None]]:
        """Every service that the command reaches and makes another one, before and after."""
        touched = affected(self.after, self.changes, self.before) | {
            change.entity_id for change in self.changes if change.kind in (Kind.SERVICE, Kind.MEMBER)
        }
        after = dict(some_services(self.after, touched))
        before = dict(some_services(self.before, touched))
        return {one: (before[one], after[one]) for one in touched if before[one] != after[one]}


def trial(entities: Entities, operations: Iterable[Operation], offset: int) -> Trial:
    """The entities after these operations as the command at `offset`. Raises Refused."""
    command = ConfigCommand("trial", 0, "trial", tuple(operations))
    after, result, changes = apply(entities, command, offset, Handled())
    if not result.accepted:
        raise Refused(result.rejections)
    return Trial(entities, after, changes)


def overrides(
    entities: Entities, service: MonitoredService, settings: Mapping[str, Setting], monitor: str | None = None
) -> list[Operation]:
    """The operations that give a service, or the group of a member, and its monitors other settings.

    A setting that a service has goes to the service, every other one to its monitors, or to the one named; none where
    it has no such monitor.
    """
    own = KINDS[Kind.SERVICE].table.by_name
    of_service = {name: value for name, value in settings.items() if name in own}
    of_monitors = {name: value for name, value in settings.items() if name not in own}
    made = []
    if of_service:
        member = member_name(service.name) if service.kind is Kind.MEMBER else None
        kind, name = (Kind.SERVICE_GROUP, member.group) if member else (Kind.SERVICE, service.name)
        made.append(Operation(Verb.SET, kind, name, of_service))
    if of_monitors:
        bound = [entities.by_id[one.monitor_id].name for one in service.bindings]
        names = [name for name in bound if monitor in (None, name)]
        made += [Operation(Verb.SET, Kind.MONITOR, name, of_monitors) for name in names]
    return made
