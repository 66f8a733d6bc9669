"""Where a log is read from, and each reason not to read it."""

from __future__ import annotations

import pytest

from connectors.kafka import BEGINNING, END, FaultKind, Place
from connectors.kafka.log_watch import LogBounds
from connectors.kafka.places import the_last
from connectors.kafka.start import first_fault, first_offsets

A, B = Place("t", 0), Place("t", 1)
BOUNDS = LogBounds({"t": "id-1"}, {"t": 2}, {A: 3, B: 0}, {A: 10, B: 0})


def test_logical_offsets_become_explicit() -> None:
    assert first_offsets({A: BEGINNING, B: END}, BOUNDS) == {A: 3, B: 0}
    assert first_offsets({A: END, B: BEGINNING}, BOUNDS) == {A: 10, B: 0}
    assert first_offsets({A: 7}, BOUNDS) == {A: 7}
    assert first_offsets({A: the_last(2), B: the_last(400)}, BOUNDS) == {A: 8, B: 0}
    assert first_offsets({A: the_last(400)}, BOUNDS) == {A: 3}
    assert first_offsets({A: the_last(0)}, BOUNDS) == {A: 10}


@pytest.mark.parametrize("offset", [3, 7, 10])
def test_an_offset_that_is_there_is_no_fault(offset: int) -> None:
    assert first_fault({A: offset}, BOUNDS, {"t": "id-1", "other": "x"}) is None


@pytest.mark.parametrize(
    ("offsets", "ids", "kind", "told"),
    [
        ({A: 2}, {}, FaultKind.RECORDS_GONE, "it is 2, there are 3 to 10"),
        ({A: 11}, {}, FaultKind.RECORDS_GONE, "it is 11, there are 3 to 10"),
        ({A: 3}, {"t": "id-0"}, FaultKind.TOPIC_RECREATED, "deleted and made anew"),
        ({A: 3, Place("t", 2): 0}, {}, FaultKind.WRONG_PARTITIONS, "has 2 partitions, 3 are wanted"),
    ],
)
def test_each_fault_is_final_and_says_what(
    offsets: dict[Place, int], ids: dict[str, str], kind: FaultKind, told: str
) -> None:
    fault = first_fault(offsets, LogBounds(BOUNDS.topic_ids, {"t": 2}, BOUNDS.oldest, BOUNDS.ends), ids)
    assert fault is not None
    assert (fault.kind, fault.final) == (kind, True)
    assert told in fault.message
