"""Typed records to and from the plain dictionaries that fastavro reads and writes.

Rule: the type hints of a record are the only description of the mapping; it is worked out once per class. Why not a
general library: one that validates costs five times the Avro decoding itself, and the codec has already checked types.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any

Convert = Callable[[Any], Any]


@cache
def to_datum(record_type: type) -> Convert:
    """The function that turns a `record_type` into a dictionary for fastavro."""
    plan = [(name, _outward(hint)) for name, hint in _hints(record_type)]
    names = [name for name, _ in plan]
    values_of = _tuple_of(attrgetter, names)
    turned = [(name, outward) for name, outward in plan if outward is not None]

    def convert(record: Any) -> dict[str, Any]:
        datum = dict(zip(names, values_of(record), strict=True))
        for name, outward in turned:
            datum[name] = outward(datum[name])
        return datum

    return convert


@cache
def from_datum(record_type: type) -> Convert:
    """The function that turns fastavro's dictionary into a `record_type`."""
    plan = [(name, _inward(hint)) for name, hint in _hints(record_type)]
    values_of = _tuple_of(itemgetter, [name for name, _ in plan])
    turned = [(index, inward) for index, (_, inward) in enumerate(plan) if inward is not None]

    def convert(datum: dict[str, Any]) -> Any:
        values = list(values_of(datum))
        for index, inward in turned:
            values[index] = inward(values[index])
        return record_type(*values)

    return convert


def _tuple_of(getter: Callable[..., Convert], names: list[str]) -> Convert:
    """A getter of all names at once; one name alone would give its bare value."""
    if len(names) > 1:
        return getter(*names)
    only = getter(*names)
    return lambda source: (only(source),)


def _hints(record_type: type) -> list[tuple[str, Any]]:
    hints = typing.get_type_hints(record_type)
    return [(field.name, hints[field.name]) for field in fields(record_type)]


def _outward(hint: Any) -> Convert | None:
    """How a field's value goes out; None where it goes as it is."""
    shape, arguments = typing.get_origin(hint), typing.get_args(hint)
    if shape in (types.UnionType, typing.Union):
        return _union(_outward, _setting_outward, arguments)
    if shape is tuple:
        item = _outward(arguments[0])
        return list if item is None else lambda values: [item(value) for value in values]
    if shape is not None and issubclass(shape, Mapping):
        value_of = _outward(arguments[1])
        return dict if value_of is None else lambda mapping: {key: value_of(value) for key, value in mapping.items()}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return attrgetter("_value_")  # what `.value` reads, without its descriptor: three times faster
    if is_dataclass(hint):
        return to_datum(typing.cast(type, hint))
    return None


def _inward(hint: Any) -> Convert | None:
    """How a field's value comes in; None where it comes as it is."""
    shape, arguments = typing.get_origin(hint), typing.get_args(hint)
    if shape in (types.UnionType, typing.Union):
        return _union(_inward, _setting_inward, arguments)
    if shape is tuple:
        item = _inward(arguments[0])
        return tuple if item is None else lambda values: tuple([item(value) for value in values])
    if shape is not None and issubclass(shape, Mapping):
        value_of = _inward(arguments[1])
        return None if value_of is None else lambda mapping: {key: value_of(value) for key, value in mapping.items()}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {member.value: member for member in hint}.__getitem__
    if is_dataclass(hint):
        return from_datum(typing.cast(type, hint))
    return None


def _union(direction: Callable[[Any], Convert | None], setting: Convert, arguments: tuple[Any, ...]) -> Convert | None:
    """`T | None`: None stays None. The wide union of a Setting has its own rule."""
    others = [argument for argument in arguments if argument is not type(None)]
    if len(others) > 1:
        return setting
    inner = direction(others[0])
    return None if inner is None else lambda value: None if value is None else inner(value)


def _setting_outward(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _setting_inward(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
