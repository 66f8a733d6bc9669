"""Where the fields of a record begin: each slice is its field's, and nobody else's."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import pytest
from fastavro import parse_schema
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alerts import AlertTold
from schemas.cluster import ViewChange
from schemas.codec import HEADER_BYTES, encode, schema_text
from schemas.probes import PathReport, ProbeResults
from schemas.spans import spans_of
from schemas.states import ServiceState, ServiceTransition
from tests.property.strategies import records

DIRECT = (AlertTold, PathReport, ProbeResults, ServiceState, ServiceTransition, ViewChange)


@pytest.mark.parametrize("record_type", DIRECT, ids=lambda record_type: record_type.__name__)
@settings(max_examples=50)
@given(data=st.data())
def test_a_changed_field_changes_its_slice_alone(record_type: type, data: st.DataObject) -> None:
    record, other = data.draw(records(record_type)), data.draw(records(record_type))
    name = data.draw(st.sampled_from([field.name for field in fields(record_type)]))
    before, after = slices(record), slices(replace(record, **{name: getattr(other, name)}))
    assert b"".join(before.values()) == encode(record)[HEADER_BYTES:]
    assert after.pop(name) == slices(other)[name]
    del before[name]
    assert after == before


def slices(record: Any) -> dict[str, bytes]:
    """The bytes of each field."""
    schema = parse_schema(json.loads(schema_text(type(record).__name__)))
    data = encode(record)
    starts = spans_of(schema)(data, HEADER_BYTES)
    assert starts[-1] == len(data)
    bounds = pairwise(starts)
    return {field["name"]: data[begin:end] for field, (begin, end) in zip(schema["fields"], bounds, strict=True)}
