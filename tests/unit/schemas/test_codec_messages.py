"""What the codec says of bytes that it cannot read: each kind of fault by its own words (F4)."""

from __future__ import annotations

import pytest

from schemas.codec import HEADER_BYTES, MARKER, Unreadable, decode, encode, peek_order
from schemas.config import ConfigRevision
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import PathReport, PathState
from schemas.states import ServiceState

MARK = encode(ConfigRevision(7, "c-7"))
PATH = encode(PathReport(EntityId("5-0"), NodeId("b0"), PathState.UP, ViewId(3), 1))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "no value: this topic has no tombstones"),
        (b"", "0 bytes, too short for a record's header of 10"),
        (MARK[:9], "9 bytes, too short"),
        (b"\x00\x00\x00\x00\x07" + MARK[10:] * 3, "Confluent framing"),
        (b'{"json": true}', "does not begin with the marker c301 but with 7b22"),
        (MARKER + bytes(range(8)) + b"body", "schema 0706050403020100 is not known here"),
        (PATH, "holds a PathReport, not a ConfigRevision"),
        (MARK[:-1], "not a ConfigRevision: "),
        (MARK + b"xy", "2 bytes too many after the ConfigRevision"),
    ],
)
def test_F4_each_fault_says_what_is_wrong(data: bytes | None, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        decode(ConfigRevision, data)


def test_F4_neighbours_of_a_poisoned_record_are_read() -> None:
    assert decode(ConfigRevision, MARK) == ConfigRevision(7, "c-7")


def test_S10_peek_refuses_what_is_not_a_state() -> None:
    with pytest.raises(Unreadable):
        peek_order(MARK)
    with pytest.raises(Unreadable):
        peek_order(b"")


def test_S10_peek_refuses_a_state_cut_within_its_first_fields() -> None:
    with pytest.raises(Unreadable, match="first fields"):
        peek_order(_state_header() + b"\xff\xff")
    with pytest.raises(Unreadable, match="first fields"):
        peek_order(_state_header() + b"\xff" * 40)


def test_S10_peek_reads_the_largest_numbers() -> None:
    largest = b"\xfe" + b"\xff" * 8 + b"\x01"
    assert peek_order(_state_header() + largest + b"\x01") == (2**63 - 1, -1)


def _state_header() -> bytes:
    from schemas.codec import WRITTEN

    return next(header for header, written in WRITTEN.items() if written.record_type is ServiceState)[:HEADER_BYTES]
