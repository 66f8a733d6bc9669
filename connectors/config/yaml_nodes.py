"""A YAML text as nodes that know their place, so that every fault can name its line and column.

Rule: only the structure is taken from YAML; a scalar stays text and the parameter tables read it, so `port: 80` and
`port: "80"` are one, and no value turns into a date or a float. Why not load plain data and look lines up later: nodes
come from libyaml's parser when `ruamel.yaml.clib` is there, in a fifth of the time of loading; without it they still
come from the pure parser. Aliases and merge keys (`<<`) are followed; a key given twice is a fault, not the last one
silently.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.parser import Parser

MERGE = "tag:yaml.org,2002:merge"
NULL = "tag:yaml.org,2002:null"
DEPTH = 100
"""Levels of nesting read at all."""
MERGES = 8
"""Merge keys followed inside one another."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong in a file, where (from 1; 0 if nowhere in particular), and how to mend it."""

    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the text, from 1."""

    line: int
    column: int


class Faults(list[Fault]):
    """The faults found so far."""

    def tell(self, node: Any, message: str) -> None:
        """Note a fault at a node."""
        place = place_of(node)
        self.append(Fault(place.line, place.column, message))


def place_of(node: Any) -> Place:
    """Where a node begins."""
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def compose(text: str, faults: Faults) -> Any | None:
    """The root node; None if the text is empty, or no YAML, which is then among the faults."""
    try:
        if may_be_deep(text):
            faults.append(Fault(0, 0, f"nested more than {DEPTH} deep: a cluster file needs seven levels"))
            return None
        return _composed(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(0, 0)
        problem = " ".join(part for part in (error.context, error.problem) if part)
        faults.append(Fault(place.line, place.column, f"this is not YAML: {problem}"))
    except (YAMLError, RecursionError) as error:
        faults.append(Fault(0, 0, f"this is not YAML: {type(error).__name__}: {error}"[:300]))
    return None


def _composed(text: str) -> Any | None:
    """By libyaml if it is there. It knows YAML 1.1, no bare IPv6 address in braces: then the pure parser decides."""
    fast = YAML(typ="safe")
    if fast.Parser is Parser:
        return fast.compose(text)
    try:
        return fast.compose(text)
    except YAMLError:
        return YAML(typ="safe", pure=True).compose(text)


def may_be_deep(text: str) -> bool:
    """Whether the text may nest beyond DEPTH: brackets open at once, or indentation and dashes of a line.

    libyaml's composer calls itself at each level and would take the process down with it, so it is asked only after.
    Brackets within quotes do not count; the events of the pure parser say for sure, and need no stack.
    """
    opened = accumulate(1 if bracket in "[{" else -1 for bracket in re.findall(r"[\[\]{}]", text))
    indented = (len(lead) for lead in re.findall(r"^[ \t?:-]+", text, re.MULTILINE))
    return max(chain(opened, indented), default=0) > DEPTH and _depth_of(text) > DEPTH


def _depth_of(text: str) -> int:
    deepest = depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        deepest = max(deepest, depth)
        if deepest > DEPTH:
            break
    return deepest


def pairs(node: Any, what: str, faults: Faults, merges: int = MERGES) -> dict[str, tuple[Any, Any]]:
    """A mapping's key texts with (key node, value node). Anything but a mapping or nothing is a fault."""
    if is_null(node):
        return {}
    if not isinstance(node, MappingNode):
        faults.tell(node, f"{what} is to be a mapping, such as `name: {{...}}`")
        return {}
    found: dict[str, tuple[Any, Any]] = {}
    merged: dict[str, tuple[Any, Any]] = {}
    for key, value in node.value:
        if key.tag is not None and str(key.tag) == MERGE:
            for source in _merge_sources(value) if merges else ():
                merged = {**pairs(source, what, faults, merges - 1), **merged}
        elif not isinstance(key, ScalarNode):
            faults.tell(key, f"a key of {what} is to be a plain text")
        elif key.value in found:
            first = place_of(found[key.value][0])
            faults.tell(key, f'"{key.value}" stands here a second time, first in line {first.line}: keep one of them')
        else:
            found[key.value] = (key, value)
    return {**merged, **found}


def items(node: Any, what: str, faults: Faults) -> list[Any]:
    """The nodes of a list; one alone stands for a list of one, nothing for an empty list."""
    if is_null(node):
        return []
    if isinstance(node, SequenceNode):
        return list(node.value)
    if isinstance(node, ScalarNode):
        return [node]
    faults.tell(node, f"{what} is to be a list, such as `[one, two]`")
    return []


def scalar(node: Any) -> str | None:
    """A scalar's text; None if it says null or nothing."""
    return None if is_null(node) else str(node.value)


def value(node: Any, what: str, faults: Faults) -> str | tuple[str, ...] | None:
    """A setting as written: a text, a list of texts, or None."""
    if isinstance(node, ScalarNode):
        return scalar(node)
    if isinstance(node, SequenceNode) and all(isinstance(item, ScalarNode) for item in node.value):
        return tuple(str(item.value) for item in node.value)
    faults.tell(node, f"{what} is to be a value or a list of values")
    return None


def is_null(node: Any) -> bool:
    """Whether a node says null or nothing."""
    return isinstance(node, ScalarNode) and str(node.tag) == NULL


def is_mapping(node: Any) -> bool:
    """Whether a node is a mapping."""
    return isinstance(node, MappingNode)


def _merge_sources(node: Any) -> Iterator[Any]:
    return iter(node.value) if isinstance(node, SequenceNode) else iter((node,))
