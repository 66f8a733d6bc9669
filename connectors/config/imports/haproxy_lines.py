r"""HAProxy's configuration as sections of lines of words (configuration manual, 2.2 and 2.3).

Rule: quoting is HAProxy's own: a backslash before a blank, `#`, `\`, a quote, `n r t` or `xHH`; weak and strong quotes;
a comment from a bare `#`. A byte that is no text stays as its surrogate (PEP 383), so that a check's bytes come out as
they went in. A section that inherits defaults begins with their lines, each with its own number, so that nobody
downstream knows of defaults.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from connectors.config.imports.notices import Notices

_SECTIONS = (
    "global defaults frontend listen backend userlist peers resolvers mailers program cache http-errors ring "
    "log-forward log-profile fcgi-app crt-store traces acme haterm"
)
SECTIONS = frozenset(_SECTIONS.split())
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", **{one: one for one in " \\#\"'$"}}
"""What a backslash makes of what follows it; before anything else it stands for itself."""
_HEX = re.compile(r"x([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Line:
    """One line's words and its number; `text` is the line as it stood."""

    number: int
    words: tuple[str, ...]
    text: str

    @property
    def first(self) -> str:
        """The keyword."""
        return self.words[0]


@dataclass(slots=True)
class Section:
    """A section: its kind and name, and its lines with what it inherits before its own."""

    kind: str
    name: str
    line: int
    lines: list[Line] = field(default_factory=list)
    inherited: int = 0
    """How many of the lines are its defaults'."""


def sections_of(text: str, notices: Notices) -> list[Section]:
    """All sections in order. What stands before the first, and conditions, are told."""
    found: list[Section] = []
    defaults: dict[str, Section] = {}
    newest: Section | None = None
    for line in lines_of(text):
        if line.first in SECTIONS:
            name = line.words[1] if len(line.words) > 1 else ""
            section = Section(line.first, name, line.number)
            base = _base(line, defaults, newest)
            if line.first in ("defaults", "frontend", "backend", "listen") and base is not None:
                section.lines, section.inherited = list(base.lines), len(base.lines)
            found.append(section)
            if line.first == "defaults":
                defaults[name], newest = section, section
        elif line.first.startswith(".") and line.first not in (".notice", ".warning", ".alert", ".diag"):
            what = f"condition {line.first}"
            notices.changed(line.number, what, "is not judged: all branches are read; take the wrong ones out first")
        elif found:
            found[-1].lines.append(line)
        else:
            notices.note(line.number, line.first, "stands in no section: it is not read")
    return found


def _base(line: Line, defaults: dict[str, Section], newest: Section | None) -> Section | None:
    """The defaults that a section goes on from: those that it names (`from NAME`), else the newest."""
    if "from" in line.words[1:-1]:
        return defaults.get(line.words[line.words.index("from", 1) + 1])
    return None if line.first == "defaults" else newest


def lines_of(text: str) -> list[Line]:
    """The lines that say something, as words."""
    split = ((number, raw, words_of(raw)) for number, raw in enumerate(text.split("\n"), 1))
    return [Line(number, words, raw.strip()) for number, raw, words in split if words]


def words_of(raw: str) -> tuple[str, ...]:
    """The words of a line, unquoted."""
    words: list[str] = []
    word: str | None = None
    quote, at = "", 0
    while at < len(raw):
        one = raw[at]
        at += 1
        if one == "\\" and quote != "'":
            piece, used = _escape(raw[at:])
            word, at = (word or "") + piece, at + used
        elif quote:
            quote, word = ("", word or "") if one == quote else (quote, (word or "") + one)
        elif one in "\"'":
            quote, word = one, word or ""
        elif one == "#":
            break
        elif one in " \t\r\n":
            words, word = ([*words, word], None) if word is not None else (words, None)
        else:
            word = (word or "") + one
    return tuple(words if word is None else [*words, word])


def _escape(rest: str) -> tuple[str, int]:
    """What stands for a backslash and what follows it, and how much of that it takes."""
    coded = _HEX.match(rest)
    if coded:
        code = int(coded[1], 16)
        return chr(code if code < 0x80 else 0xDC00 + code), 3
    known = _ESCAPES.get(rest[:1])
    return (known, 1) if known else ("\\", 0)


def written_bytes(text: str) -> str:
    r"""A check's bytes as our parameters write them: a backslash doubled, what is no text as `\xHH`."""
    return "".join(_written(one) for one in text)


def _written(one: str) -> str:
    code = ord(one)
    if one == "\\":
        return "\\\\"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return one
