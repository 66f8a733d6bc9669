"""The commands that were already taken, with their answers: what makes a command sent twice take effect once.

Rule: a bounded memory of the newest commands. It is part of the fold's state and follows from the log alone, so every
node that folds the log forgets the same ones. A repeat older than the memory is judged anew, like any command.
"""

from __future__ import annotations

from collections import OrderedDict

from schemas.config import ConfigResult

COMMANDS = 100_000
"""Commands remembered; the oldest is forgotten first."""
ITEMS = 1_000_000
"""Entities and rejections in the remembered answers together; above it the oldest answers are forgotten."""


class Handled:
    """Command id -> the answer it got."""

    def __init__(self, commands: int = COMMANDS, items: int = ITEMS) -> None:
        self._results: OrderedDict[str, ConfigResult] = OrderedDict()
        self._commands, self._items_limit = commands, items
        self._items = 0

    def answer(self, command_id: str) -> ConfigResult | None:
        """The answer that the command got when it was first taken; None if it is new, or forgotten."""
        return self._results.get(command_id)

    def note(self, result: ConfigResult) -> None:
        """Remember an answer. The first answer of a command stays."""
        if result.command_id in self._results:
            return
        self._results[result.command_id] = result
        self._items += _items_of(result)
        while len(self._results) > self._commands or (self._items > self._items_limit and len(self._results) > 1):
            _, forgotten = self._results.popitem(last=False)
            self._items -= _items_of(forgotten)

    def __len__(self) -> int:
        return len(self._results)


def _items_of(result: ConfigResult) -> int:
    return len(result.entities) + len(result.rejections)
