"""The shapes of answers, as JSON Schema (2020-12), put together from a few words.

Rule: an object has the members named and no others, all of them always: what is not known is null, never missing. So a
client may read any member without asking, and a member that an answer gained without its contract is found by the
tests. A record's own fields come from its dataclass, so that they are written once.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

Shape = dict[str, Any]

TEXT: Shape = {"type": "string"}
WHOLE: Shape = {"type": "integer"}
NUMBER: Shape = {"type": "number"}
FLAG: Shape = {"type": "boolean"}
_PLAIN = {str: TEXT, int: WHOLE, float: NUMBER, bool: FLAG}


def named(name: str) -> Shape:
    """A shape that stands under `components/schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


def obj(**members: Shape) -> Shape:
    """An object with exactly these members."""
    return {"type": "object", "additionalProperties": False, "required": list(members), "properties": members}


def also(base: Shape, **members: Shape) -> Shape:
    """An object with the members of another, and these."""
    return obj(**base["properties"], **members)


def listed(item: Shape) -> Shape:
    """An array."""
    return {"type": "array", "items": item}


def keyed(item: Shape) -> Shape:
    """An object of any member names, such as one a node."""
    return {"type": "object", "additionalProperties": item}


def maybe(shape: Shape) -> Shape:
    """Or null, where it is not known."""
    return {"anyOf": [shape, {"type": "null"}]}


def one_of(kinds: type[Enum]) -> Shape:
    """One of the values of a closed set."""
    return {"type": "string", "enum": [kind.value for kind in kinds]}


def time(name: str) -> dict[str, Shape]:
    """A time under two names: text in ISO 8601, and milliseconds since 1970; null where there is none."""
    return {name: maybe({"type": "string", "format": "date-time"}), f"{name}_ms": maybe(WHOLE)}


def record(record_type: type) -> Shape:
    """What `dataclasses.asdict` makes of a record, by its annotations. Raises TypeError for one that is not plain."""
    hints = get_type_hints(record_type)
    return obj(**{field.name: of_type(hints[field.name]) for field in fields(record_type)})


def of_type(hint: Any) -> Shape:
    """The shape of a type annotation."""
    hint = getattr(hint, "__supertype__", hint)  # a NewType is what it stands for
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return one_of(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return record(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType) and type(None) in arguments:
        (inner,) = (each for each in arguments if each is not type(None))
        return maybe(of_type(inner))
    if origin in (tuple, list, Sequence):
        return listed(of_type(arguments[0]))
    if origin in (dict, Mapping):
        return keyed(of_type(arguments[1]))
    raise TypeError(f"{hint!r} has no shape yet: give it one in streams/web/shape.py")
