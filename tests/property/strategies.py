"""Hypothesis strategies for every record that travels, from the type hints alone.

`records(ServiceState)` gives any ServiceState that its schema can hold. Use these where a test says "whatever the
record"; build records by hand where it says "this one".
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

from hypothesis import strategies as st

from schemas.config import Setting

LONGS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
BYTES = st.binary(max_size=20)
SETTINGS = (
    st.none() | st.booleans() | LONGS | st.floats(allow_nan=False) | TEXTS | st.lists(TEXTS, max_size=3).map(tuple)
)

PLAIN: dict[type, st.SearchStrategy[Any]] = {bool: st.booleans(), int: LONGS, str: TEXTS, bytes: BYTES}


@cache
def records(record_type: type) -> st.SearchStrategy[Any]:
    """Any record of this type."""
    hints = typing.get_type_hints(record_type)
    return st.builds(record_type, **{field.name: values(hints[field.name]) for field in fields(record_type)})


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field with this type hint."""
    shape, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint == Setting:
        return SETTINGS
    if shape in (types.UnionType, typing.Union):
        return st.one_of([st.none() if argument is type(None) else values(argument) for argument in arguments])
    if shape is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if shape is not None and issubclass(shape, Mapping):
        return st.dictionaries(TEXTS, values(arguments[1]), max_size=3)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if is_dataclass(hint):
        return records(typing.cast(type, hint))
    return PLAIN[getattr(hint, "__supertype__", hint)]
