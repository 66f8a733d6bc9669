"""What an answer must hold, must not hold, and what in it announces maintenance (M-8, M-18).

Rule: texts and patterns are looked for in the first 24 KB of an answer. Maintenance goes before an error, an error
before what is expected. An answer whose end is known (a body, a datagram) is judged whole. In a stream, whose end
nobody knows, a lone text counts as soon as it is there, and all else line by line as they come: so an error in the same
line is seen, how the bytes were cut into packets changes nothing, and every byte is looked at once. Patterns go to RE2,
whose time grows with the answer's length only, and their size is bounded: neither a target nor a pattern can stall an
engine, as both can with Python's `re`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import re2

from connectors.engine.binding import ParameterValue
from connectors.probes.outcome import UP, Outcome, down, maintenance
from schemas.parameters.escapes import escaped_bytes
from schemas.probes import Reason

WINDOW_BYTES = 24 * 1024
"""As much of an answer is looked at, as NetScaler does."""

LOOKED_BYTES = 8 * 1024 * 1024
"""After this much looking a stream is looked at once more, when it ends: 24 KB of empty lines, each in a packet of its
own, would otherwise cost half a second of an engine. An answer of 600 lines stays below.
"""

PATTERN_MEMORY_BYTES = 1 << 20
"""What one pattern may take when compiled and matched."""

PATTERN_STEPS = 1000
"""The largest pattern, in instructions of RE2: `error.{0,100}fatal` has 900. At worst one takes 100 ms for 24 KB."""

AT_LINES = "(?m)"
"""`^` and `$` stand at lines; a pattern may say (?-m) itself."""

LINES = 1000
"""Of a stream's lines so many are looked at one by one; in 24 KB more are none of a person's making."""

CONTENT: Mapping[str, ParameterValue] = {"recv": "", "recv_pattern": "", "not_recv": "", "not_recv_pattern": ""}
"""The parameters of every kind that looks at content, and their defaults: nothing is looked for."""

TROFS: Mapping[str, ParameterValue] = {"trofs_string": ""}
"""What announces maintenance, for the kinds that know it."""

Answer: TypeAlias = "bytes | bytearray"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to look for: how people are told of it, and whether it is in a part of an answer (from, to)."""

    shown: str
    is_in: Callable[[Answer, int, int], bool]


Marks: TypeAlias = "tuple[Mark, ...]"


class Content:
    """What one binding looks for. Raises ValueError with the pattern or the escape that is wrong."""

    __slots__ = ("_announcing", "_refused", "expected", "lone_text")

    def __init__(self, settings: Mapping[str, ParameterValue]) -> None:
        self.expected = _marks(settings, "recv", "recv_pattern")
        """All of these must be there."""
        self._refused = _marks(settings, "not_recv", "not_recv_pattern")
        self._announcing = _marks(settings, "trofs_string")
        only_text = len(self.expected) == 1 and not self._refused and not self._announcing and settings["recv"]
        self.lone_text = escaped_bytes(str(settings["recv"])) if only_text else b""
        """The expected text if nothing else is looked for: it may count before its line is complete."""

    @property
    def announces(self) -> bool:
        """Whether something may announce maintenance."""
        return bool(self._announcing)

    @property
    def looks(self) -> bool:
        """Whether anything is looked for."""
        return bool(self.expected or self._refused or self._announcing)

    def announced(self, answer: Answer, start: int = 0, end: int = WINDOW_BYTES) -> Outcome | None:
        """The target says in this part that it goes out of service; None if it does not."""
        for mark in self._announcing:
            if mark.is_in(answer, start, end):
                return maintenance(f"announces maintenance: {mark.shown} in {quoted(answer[start:end])}")
        return None

    def look(self, answer: Answer, start: int, end: int, missing: Marks) -> Outcome | Marks:
        """What this part of the answer shows: maintenance, an error, all that was missing, or what still is."""
        announced = self.announced(answer, start, end)
        if announced is not None:
            return announced
        for mark in self._refused:
            if mark.is_in(answer, start, end):
                return down(Reason.MISMATCH, f"{mark.shown} must not be there, got {quoted(answer[start:end])}")
        return tuple([mark for mark in missing if not mark.is_in(answer, start, end)]) or UP

    def judge(self, answer: Answer, where: str = "") -> Outcome:
        """The verdict on a whole answer. `where` tells people what was looked at, such as ` in the gzip body`."""
        found = self.look(answer, 0, WINDOW_BYTES, self.expected)
        return found if isinstance(found, Outcome) else mismatch(found, answer, where)


