"""Codec: whatever the record, its bytes give it back; whatever the bytes, the answer is a record or `Unreadable`."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import (
    HEADER_BYTES,
    MARKER,
    RECORD_TYPES,
    TooLarge,
    Unreadable,
    decode,
    decode_any,
    encode,
    fingerprint_of,
    may_ask,
    peek_order,
    peek_state,
    schema_text,
)
from schemas.datum import from_datum, to_datum
from schemas.identifiers import NodeId
from schemas.states import Doubt, ServiceState
from tests.property.strategies import records

EVERY_TYPE = pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda record_type: record_type.__name__)
ANY_RECORD = st.one_of([records(record_type) for record_type in RECORD_TYPES])


@EVERY_TYPE
@settings(max_examples=50)
@given(data=st.data())
def test_round_trip(record_type: type, data: st.DataObject) -> None:
    record = data.draw(records(record_type))
    assert decode(record_type, encode(record)) == record


@EVERY_TYPE
@settings(max_examples=50)
@given(data=st.data())
def test_the_bytes_are_those_that_fastavro_writes(record_type: type, data: st.DataObject) -> None:
    record = data.draw(records(record_type))
    schema = parse_schema(json.loads(schema_text(record_type.__name__)))
    body = io.BytesIO()
    schemaless_writer(body, schema, to_datum(record_type)(record))
    assert encode(record)[HEADER_BYTES:] == body.getvalue()


@EVERY_TYPE
@settings(max_examples=100)
@given(data=st.data())
def test_what_is_read_is_what_fastavro_reads(record_type: type, data: st.DataObject) -> None:
    """In whole records and in damaged ones: where both read something, it is the same."""
    whole = bytearray(encode(data.draw(records(record_type))))
    for place in data.draw(st.lists(st.integers(HEADER_BYTES, len(whole) - 1), max_size=3)):
        whole[place] = data.draw(st.integers(0, 255))
    body, schema = io.BytesIO(whole), parse_schema(json.loads(schema_text(record_type.__name__)))
    body.seek(HEADER_BYTES)
    ours = read(bytes(whole))
    try:
        theirs = from_datum(record_type)(schemaless_reader(body, schema, None))
    except Exception:
        theirs = None
    if body.tell() == len(whole) and None not in (ours, theirs):
        assert ours == theirs


@given(records(ServiceState))
def test_the_state_is_read_without_the_rest(state: ServiceState) -> None:
    assert peek_state(encode(state)) == state.state.value


@given(records(ServiceState))
def test_S10_the_order_is_read_from_the_first_bytes(state: ServiceState) -> None:
    data = encode(state)
    assert peek_order(data) == (state.view_id, state.sequence)
    assert peek_order(data[: HEADER_BYTES + 20]) == (state.view_id, state.sequence), "20 bytes are enough"


def read(data: bytes) -> Any:
    """The record, or None if unreadable. Any other exception fails the test."""
    try:
        return decode_any(data)
    except Unreadable:
        return None


@given(st.binary(max_size=200))
def test_F4_random_bytes_are_unreadable(data: bytes) -> None:
    assert read(data) is None


@given(records(ServiceState), st.text(min_size=1, max_size=100))
def test_U8_a_state_that_asks_a_node_is_never_passed_over(state: Any, node: str) -> None:
    asking = replace(state, doubt=Doubt(NodeId(node), 1, None))
    assert may_ask(encode(asking), node)


@given(ANY_RECORD)
def test_F4_every_truncation_is_unreadable(record: Any) -> None:
    data = encode(record)
    for length in range(len(data)):
        assert read(data[:length]) is None


@given(ANY_RECORD, st.binary(min_size=1, max_size=40))
def test_F4_trailing_bytes_are_unreadable(record: Any, more: bytes) -> None:
    assert read(encode(record) + more) is None


@given(ANY_RECORD, st.data())
def test_F4_flipped_bits_never_raise_anything_else(record: Any, data: st.DataObject) -> None:
    whole = bytearray(encode(record))
    for _ in range(data.draw(st.integers(1, 8))):
        bit = data.draw(st.integers(0, len(whole) * 8 - 1))
        whole[bit // 8] ^= 1 << (bit % 8)
    read(bytes(whole))


@EVERY_TYPE
@settings(max_examples=50)
@given(body=st.binary(max_size=100))
def test_F4_a_true_header_before_random_bytes(record_type: type, body: bytes) -> None:
    read(header_of(record_type) + body)


@given(records(ServiceState), st.data())
def test_F4_another_type_than_asked_for_is_unreadable(state: ServiceState, data: st.DataObject) -> None:
    other = data.draw(st.sampled_from([record_type for record_type in RECORD_TYPES if record_type is not ServiceState]))
    with pytest.raises(Unreadable, match="holds a ServiceState"):
        decode(other, encode(state))


@given(ANY_RECORD)
def test_F4_a_record_over_its_limit_is_refused_on_both_sides(record: Any) -> None:
    data = encode(record)
    with pytest.raises(TooLarge):
        encode(record, len(data) - 1)
    with pytest.raises(Unreadable, match="over the limit"):
        decode_any(data, len(data) - 1)
    assert decode_any(data, len(data)) == record


@settings(max_examples=60)
@given(ANY_RECORD, st.integers(2**20, 2**63 - 1), st.booleans(), st.data())
def test_F4_lengths_that_promise_gigabytes_cost_nothing(
    record: Any, length: int, negative: bool, data: st.DataObject
) -> None:
    """A length or a block count put anywhere into a body: no more memory and time than the bytes that are there."""
    whole = encode(record)
    where = data.draw(st.integers(HEADER_BYTES, len(whole)))
    tracemalloc.start()
    begin_s = time.process_time()
    read(whole[:where] + zigzag(-length if negative else length) + whole[where:])
    spent_s = time.process_time() - begin_s
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 2**20
    assert spent_s < 1


@cache
def header_of(record_type: type) -> bytes:
    """The first bytes of every record of this type, as today's schema writes it."""
    return MARKER + fingerprint_of(parse_schema(json.loads(schema_text(record_type.__name__))))


def zigzag(value: int) -> bytes:
    """An Avro long."""
    rest, out = (value << 1) ^ (value >> 63), bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)
