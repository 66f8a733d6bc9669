"""BER: what is written can be read, examples of the standards, and bytes that lie."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.probes.ber import (
    ENUMERATED,
    INTEGER,
    OBJECT_ID,
    OCTETS,
    SEQUENCE,
    BerReader,
    dotted_object_id,
    element,
    integer,
    measure,
    object_id,
    octets,
)
from connectors.probes.framed import Malformed


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "020100"),
        (127, "02017f"),
        (128, "02020080"),
        (-128, "020180"),
        (-129, "0202ff7f"),
        (256, "02020100"),
        (2**63 - 1, "02087fffffffffffffff"),
    ],
)
def test_numbers_of_x690(value: int, written: str) -> None:
    assert integer(value).hex() == written
    assert BerReader(integer(value)).integer() == value


@pytest.mark.parametrize(
    ("dotted", "written"),
    [
        ("1.3.6.1.2.1.1.3.0", "06082b06010201010300"),
        ("2.999.3", "0603883703"),
        ("1.2.840.113549", "06062a864886f70d"),
    ],
)
def test_object_ids_of_x690(dotted: str, written: str) -> None:
    assert object_id(dotted).hex() == written
    assert dotted_object_id(BerReader(object_id(dotted)).expect(OBJECT_ID)) == dotted


@pytest.mark.parametrize("dotted", ["1", "3.1", "1.40", "1.-3", "0.1.-1"])
def test_an_object_id_that_is_none(dotted: str) -> None:
    with pytest.raises(ValueError, match="is no object identifier"):
        object_id(dotted)


@given(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=70_000))
def test_what_is_written_is_read(value: int, data: bytes) -> None:
    reader = BerReader(element(SEQUENCE, integer(value, ENUMERATED), octets(data))).enter(SEQUENCE)
    assert reader.integer(ENUMERATED) == value
    assert reader.expect(OCTETS) == data
    assert reader.done


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20), st.sampled_from(["0.1", "1.39", "2.100"]))
def test_what_is_written_is_read_of_object_ids(arcs: list[int], root: str) -> None:
    dotted = ".".join((root, *map(str, arcs)))
    assert dotted_object_id(BerReader(object_id(dotted)).expect(OBJECT_ID)) == dotted


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "cut off"),
        ("30", "cut off"),
        ("300a0201", "cut off"),
        ("3080", "a length of the form 0x80"),
        ("3085ffffffffff", "a length of the form 0x85"),
        ("3084ffffffff", "cut off"),
        ("3f8101", "a tag of more than one byte"),
        ("3109", "cut off"),
        ("310100", "type 0x31 in the place of 0x30"),
        ("30020200", "a number of 0 bytes"),
        ("300b0209000000000000000000", "a number of 9 bytes"),
    ],
)
def test_bytes_that_lie(data: str, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        BerReader(bytes.fromhex(data)).enter(SEQUENCE).integer()


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    reader = BerReader(data)
    with suppress(Malformed):
        while not reader.done:
            tag, content = reader.next()
            assert len(content) < len(data)
            if tag == INTEGER:
                BerReader(element(tag, content)).integer()
            elif tag == OBJECT_ID:
                dotted_object_id(content)


@given(st.binary(max_size=12))
def test_a_header_is_measured_or_refused(data: bytes) -> None:
    try:
        header, length = measure(data)
    except Malformed:
        return
    assert (header == 0 and len(data) < 6) or 2 <= header <= 6
    assert 0 <= length < 1 << 32
