"""What an importer has to say of lines that are not in the cluster file as they stood: which, what, and what to do.

Rule: every line that says something is either in the draft or in a notice; nothing is left out in silence, least of all
a check. LOST is what nobody checks or knows any more, CHANGED what is checked in another way, NOTE what has no part in
health: those are told once a word, with all of their lines, or a configuration of proxies would drown the few that
matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum


class Loss(Enum):
    """How much a notice matters."""

    LOST = "lost"
    CHANGED = "changed"
    NOTE = "note"


SHOWN_WORDS = 12
"""Of what one note is about; how many more there are is said."""


class NotThis(Exception):
    """The text is no configuration of the dialect; the message says what was looked for."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Lines (from 1, in order), what stands there, and what it comes to or what to do."""

    lines: tuple[int, ...]
    loss: Loss
    what: str
    mend: str

    @property
    def where(self) -> str:
        """The lines as a person writes them: `3,7-9`."""
        return ",".join(_ranges(self.lines))


@dataclass(slots=True)
class Notices:
    """All that an import has to say, each thing once."""

    _told: dict[tuple[Loss, str, str], dict[int, None]] = field(default_factory=dict)

    def lost(self, line: int, what: str, mend: str) -> None:
        """A check, or a server, that the cluster file does not have."""
        self._tell(Loss.LOST, line, what, mend)

    def changed(self, line: int, what: str, mend: str) -> None:
        """Something that is checked in another way than before."""
        self._tell(Loss.CHANGED, line, what, mend)

    def note(self, line: int, what: str, mend: str) -> None:
        """Something that has no part in health, or a name that had to change."""
        self._tell(Loss.NOTE, line, what, mend)

    def _tell(self, loss: Loss, line: int, what: str, mend: str) -> None:
        self._told.setdefault((loss, what, mend), {})[line] = None

    @property
    def all(self) -> list[Notice]:
        """The heaviest first, then by line. Notes that say the same are one."""
        found = [Notice(tuple(sorted(lines)), *told) for told, lines in self._told.items() if told[0] is not Loss.NOTE]
        notes: dict[str, list[tuple[str, dict[int, None]]]] = {}
        for (loss, what, mend), lines in self._told.items():
            if loss is Loss.NOTE:
                notes.setdefault(mend, []).append((what, lines))
        found += [_note(mend, told) for mend, told in notes.items()]
        weights = list(Loss)
        return sorted(found, key=lambda one: (weights.index(one.loss), one.lines))

    @property
    def lines(self) -> set[int]:
        """Every line of which something is said."""
        return {line for lines in self._told.values() for line in lines}


def _note(mend: str, told: list[tuple[str, dict[int, None]]]) -> Notice:
    words = [what for what, _ in told]
    more = f" and {len(words) - SHOWN_WORDS} more" if len(words) > SHOWN_WORDS else ""
    lines = sorted({line for _, lines in told for line in lines})
    return Notice(tuple(lines), Loss.NOTE, ", ".join(words[:SHOWN_WORDS]) + more, mend)


def _ranges(lines: Iterable[int]) -> Iterator[str]:
    first = last = None
    for line in lines:
        if last is not None and line == last + 1:
            last = line
            continue
        if first is not None:
            yield _range(first, last)
        first = last = line
    if first is not None:
        yield _range(first, last)


def _range(first: int, last: int | None) -> str:
    return str(first) if first == last else f"{first}-{last}"
