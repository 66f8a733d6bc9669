"""Each `.avsc` says what its record type says, and holds nothing that a few bytes could blow up."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

import schemas
from schemas.codec import RECORD_TYPES, schema_text
from tests.unit.schemas.avro_rules import inner

EVERY_TYPE = pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda record_type: record_type.__name__)
PLAIN = {bool: "boolean", int: "long", float: "double", str: "string", bytes: "bytes", type(None): "null"}


def expected(hint: Any) -> Any:
    """The Avro shape of a type hint: records and enums by name and content, unions as their branches in one order."""
    shape, arguments = typing.get_origin(hint), typing.get_args(hint)
    if shape in (types.UnionType, typing.Union):
        return ("union", sorted(repr(expected(argument)) for argument in arguments))
    if shape is tuple:
        return ("array", expected(arguments[0]))
    if shape is not None and issubclass(shape, Mapping):
        return ("map", expected(arguments[1]))
    hint = getattr(hint, "__supertype__", hint)
    if is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return ("record", hint.__name__, [(field.name, expected(hints[field.name])) for field in fields(hint)])
    if issubclass(hint, Enum):
        return ("enum", hint.__name__, [member.value for member in hint])
    return PLAIN[hint]


def written(schema: Any, named: dict[str, Any]) -> Any:
    """The same shape, read from the `.avsc`."""
    if isinstance(schema, list):
        return ("union", sorted(repr(written(branch, named)) for branch in schema))
    if isinstance(schema, str):
        return named.get(schema.removeprefix("watchbill."), schema)
    match schema["type"]:
        case "array":
            return ("array", written(schema["items"], named))
        case "map":
            return ("map", written(schema["values"], named))
        case "enum":
            shape: Any = ("enum", schema["name"], schema["symbols"])
        case "record":
            shape = (
                "record",
                schema["name"],
                [(field["name"], written(field["type"], named)) for field in schema["fields"]],
            )
        case plain:
            return plain
    named[schema["name"]] = shape
    return shape


@EVERY_TYPE
def test_the_file_and_the_record_say_the_same(record_type: type) -> None:
    assert written(json.loads(schema_text(record_type.__name__)), {}) == expected(record_type)


def test_every_file_is_a_record_that_travels() -> None:
    files = {path.stem for path in (Path(schemas.__file__).parent / "avro").glob("*.avsc")}
    assert files == {record_type.__name__ for record_type in RECORD_TYPES}


@EVERY_TYPE
def test_F4_no_schema_refers_to_itself(record_type: type) -> None:
    """A record within itself lets a few bytes ask for any depth."""

    def walk(schema: Any, open_names: tuple[str, ...]) -> None:
        if isinstance(schema, list):
            for branch in schema:
                walk(branch, open_names)
        elif isinstance(schema, str):
            assert schema.removeprefix("watchbill.") not in open_names
        else:
            names = (*open_names, schema["name"]) if schema["type"] == "record" else open_names
            for part in (
                schema.get("items"),
                schema.get("values"),
                *[field["type"] for field in schema.get("fields", [])],
            ):
                if part is not None:
                    walk(part, names)

    walk(json.loads(schema_text(record_type.__name__)), ())


def takes_no_bytes(schema: Any) -> bool:
    """Whether a value can be encoded in nothing: null, and records of only such."""
    if isinstance(schema, dict) and schema["type"] == "record":
        return all(takes_no_bytes(field["type"]) for field in schema["fields"])
    return schema == "null" or (isinstance(schema, dict) and schema["type"] == "null")


@EVERY_TYPE
def test_F4_no_array_of_what_takes_no_bytes(record_type: type) -> None:
    """Ten bytes would ask for 2^63 items."""
    for kind, schema in inner(json.loads(schema_text(record_type.__name__))):
        if kind == "array":
            assert not takes_no_bytes(schema["items"])


def test_S10_view_id_and_sequence_are_the_first_fields_in_every_release() -> None:
    texts = [schema_text("ServiceState")]
    released = Path(schemas.__file__).parent / "avro" / "released"
    texts += [path.read_text() for path in released.glob("ServiceState.*.avsc")]
    for text in texts:
        first, second = json.loads(text)["fields"][:2]
        assert (first["name"], first["type"], second["name"], second["type"]) == (
            "view_id",
            "long",
            "sequence",
            "long",
        )
