"""Where the fields of an encoded record begin (Avro 1.11, "Binary Encoding"), without making anything of them.

Rule: as in `decoding`, a function written per schema, for the records that can be read without fastavro. For who
changes a few fields of a record's bytes and leaves the rest as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from textwrap import indent
from typing import Any

from schemas.decoding import block, size

Spans = Callable[[bytes, int], tuple[int, ...]]
"""From bytes and the position of a record in them: where each field begins, and where the record ends. Raises anything
for what is no such record."""


def spans_of(schema: Any) -> Spans:
    """Where the fields of a parsed schema's records begin. Raises KeyError for a schema that `decoding` cannot read."""
    names: dict[str, Any] = {"block": block, "size": size}
    starts = [f"s{number}" for number in range(len(schema["fields"]))]
    seen: dict[str, Any] = {}
    steps = [
        f"{start} = at\n{_passing(field['type'], seen)}" for start, field in zip(starts, schema["fields"], strict=True)
    ]
    body = "".join(steps) + f"return {', '.join(starts)}, at\n"
    exec(f"def spans(data, at):\n{indent(body, '  ')}", names)  # noqa: S102 - of our own .avsc files only
    spans: Spans = names["spans"]
    return spans


def _passing(schema: Any, seen: dict[str, Any], depth: int = 0) -> str:
    """Lines that move `at` behind a value."""
    if isinstance(schema, list):
        other = schema[1]
        return f"at += 1\nif data[at - 1]:\n{indent(_passing(other, seen, depth), '  ')}"
    schema = seen.get(schema, schema) if isinstance(schema, str) else schema
    kind = schema if isinstance(schema, str) else schema["type"]
    if kind == "record":
        seen[schema["name"]] = schema
        return "".join(_passing(field["type"], seen, depth) for field in schema["fields"])
    if kind == "array":
        left = f"left{depth}"
        items = indent(_passing(schema["items"], seen, depth + 1), "    ")
        return _ARRAY.format(left=left, items=items)
    if kind == "enum":
        seen[schema["name"]] = schema
        kind = "long"
    return _PASSING[kind]


_ARRAY = """\
{left}, at = block(data, at)
while {left}:
  for _ in range({left}):
{items}\
  {left}, at = block(data, at)
"""
_PASSING = {
    "long": "while data[at] > 127:\n  at += 1\nat += 1\n",
    "string": "end = data[at]\nif end & 129:\n  end, at = size(data, at)\n  at += end\nelse:\n  at += 1 + (end >> 1)\n",
    "bytes": "end, at = size(data, at)\nat += end\n",
    "boolean": "at += 1\n",
}
