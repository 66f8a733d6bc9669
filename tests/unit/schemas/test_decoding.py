"""Avro's binary encoding read number by number (Avro 1.11, "Binary Encoding"), and what is left to fastavro."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pytest
from fastavro import parse_schema

from schemas.cluster import NodeStatus
from schemas.codec import RECORD_TYPES, schema_of
from schemas.config import ConfigCommand, ConfigEntity
from schemas.decoding import decoder_of, long
from schemas.encoding import NotDirect
from tests.unit.schemas.test_encoding import LONGS


class Colour(Enum):
    RED = "RED"
    BLUE = "BLUE"


@dataclass(frozen=True)
class Sample:
    at: int
    text: str
    numbers: tuple[int, ...]
    colour: Colour | None
    data: bytes
    flag: bool


SCHEMA = parse_schema(
    {
        "type": "record",
        "name": "sample",
        "fields": [
            {"name": "at", "type": "long"},
            {"name": "text", "type": "string"},
            {"name": "numbers", "type": {"type": "array", "items": "long"}},
            {"name": "colour", "type": ["null", {"type": "enum", "name": "colour", "symbols": ["RED", "BLUE"]}]},
            {"name": "data", "type": "bytes"},
            {"name": "flag", "type": "boolean"},
        ],
    }
)
DECODE = decoder_of(SCHEMA, Sample)


@pytest.mark.parametrize(("value", "data"), LONGS)
def test_longs_are_zigzag_in_sevens(value: int, data: str) -> None:
    whole = bytes.fromhex(data)
    assert long(whole, 0) == (value, len(whole))
    assert long(b"?" + whole + b"?", 1) == (value, len(whole) + 1)


@pytest.mark.parametrize(
    ("text", "sample"),
    [
        ("02 04c3a9 00 00 00 00", Sample(1, "\u00e9", (), None, b"", False)),
        ("01 00 04 02 03 00 02 02 02 ff 01", Sample(-1, "", (1, -2), Colour.BLUE, b"\xff", True)),
        ("8001 00 03 04 02 03 00 02 00 00 00", Sample(64, "", (1, -2), Colour.RED, b"", False)),
        ("02 00 02 02 02 04 00 00 00 00", Sample(1, "", (1, 2), None, b"", False)),
        ("02 fe01" + "61" * 127 + " 00 00 00 00", Sample(1, "a" * 127, (), None, b"", False)),
    ],
    ids=["plain", "all there", "a block with its size", "two blocks", "a length of two bytes"],
)
def test_a_record_is_read_field_by_field(text: str, sample: Sample) -> None:
    data = bytes.fromhex(text)
    assert DECODE(b"head" + data, 4) == (sample, len(data) + 4)


@pytest.mark.parametrize(
    "text",
    [
        "02 01 00 00 00 00",
        "02 00 00 04 00 00",
        "02 00 00 02 04 00 00",
        "02 00 00 02 01 00 00",
        "ffffffffffffffffffff01 00 00 00 00 00",
        "02 02 ff 00 00 00 00",
        "02 00 fe",
    ],
    ids=["negative length", "third branch", "no such symbol", "symbol -1", "76 bits", "not UTF-8", "ends too early"],
)
def test_what_is_no_record_raises(text: str) -> None:
    with pytest.raises((ValueError, KeyError, IndexError)):
        DECODE(bytes.fromhex(text), 0)


def test_F4_a_megabyte_that_is_one_number_ends_at_once() -> None:
    began_s = time.process_time()
    with pytest.raises(ValueError, match="more than 64 bits"):
        long(b"\xff" * 2**20, 0)
    assert time.process_time() - began_s < 0.1


@pytest.mark.parametrize("kind", [["null", "long", "string"], ["long", "null"], {"type": "map", "values": "long"}])
def test_odd_types_are_left_to_fastavro(kind: Any) -> None:
    @dataclass
    class Odd:
        field: Any

    schema = parse_schema({"type": "record", "name": "odd", "fields": [{"name": "field", "type": kind}]})
    with pytest.raises(NotDirect):
        decoder_of(schema, Odd)


def test_only_what_holds_settings_is_left_to_fastavro() -> None:
    left = set()
    for record_type in RECORD_TYPES:
        try:
            decoder_of(parse_schema(schema_of(record_type)), record_type)
        except NotDirect:
            left.add(record_type)
    assert left == {ConfigCommand, ConfigEntity, NodeStatus}
