"""The same state in Confluent's framing: what anybody's Avro reader makes of it behind five bytes."""

from __future__ import annotations

import io

import pytest
from fastavro import parse_schema, schemaless_reader

from schemas.codec import Unreadable, decode, encode, encode_framed, schema_of
from schemas.states import ServiceState
from tests.unit.replica.samples import service_state


def test_the_framing_is_zero_the_id_and_the_same_body() -> None:
    state = service_state("3-0", name="web")
    framed = encode_framed(state, 258)
    assert framed[:5] == b"\0\0\0\1\2"
    assert framed[5:] == encode(state)[10:]
    read = schemaless_reader(io.BytesIO(framed[5:]), parse_schema(schema_of(ServiceState)), None)
    assert (read["name"], read["state"], read["entity_id"]) == ("web", "UP", "3-0")


def test_nothing_of_ours_reads_it() -> None:
    with pytest.raises(Unreadable, match="Confluent framing"):
        decode(ServiceState, encode_framed(service_state("3-0"), 1))
