"""What an answer must hold, must not hold, and what in it announces maintenance (M-8, M-18).

Rule: texts and patterns are looked for in the first 24 KB of an answer. Maintenance goes before an error, an error
before what is expected. An answer whose end is known (a body, a datagram) is judged whole; in a stream, whose end
nobody knows, a lone text counts as soon as it is there, and all else whenever a line is complete, so that an error in
the same line is seen, and how the bytes were cut into packets changes nothing. Patterns go to RE2, whose time grows
with the answer's length only: neither a target nor a pattern can stall an engine, as both can with Python's `re`.
"""

from __future__ import annotations

from bisect import bisect_left
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
"""What one pattern may take when compiled; a greedy one is refused, it does not eat the engine."""

AT_LINES = "(?m)"
"""`^` and `$` stand at lines; a pattern may say (?-m) itself."""

CONTENT: Mapping[str, ParameterValue] = {"recv": "", "recv_pattern": "", "not_recv": "", "not_recv_pattern": ""}
"""The parameters of every kind that looks at content, and their defaults: nothing is looked for."""

TROFS: Mapping[str, ParameterValue] = {"trofs_string": ""}
"""What announces maintenance, for the kinds that know it."""

Answer: TypeAlias = "bytes | bytearray"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to look for: how people are told of it, and whether it is in an answer."""

    shown: str
    is_in: Callable[[Answer], bool]


class Content:
    """What one binding looks for. Raises ValueError with the pattern or the escape that is wrong."""

    __slots__ = ("_announcing", "_expected", "_refused", "lone_text")

    def __init__(self, settings: Mapping[str, ParameterValue]) -> None:
        self._expected = _marks(settings, "recv", "recv_pattern")
        self._refused = _marks(settings, "not_recv", "not_recv_pattern")
        self._announcing = _marks(settings, "trofs_string")
        only_text = len(self._expected) == 1 and not self._refused and not self._announcing and settings["recv"]
        self.lone_text = escaped_bytes(str(settings["recv"])) if only_text else b""
        """The expected text if nothing else is looked for: it may count before its line is complete."""

    @property
    def expects(self) -> bool:
        """Whether something must be there."""
        return bool(self._expected)

    @property
    def announces(self) -> bool:
        """Whether something may announce maintenance."""
        return bool(self._announcing)

    @property
    def looks(self) -> bool:
        """Whether anything is looked for."""
        return bool(self._expected or self._refused or self._announcing)

    def announced(self, answer: Answer) -> Outcome | None:
        """The target says that it goes out of service; None if it does not."""
        for mark in self._announcing:
            if mark.is_in(answer):
                return maintenance(f"announces maintenance: {mark.shown} in {quoted(answer)}")
        return None

    def found(self, answer: Answer) -> Outcome | None:
        """What the answer shows so far: maintenance, an error, or all that is expected. None: nothing yet."""
        announced = self.announced(answer)
        if announced is not None:
            return announced
        for mark in self._refused:
            if mark.is_in(answer):
                return down(Reason.MISMATCH, f"{mark.shown} must not be there, got {quoted(answer)}")
        return UP if all(mark.is_in(answer) for mark in self._expected) else None

    def judge(self, answer: Answer, where: str = "") -> Outcome:
        """The verdict on a whole answer. `where` tells people what was looked at, such as ` in the gzip body`."""
        found = self.found(answer)
        if found is not None:
            return found
        missing = " and ".join(mark.shown for mark in self._expected if not mark.is_in(answer))
        return down(Reason.MISMATCH, f"expected {missing}{where}, got {quoted(answer)}")


class AnswerSoFar:
    """A stream's answer as it comes. Mutable: one for each conversation, begun anew for every probe."""

    __slots__ = ("_content", "_looked", "window")

    def __init__(self, content: Content) -> None:
        self._content = content
        self._looked = 0
        self.window = bytearray()
        """The answer so far, at most WINDOW_BYTES of it."""

    def begin(self) -> None:
        """Forget the last answer."""
        self._looked = 0
        self.window = bytearray()

    def feed(self, data: bytes) -> Outcome | None:
        """Take what came; the outcome once it is certain."""
        content, window = self._content, self.window
        before = len(window)
        window += data[: WINDOW_BYTES - before]
        if content.lone_text:
            if window.find(content.lone_text, max(0, before - len(content.lone_text) + 1)) >= 0:
                return UP
        elif (last := window.rfind(b"\n", before)) >= 0 and self._worth(last) and self._found(last) is not None:
            ends = [place for place in range(before, last + 1) if window[place] == 0x0A]
            first = bisect_left(ends, True, key=lambda end: self._found(end) is not None)
            return self._found(ends[first])
        return content.judge(window) if len(window) == WINDOW_BYTES else None

    def end(self) -> Outcome:
        """No more will come in time: the verdict on what there is."""
        return self._content.judge(self.window)

    def _worth(self, end: int) -> bool:
        """Whether the lines up to this end may still be looked at."""
        self._looked += end
        return self._looked <= LOOKED_BYTES

    def _found(self, end: int) -> Outcome | None:
        """What the lines up to this line's end show."""
        return self._content.found(self.window[: end - 1 if self.window[end - 1 : end] == b"\r" else end])


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
    try:
        wanted = escaped_bytes(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return Mark(f'"{text[:60]}"', lambda answer: wanted in answer)


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
    return Mark(f"/{text[:60]}/", lambda answer: pattern.search(answer.replace(b"\r\n", b"\n")) is not None)
