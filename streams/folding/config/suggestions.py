"""A near name for one that does not exist.

Rule: bounded and the same on every node: a few letters of difference, the best by likeness, then by the alphabet. Why
not difflib over all names: with 70,000 services that takes a second per misspelt name.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

LETTERS_MORE_OR_LESS = 2
COMPARED = 300
LIKE_ENOUGH = 0.6


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The existing name most like `name`, or None if none is like it."""
    plausible = [other for other in names if _plausible(name, other)]
    plausible.sort(key=lambda other: (-_common_ends(name, other), other))
    matcher = SequenceMatcher(b=name)
    best: tuple[float, str] | None = None
    for other in plausible[:COMPARED]:
        matcher.set_seq1(other)
        likeness = matcher.ratio()
        if likeness >= LIKE_ENOUGH and (best is None or likeness > best[0]):
            best = (likeness, other)
    return best[1] if best else None


def _plausible(name: str, other: str) -> bool:
    return abs(len(name) - len(other)) <= LETTERS_MORE_OR_LESS and (name[:1] == other[:1] or name[-1:] == other[-1:])


def _common_ends(name: str, other: str) -> int:
    """Letters that both share at the beginning and at the end."""
    return _common_start(name, other) + _common_start(name[::-1], other[::-1])


def _common_start(name: str, other: str) -> int:
    shared = 0
    for one, two in zip(name, other, strict=False):
        if one != two:
            break
        shared += 1
    return shared
