"""Whether a node had applied a record, from its heartbeats before and behind an instant."""

from __future__ import annotations

import pytest

from schemas.identifiers import NodeId
from streams.answers.nodes_then import Applied, beats_of, position_of
from streams.answers.placed import Where
from tests.unit.answers.records import PARTITION, beat

STATE = Where("c.service-states", PARTITION, 7, 1_000)
B0 = NodeId("b0")


@pytest.mark.parametrize(
    ("beats", "at_ms", "applied"),
    [
        ([(1_000, 8)], 1_100, Applied.YES),
        ([(1_000, 7)], 1_100, Applied.NOT_YET),
        ([(1_000, 7), (1_500, 8)], 1_100, Applied.UNSURE),
        ([(1_000, 7), (1_500, 7)], 1_100, Applied.NOT_YET),
        ([(1_000, 7), (1_500, 8)], 1_500, Applied.YES),
        ([(1_500, 8)], 1_100, Applied.UNKNOWN),
        ([], 1_100, Applied.UNKNOWN),
    ],
)
def test_U2_T4_what_a_node_had_applied(beats: list[tuple[int, int]], at_ms: int, applied: Applied) -> None:
    records = [beat("b0", offset, sent_ms, next_offset) for offset, (sent_ms, next_offset) in enumerate(beats)]
    assert position_of(beats_of(records).get(B0, ()), STATE, 3, at_ms).applied is applied


def test_S8_a_record_waits_in_the_cache_of_a_node_that_has_not_read_the_service() -> None:
    beats = beats_of([beat("b0", 0, 1_000, 8, configured=3)])[B0]
    assert position_of(beats, STATE, 3, 1_100).applied is Applied.CACHED
    assert position_of(beats, STATE, 2, 1_100).applied is Applied.YES
    assert position_of(beats, STATE, None, 1_100).applied is Applied.YES
