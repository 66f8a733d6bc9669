"""Typed records straight from Avro's binary encoding (Avro 1.11, "Binary Encoding"), by a function written per schema.

Rule: what fastavro and `datum` make of the same bytes, which a property holds; what is odd (a union of more than null
and one other, a map) and what another release wrote is left to them. Whatever the bytes are, reading ends: with a
record, or with an exception. Why not fastavro for all: a dictionary of dictionaries is built that is gone through once
more, and a takeover reads thousands of states at once. Why source text and `exec`: see `encoding`.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from dataclasses import fields
from textwrap import indent
from typing import Any

from schemas.encoding import LONG_MIN, NotDirect

Decode = Callable[[bytes, int], tuple[Any, int]]
"""From bytes and the position of a record in them: the record, and the position behind it, which may lie beyond their
end. Raises anything for what is no such record."""

SMALL = tuple([(byte >> 1) ^ -(byte & 1) for byte in range(128)])
"""The longs of one byte."""
LONGEST_SHIFT = 63
"""Of ten bytes the last begins here; without this end a megabyte of hostile bytes would be one number."""


def long(data: bytes, at: int) -> tuple[int, int]:
    """A long of any length. Raises ValueError outside 64 bits."""
    byte = data[at]
    if byte <= 0x7F:
        return SMALL[byte], at + 1
    value = shift = 0
    while (byte := data[at]) > 0x7F:
        if shift > LONGEST_SHIFT:
            raise ValueError("a number of more than 64 bits")
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    value |= byte << shift
    value = (value >> 1) ^ -(value & 1)
    if not LONG_MIN <= value < -LONG_MIN:
        raise ValueError("a number of more than 64 bits")
    return value, at + 1


def size(data: bytes, at: int) -> tuple[int, int]:
    """The length of a text or of bytes. Raises ValueError for less than nothing."""
    length, at = long(data, at)
    if length < 0:
        raise ValueError("a length of less than nothing")
    return length, at


def block(data: bytes, at: int) -> tuple[int, int]:
    """How many items of an array follow. Behind a negative count stands how many bytes they take."""
    items, at = long(data, at)
    if items < 0:
        _, at = long(data, at)
    return abs(items), at


def decoder_of(schema: Any, record_type: type) -> Decode:
    """What decodes records of a parsed schema into a dataclass with the fields of its names. Raises NotDirect."""
    names: dict[str, Any] = {"SMALL": SMALL, "long": long, "size": size, "block": block}
    decode: Decode = names[_define(schema, record_type, names, {})]
    return decode


def _define(schema: Any, record_type: type, names: dict[str, Any], seen: dict[str, Any]) -> str:
    """The name of the function that reads this record; it, and what it needs, are in `names` then."""
    name: str = "decode_" + schema["name"].replace(".", "_")
    if name not in names:
        hints = typing.get_type_hints(record_type)
        steps = [
            _reading(each["type"], f"v_{each['name']}", hints[each["name"]], names, seen) for each in schema["fields"]
        ]
        order = [each.name for each in fields(record_type)]
        if sorted(order) != sorted(each["name"] for each in schema["fields"]):
            raise NotDirect(f"{record_type.__name__} has other fields")
        names[f"{name}_type"] = record_type
        body = "".join(steps) + f"return {name}_type({', '.join(f'v_{each}' for each in order)}), at\n"
        exec(f"def {name}(data, at):\n{indent(body, '  ')}", names)  # noqa: S102 - of our own .avsc files only
    return name


def _reading(schema: Any, to: str, hint: Any, names: dict[str, Any], seen: dict[str, Any]) -> str:
    """Lines that read the value at `at` into the variable `to`, and move `at` behind it."""
    if isinstance(schema, list):
        if len(schema) != 2 or schema[0] != "null":
            raise NotDirect("union")
        (inner,) = [each for each in typing.get_args(hint) if each is not types.NoneType]
        return _OPTIONAL.format(to=to, value=indent(_reading(schema[1], to, inner, names, seen), "  "))
    schema = seen.get(schema, schema) if isinstance(schema, str) else schema
    kind = schema if isinstance(schema, str) else schema["type"]
    if kind == "array":
        item = _reading(schema["items"], f"{to}_item", typing.get_args(hint)[0], names, seen)
        return _ARRAY.format(to=to, value=indent(item, "    "))
    if kind == "enum":
        seen[schema["name"]] = schema
        members = f"{schema['name'].replace('.', '_')}_members"
        names[members] = dict(enumerate(map(hint, schema["symbols"])))
        return _PLAIN["long"].format(to=to) + f"{to} = {members}[{to}]\n"
    if kind == "record":
        seen[schema["name"]] = schema
        return f"{to}, at = {_define(schema, hint, names, seen)}(data, at)\n"
    if kind not in _PLAIN:
        raise NotDirect(str(kind))
    text: str = _PLAIN[kind].format(to=to)
    return text


_PLAIN = {
    "long": """\
{to} = data[at]
if {to} < 128:
  {to} = SMALL[{to}]
  at += 1
else:
  {to}, at = long(data, at)
""",
    # Of one byte and not negative: neither its highest nor its lowest bit is set.
    "string": """\
end = data[at]
if end & 129:
  end, at = size(data, at)
  end += at
else:
  at += 1
  end = at + (end >> 1)
{to} = data[at:end].decode()
at = end
""",
    "bytes": """\
end, at = size(data, at)
end += at
{to} = data[at:end]
at = end
""",
    "boolean": """\
{to} = data[at] != 0
at += 1
""",
}
_OPTIONAL = """\
if data[at] == 0:
  {to} = None
  at += 1
elif data[at] == 2:
  at += 1
{value}\
else:
  raise ValueError("a union of two has no such branch")
"""
_ARRAY = """\
{to}_left, at = block(data, at)
{to} = []
while {to}_left:
  for _ in range({to}_left):
{value}\
    {to}.append({to}_item)
  {to}_left, at = block(data, at)
{to} = tuple({to})
"""
