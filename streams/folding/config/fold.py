"""The fold of commands: one command onto one snapshot, and the whole log from its start.

Rule: `apply` decides and changes nothing; a command takes effect whole or not at all, once per command id, and its
answer names every reason, up to a limit. Recovery is the same fold: `fold_log` over the audit log from its start gives
the state that incremental folding had, because nothing but the log's records and offsets goes in.

To write a command down: its changes to `config-entities`, then the ConfigRevision mark, then the answer to
`config-results`. A crash in between is repaired by doing it again: the log gives the same records.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.config import ConfigCommand, ConfigResult, Rejection
from schemas.identifiers import entity_id
from schemas.inventory.entities import Change, Entities
from streams.folding.config.handled import Handled
from streams.folding.config.operations import Work, perform
from streams.folding.config.overlay import Overlay

OPERATIONS = 50_000
"""Operations of one command, so that its answer fits a record; more are refused."""
REASONS = 1_000
"""Reasons given against one command; how many more there are is said in the last."""


def apply(
    entities: Entities, command: ConfigCommand, offset: int, handled: Handled
) -> tuple[Entities, ConfigResult, tuple[Change, ...]]:
    """The snapshot after the command at `offset`, its answer, and what changed (nothing, if refused or a repeat)."""
    earlier = handled.answer(command.command_id)
    if earlier is not None:
        return entities, earlier, ()
    if not 1 <= len(command.operations) <= OPERATIONS:
        fault = f"a command has 1 to {OPERATIONS:,} operations, not {len(command.operations):,}: send it in parts"
        return entities, _refused(command, offset, [Rejection(0, 0, fault)]), ()
    work = Work(entities, Overlay(entities), {})
    rejections = [
        Rejection(index, operation.line, fault)
        for index, operation in enumerate(command.operations)
        for fault in perform(work, operation, entity_id(offset, index))
    ]
    if rejections:
        return entities, _refused(command, offset, rejections), ()
    changes = work.overlay.changes(offset)
    result = ConfigResult(command.command_id, offset, True, tuple(work.named.values()), ())
    return entities.updated(changes), result, changes


def _refused(command: ConfigCommand, offset: int, rejections: list[Rejection]) -> ConfigResult:
    told = rejections[:REASONS]
    if len(rejections) > REASONS:
        next_one = rejections[REASONS]
        more = f"and {len(rejections) - REASONS:,} more reasons, from here on: mend those above first"
        told.append(Rejection(next_one.operation, next_one.line, more))
    return ConfigResult(command.command_id, offset, False, (), tuple(told))


@dataclass(slots=True)
class ConfigFold:
    """The fold's whole state: the snapshot, the answers given, and the offset of the last command taken."""

    entities: Entities = field(default_factory=Entities)
    handled: Handled = field(default_factory=Handled)
    offset: int = -1

    def take(self, command: ConfigCommand, offset: int) -> tuple[ConfigResult, tuple[Change, ...]]:
        """Fold the next command of the log in; answers its result and what to write to `config-entities`."""
        self.entities, result, changes = apply(self.entities, command, offset, self.handled)
        self.handled.note(result)
        self.offset = offset
        return result, changes


def fold_log(commands: Iterable[tuple[int, ConfigCommand]]) -> ConfigFold:
    """The state after (offset, command) pairs from the start of the log."""
    fold = ConfigFold()
    for offset, command in commands:
        fold.take(command, offset)
    return fold
