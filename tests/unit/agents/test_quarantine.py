"""Quarantine: every bad record is kept once, cut to size, with its place and its whole size."""

from __future__ import annotations

from schemas.cluster import QuarantinedRecord
from schemas.codec import decode
from schemas.identifiers import NodeId
from schemas.limits import QUARANTINE_VALUE_BYTES
from schemas.topics import QUARANTINE
from streams.agents.quarantine import KEY_BYTES, Quarantine
from tests.unit.node.fakes import RecordingSender


def test_F4_a_bad_record_is_kept_with_its_place_and_reason() -> None:
    sender = RecordingSender()
    Quarantine(sender, "quarantine", NodeId("b0"), lambda: 42).put("views", 0, 7, None, b"bad", "too short")
    (record,) = sender.sent
    assert (record.topic, record.partition, record.key) == ("quarantine", 0, b"views/0/7")
    assert decode(QuarantinedRecord, record.value) == QuarantinedRecord(
        "views", 0, 7, None, b"bad", 3, "too short", NodeId("b0"), 42
    )


def test_F4_the_largest_record_is_cut_and_fits_its_topic() -> None:
    sender = RecordingSender()
    quarantine = Quarantine(sender, "quarantine", NodeId("b0"), lambda: 42)
    quarantine.put("probe-results", 3, 9, b"k" * 10_000, b"v" * 10_000_000, "e" * 300)
    (record,) = sender.sent
    told = decode(QuarantinedRecord, record.value, QUARANTINE.record_bytes)
    assert told.value_bytes == 10_000_000
    assert len(told.value or b"") == QUARANTINE_VALUE_BYTES
    assert len(told.key or b"") == KEY_BYTES


def test_F4_a_full_queue_loses_the_record_and_not_the_reader() -> None:
    quarantine = Quarantine(RecordingSender(room=0), "quarantine", NodeId("b0"), lambda: 42)
    for offset in range(3):
        quarantine.put("views", 0, offset, None, None, "no value")
    assert quarantine.count == 3
