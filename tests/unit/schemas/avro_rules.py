"""What tests ask of an Avro schema: the schemas inside it, a sample of its data, and whether two get on."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer

Schema = dict[str, Any]

SAMPLES = {
    "null": None,
    "boolean": True,
    "int": 7,
    "long": 7,
    "float": 0.5,
    "double": 0.5,
    "bytes": b"7",
    "string": "7",
}


def inner(schema: Any) -> Iterator[tuple[str, Any]]:
    """Each schema within this one, itself first, with its kind."""
    if isinstance(schema, list):
        yield "union", schema
        for branch in schema:
            yield from inner(branch)
    elif isinstance(schema, str):
        yield schema, schema
    else:
        yield schema["type"], schema
        for part in (schema.get("items"), schema.get("values"), *[field["type"] for field in schema.get("fields", [])]):
            if part is not None:
                yield from inner(part)


def sample(schema: Any, named: dict[str, Any] | None = None, last: bool = False) -> Any:
    """Some data of a schema: of each union the first branch (or the last), one item in each array and map."""
    named = {} if named is None else named
    if isinstance(schema, list):
        return sample(schema[-1 if last else 0], named, last)
    if isinstance(schema, str):
        return SAMPLES[schema] if schema in SAMPLES else sample(named[schema.removeprefix("watchbill.")], named, last)
    if "name" in schema:
        named[schema["name"]] = schema
    match schema["type"]:
        case "record":
            return {field["name"]: sample(field["type"], named, last) for field in schema["fields"]}
        case "enum":
            return schema["symbols"][-1 if last else 0]
        case "array":
            return [sample(schema["items"], named, last)]
        case "map":
            return {"7": sample(schema["values"], named, last)}
        case plain:
            return SAMPLES[plain]


def fault_between(writer: Schema, reader: Schema) -> str | None:
    """Why the reader cannot read what the writer writes; None if it can."""
    for last in (False, True):
        out = io.BytesIO()
        schemaless_writer(out, parse_schema(writer), sample(writer, last=last))
        out.seek(0)
        try:
            schemaless_reader(out, parse_schema(writer), parse_schema(reader))
        except Exception as fault:  # fastavro has a dozen kinds for one meaning
            return f"{type(fault).__name__}: {fault}"
        if out.read():
            return "bytes were left over"
    return None
