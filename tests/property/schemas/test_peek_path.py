"""A report of a path read by its bytes alone says what decoding says, and never raises anything but Unreadable."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.codec import HEADER_BYTES, Unreadable, decode, encode, peek_path
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import PathReport, PathState

LONGS = st.integers(-(2**63), 2**63 - 1)
REPORTS = st.builds(
    PathReport,
    st.text(max_size=80).map(EntityId),
    st.text(max_size=80).map(NodeId),
    st.sampled_from(PathState),
    LONGS.map(ViewId),
    LONGS,
)
HEADER = encode(PathReport(EntityId("5-0"), NodeId("b0"), PathState.UP, ViewId(1), 1))[:HEADER_BYTES]


@given(REPORTS)
def test_it_says_what_decoding_says(report: PathReport) -> None:
    assert peek_path(encode(report)) == (report.service_id, report.node_id, report.path_state.value)


@given(st.binary(max_size=60).map(HEADER.__add__))
@example(HEADER + b"\x01\x00\x00\x00\x00")
@example(HEADER + b"\x02\xff\x00\x00\x00\x00")
def test_other_bytes_are_unreadable_in_both_ways_or_in_neither(data: bytes) -> None:
    try:
        report = decode(PathReport, data)
    except Unreadable:
        with pytest.raises(Unreadable):
            peek_path(data)
    else:
        assert peek_path(data) == (report.service_id, report.node_id, report.path_state.value)
