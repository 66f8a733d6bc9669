"""Typed records straight to Avro's binary encoding (Avro 1.11, "Binary Encoding"), by a function written per schema.

Rule: the bytes are those that fastavro writes for the same schema, which a property holds; what is odd (a union of more
than null and one other, a map) is left to fastavro. Why not fastavro for all: it wants a dictionary of dictionaries and
looks each type up again for every value; a takeover writes thousands of states at once, and that was a third of it. Why
source text and `exec`, as `dataclasses` does: a call for each field would take back half of what is won.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Encode = Callable[[Any], bytes]

LONG_MIN, LONG_MAX = -(1 << 63), (1 << 63) - 1


class NotDirect(Exception):
    """The schema holds a type that is left to fastavro."""


def varint(value: int) -> bytes:
    """A long: zigzag, then seven bits a byte, the lowest first. Raises ValueError outside 64 bits."""
    if not LONG_MIN <= value <= LONG_MAX:
        raise ValueError(f"{value} does not fit a long")
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


SMALL = tuple([varint(value) for value in range(8192)])


def long(value: int) -> bytes:
    """A long, mostly looked up."""
    return SMALL[value] if 0 <= value < len(SMALL) else varint(value)


def string(value: str) -> bytes:
    """A text with its length before it."""
    data = value.encode()
    return long(len(data)) + data


def octets(value: bytes) -> bytes:
    """Bytes with their length before them."""
    return long(len(value)) + value


def encoder_of(schema: Any) -> Encode:
    """What encodes records of a parsed schema, from objects with its fields as attributes. Raises NotDirect."""
    names: dict[str, Any] = {"SMALL": SMALL, "varint": varint, "long": long, "string": string, "octets": octets}
    _source(schema, "record", names)
    encode: Encode = names[_function(schema["name"])]
    return encode


def _source(schema: Any, value: str, names: dict[str, Any]) -> str:
    """An expression for the bytes of the value that another expression gives; functions it needs go into `names`."""
    if isinstance(schema, list):
        return _optional(schema, value, names)
    kind = schema if isinstance(schema, str) else schema["type"]
    if kind in _PLAIN:
        return _PLAIN[kind].format(value)
    if kind == "array":
        item = _source(schema["items"], "item", names)
        joined = f"b''.join([{item} for item in items])"
        return f"(long(len(items)) + {joined} + b'\\0' if (items := {value}) else b'\\0')"
    if kind == "enum":
        names[_function(schema["name"])] = {symbol: varint(place) for place, symbol in enumerate(schema["symbols"])}
        return f"{_function(schema['name'])}[{value}._value_]"
    if kind == "record":
        parts = [_source(field["type"], f"record.{field['name']}", names) for field in schema["fields"]]
        _define(_function(schema["name"]), f"b''.join(({', '.join(parts)},))", names)
        return f"{_function(schema['name'])}({value})"
    known = _function(kind)
    if known not in names:
        raise NotDirect(str(kind))
    return f"{known}[{value}._value_]" if isinstance(names[known], dict) else f"{known}({value})"


def _optional(branches: list[Any], value: str, names: dict[str, Any]) -> str:
    """A union of null and one other, null first as all of ours."""
    if len(branches) != 2 or branches[0] != "null":
        raise NotDirect("union")
    return f"(b'\\0' if {value} is None else b'\\2' + {_source(branches[1], value, names)})"


def _define(name: str, expression: str, names: dict[str, Any]) -> None:
    exec(f"def {name}(record): return {expression}", names)  # noqa: S102 - of our own .avsc files only


def _function(name: str) -> str:
    return "encode_" + name.replace(".", "_")


_PLAIN = {
    "long": "(SMALL[number] if 0 <= (number := {}) < 8192 else varint(number))",
    "string": "string({})",
    "bytes": "octets({})",
    "boolean": "(b'\\1' if {} else b'\\0')",
}