class AnswerSoFar:
    """A stream's answer as it comes. Mutable: one for each conversation, begun anew for every probe."""

    __slots__ = ("_content", "_lines", "_missing", "_start", "window")

    def __init__(self, content: Content) -> None:
        self._content = content
        self.begin()

    def begin(self) -> None:
        """Forget the last answer."""
        self.window = bytearray()
        """The answer so far, at most WINDOW_BYTES of it."""
        self._start = 0
        """Where the line begins that is not complete yet."""
        self._lines = 0
        self._missing = self._content.expected

    def feed(self, data: bytes) -> Outcome | None:
        """Take what came; the outcome once it is certain."""
        window, text = self.window, self._content.lone_text
        before = len(window)
        window += data[: WINDOW_BYTES - before]
        if text:
            if window.find(text, max(0, before - len(text) + 1)) >= 0:
                return UP
        else:
            while self._lines < LINES and (end := window.find(b"\n", max(before, self._start)) + 1):
                found = self._content.look(window, self._start, end, self._missing)
                if isinstance(found, Outcome):
                    return found
                self._start, self._missing = end, found
                self._lines += 1
        return self.end() if len(window) == WINDOW_BYTES else None

    def end(self, where: str = "") -> Outcome:
        """No more will come in time: the verdict on what there is; `where` as in `Content.judge`."""
        found = self._content.look(self.window, self._start, len(self.window), self._missing)
        return found if isinstance(found, Outcome) else mismatch(found, self.window, where)


def mismatch(missing: Marks, answer: Answer, where: str) -> Outcome:
    """What is expected is not there; what came instead."""
    expected = " and ".join(mark.shown for mark in missing)
    return down(Reason.MISMATCH, f"expected {expected}{where}, got {quoted(answer)}")


def quoted(answer: Answer) -> str:
    """The beginning of an answer, for people."""
    text = answer[:120].decode("utf-8", "backslashreplace")
    if not text:
        return "nothing"
    return f'"{text}"' if len(answer) <= 120 else f'"{text}" and so on, {len(answer)} bytes'


def _marks(settings: Mapping[str, ParameterValue], *names: str) -> tuple[Mark, ...]:
    """A mark for each of these parameters that is given."""
    given = [(name, str(settings[name])) for name in names if settings.get(name)]
    return tuple([_pattern(name, text) if name.endswith("_pattern") else _text(name, text) for name, text in given])


def _text(name: str, text: str) -> Mark:
    """A text may begin before the part that is looked at."""
    try:
        wanted = escaped_bytes(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    before = len(wanted) - 1
    return Mark(f'"{text[:60]}"', lambda answer, start, end: answer.find(wanted, max(0, start - before), end) >= 0)


def _pattern(name: str, text: str) -> Mark:
    r"""A regular expression of RE2, for which `\r\n` ends a line like `\n`."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_BYTES
    try:
        pattern = re2.compile(f"{AT_LINES}{text}".encode(), options)
    except re2.error as error:
        what = error.args[0].decode("utf-8", "replace").replace(f"{AT_LINES}{text}", text)
        raise ValueError(f"{name} is no regular expression of RE2: {what}") from None
    steps = pattern.programsize
    if steps > PATTERN_STEPS:
        raise ValueError(f"{name} has {steps} steps, at most {PATTERN_STEPS}: repeat less, such as {{0,50}}")

    def is_in(answer: Answer, start: int, end: int) -> bool:
        return pattern.search(answer[start:end].replace(b"\r\n", b"\n")) is not None

    return Mark(f"/{text[:60]}/", is_in)
