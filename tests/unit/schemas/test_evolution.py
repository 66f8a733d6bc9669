"""Every schema that a release has written and today's: each reads what the other writes, for ever."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema

import schemas
from schemas.codec import MARKER, RECORD_TYPES, WRITTEN, fingerprint_of, schema_text
from tests.unit.schemas.avro_rules import fault_between, inner

RELEASED = sorted((Path(schemas.__file__).parent / "avro" / "released").glob("*.avsc"))
EVERY_RELEASED = pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)


def today(path: Path) -> Any:
    return json.loads(schema_text(path.name.split(".")[0]))


def test_every_record_was_released() -> None:
    assert {path.name.split(".")[0] for path in RELEASED} >= {record_type.__name__ for record_type in RECORD_TYPES}


@EVERY_RELEASED
def test_todays_readers_read_what_a_release_wrote(path: Path) -> None:
    assert fault_between(json.loads(path.read_text()), today(path)) is None


@EVERY_RELEASED
def test_a_releases_readers_read_what_today_writes(path: Path) -> None:
    assert fault_between(today(path), json.loads(path.read_text())) is None


@EVERY_RELEASED
def test_the_codec_knows_each_released_schema_by_its_fingerprint(path: Path) -> None:
    header = MARKER + fingerprint_of(parse_schema(json.loads(path.read_text())))
    assert WRITTEN[header].record_type.__name__ == path.name.split(".")[0]


STATE = json.loads(schema_text("ServiceState"))


def changed(change: str) -> Any:
    """ServiceState after a change that a careless hand could make."""
    schema = copy.deepcopy(STATE)
    by_name = {field["name"]: field for field in schema["fields"]}
    match change:
        case "new field with a default":
            schema["fields"].append({"name": "note", "type": "string", "default": ""})
        case "new field without a default":
            schema["fields"].append({"name": "note", "type": "string"})
        case "removed field without a default":
            schema["fields"].remove(by_name["port"])
        case "removed field with a default":
            schema["fields"].remove(by_name["ttl_s"])
        case "another type":
            by_name["port"]["type"] = "string"
        case "new symbol of an enum with a default":
            by_name["state"]["type"]["symbols"].append("TROFS")
        case "new symbol of an enum without a default":
            verdict_in(schema)["symbols"].append("MAYBE")
    return schema


def verdict_in(schema: Any) -> Any:
    """The enum of verdicts within ServiceState."""
    by_name = {field["name"]: field for field in schema["fields"]}
    return by_name["bindings"]["type"]["items"]["fields"][7]["type"]


def without_a_default() -> Any:
    """ServiceState as it would be, had the enum of verdicts no default."""
    schema = copy.deepcopy(STATE)
    del verdict_in(schema)["default"]
    return schema


@pytest.mark.parametrize(
    ("change", "forward", "backward"),
    [
        ("new field with a default", True, True),
        ("new field without a default", True, False),
        ("removed field without a default", False, True),
        ("removed field with a default", True, True),
        ("another type", False, False),
        ("new symbol of an enum with a default", True, True),
        ("new symbol of an enum without a default", False, True),
    ],
)
def test_the_check_itself_tells_good_changes_from_bad(change: str, forward: bool, backward: bool) -> None:
    """Forward: today's readers read the changed; backward: the changed one's readers read today's."""
    state = without_a_default() if change == "new symbol of an enum without a default" else STATE
    assert (fault_between(changed(change), state) is None) is forward
    assert (fault_between(state, changed(change)) is None) is backward


@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda record_type: record_type.__name__)
def test_every_enum_has_a_default_for_symbols_of_newer_releases(record_type: type) -> None:
    for kind, schema in inner(json.loads(schema_text(record_type.__name__))):
        if kind == "enum":
            assert schema.get("default") in schema["symbols"], schema["name"]
