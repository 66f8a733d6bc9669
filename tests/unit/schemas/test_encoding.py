"""Avro's binary encoding, number by number (Avro 1.11, "Binary Encoding"), and what is left to fastavro."""

from __future__ import annotations

import pytest
from fastavro import parse_schema

from schemas.encoding import NotDirect, encoder_of, long, octets, string, varint

LONGS = [
    (0, "00"),
    (-1, "01"),
    (1, "02"),
    (-64, "7f"),
    (64, "8001"),
    (8191, "fe7f"),
    (8192, "808001"),
    ((1 << 63) - 1, "feffffffffffffffff01"),
    (-(1 << 63), "ffffffffffffffffff01"),
]


@pytest.mark.parametrize(("value", "data"), LONGS)
def test_longs_are_zigzag_in_sevens(value: int, data: str) -> None:
    assert varint(value) == long(value) == bytes.fromhex(data)


@pytest.mark.parametrize("value", [1 << 63, -(1 << 63) - 1])
def test_a_number_of_more_than_64_bits_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="does not fit a long"):
        long(value)


def test_texts_and_bytes_come_with_their_length() -> None:
    assert string("foo") == b"\x06foo"
    assert string("\u00e9") == b"\x04\xc3\xa9"
    assert octets(b"") == b"\x00"


@pytest.mark.parametrize("kind", [["null", "long", "string"], ["long", "null"], {"type": "map", "values": "long"}])
def test_odd_types_are_left_to_fastavro(kind: object) -> None:
    schema = parse_schema({"type": "record", "name": "odd", "fields": [{"name": "field", "type": kind}]})
    with pytest.raises(NotDirect):
        encoder_of(schema)
