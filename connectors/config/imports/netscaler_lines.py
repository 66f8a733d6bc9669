r"""ns.conf as commands: a verb, what it is about, plain words, and parameters with their values.

Rule: words in double quotes and in `q{...}` forms are one word, `\"` and `\\` in quotes are a quote and a backslash,
and a quoted word is never a parameter's name, however it begins. Verbs, objects and parameters are known in any case;
names of entities keep theirs. Why not split at blanks: half of the texts that a monitor expects hold one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

VERBS = frozenset(["add", "set", "bind", "unbind", "enable", "disable", "rename", "rm", "unset", "link"])
OBJECTS = (
    "lb monitor", "lb vserver", "lb metrictable", "gslb service", "servicegroup", "service", "server", "monitor",
)  # fmt: skip
"""What is read; the longest first. `monitor` is how old releases wrote `lb monitor`."""
CLOSING = {"{": "}", "(": ")", "[": "]", "<": ">"}
ESCAPING = frozenset("rnt0\\")


@dataclass(frozen=True, slots=True)
class Command:
    """One command. Parameters are by their name in lower case, without the dash."""

    line: int
    verb: str
    about: str
    words: tuple[str, ...]
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """A parameter's first value, or nothing."""
        return (self.parameters.get(name) or ("",))[0]


def commands_of(text: str) -> Iterator[Command]:
    """Every line that is a command. `about` is the two words after the verb where it is about something else."""
    for number, raw in enumerate(text.split("\n"), 1):
        words = list(_words(raw))
        if not words or words[0][0].startswith("#"):
            continue
        verb, rest = words[0][0].lower(), words[1:]
        known = next((one for one in OBJECTS if _begins(rest, one)), "")
        about = known or " ".join(word for word, _ in rest[:2])
        rest = rest[len(known.split()) :] if known else rest[2:]
        yield _command(number, verb, "lb monitor" if about == "monitor" else about, rest)


def _begins(words: list[tuple[str, bool]], about: str) -> bool:
    return [word.lower() for word, _ in words[: len(about.split())]] == about.split()


def _command(number: int, verb: str, about: str, words: list[tuple[str, bool]]) -> Command:
    plain: list[str] = []
    parameters: dict[str, list[str]] = {}
    values = plain
    for word, quoted in words:
        if not quoted and len(word) > 1 and word[0] == "-" and word[1].isalpha():
            values = parameters.setdefault(word[1:].lower(), [])
        else:
            values.append(word)
    return Command(number, verb, about, tuple(plain), {name: tuple(given) for name, given in parameters.items()})


def _words(raw: str) -> Iterator[tuple[str, bool]]:
    """The words of a line, and whether each was quoted."""
    at = 0
    while at < len(raw):
        if raw[at].isspace():
            at += 1
        elif raw[at] == '"':
            word, at = _quoted(raw, at + 1)
            yield word, True
        elif raw[at] == "q" and at + 1 < len(raw) and not raw[at + 1].isalnum() and raw[at + 1] not in ' _-."':
            closing = CLOSING.get(raw[at + 1], raw[at + 1])
            end = raw.find(closing, at + 2)
            end = len(raw) if end < 0 else end
            yield raw[at + 2 : end], True
            at = end + 1
        else:
            end = next((place for place in range(at, len(raw)) if raw[place].isspace()), len(raw))
            yield raw[at:end], False
            at = end


def _quoted(raw: str, at: int) -> tuple[str, int]:
    """A text up to its closing quote, and where the line goes on."""
    found: list[str] = []
    while at < len(raw) and raw[at] != '"':
        if raw[at] == "\\" and raw[at + 1 : at + 2] in ('"', "\\"):
            at += 1
        found.append(raw[at])
        at += 1
    return "".join(found), at + 1


def escapes(text: str) -> str:
    r"""A text to send or expect with the escapes that ours has: `\r \n \t \0 \xHH` stay, other backslashes double."""
    found, at = [], 0
    while at < len(text):
        one, next_one = text[at], text[at + 1 : at + 2]
        coded = next_one == "x" and len(text) >= at + 4 and all(digit in HEXADECIMAL for digit in text[at + 2 : at + 4])
        if one == "\\" and (next_one in ESCAPING or coded) and next_one:
            found.append(one + next_one)
            at += 2
        else:
            found.append("\\\\" if one == "\\" else one)
            at += 1
    return "".join(found)


HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
