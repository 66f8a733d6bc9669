"""Digests of nodes compared at equal offsets, and the record that explains a difference (U-5)."""

from __future__ import annotations

from schemas.cluster import NodeStatus, Phase
from schemas.identifiers import NodeId, ViewId
from streams.audit.convergence import KEPT_OFFSETS, SILENT_MS, Convergence, Disagreement
from streams.audit.difference import Difference, Version, difference


def beat(
    node: str, *told: tuple[int, int], at_ms: int = 1_000, phase: Phase = Phase.SERVING, digests: bytes | None = None
) -> NodeStatus:
    """A heartbeat that tells (offset, digest) of each of the first partitions."""
    packed = b"".join(digest.to_bytes(8, "big") for _, digest in told)
    status = (NodeId(node), f"{node}-1", phase, (), 1, None, ViewId(0), {}, (), at_ms, 0, at_ms, "0.1.0")
    offsets = tuple(offset for offset, _ in told)
    return NodeStatus(*status, digest_offsets=offsets, digests=packed if digests is None else digests)


def after(*beats: NodeStatus) -> list[Disagreement]:
    convergence = Convergence(2)
    for one in beats:
        convergence.take(one)
    return convergence.disagreements()


def test_U5_nodes_are_compared_at_equal_offsets_only() -> None:
    assert after(beat("b0", (5, 7), (3, 1)), beat("b1", (5, 7), (4, 2))) == []
    assert after(beat("b0", (5, 7), (3, 1)), beat("b1", (5, 8), (4, 2))) == [Disagreement(0, 5, {7: ["b0"], 8: ["b1"]})]


def test_U5_nodes_that_told_of_one_offset_at_different_times_are_compared_all_the_same() -> None:
    found = after(beat("b0", (5, 7)), beat("b0", (6, 9)), beat("b1", (5, 8)))
    assert found == [Disagreement(0, 5, {7: ["b0"], 8: ["b1"]})]


def test_U5_a_difference_that_was_mended_is_none() -> None:
    assert after(beat("b0", (5, 7)), beat("b1", (5, 8)), beat("b0", (6, 1)), beat("b1", (6, 1))) == []
    assert after(beat("b0", (5, 7)), beat("b1", (5, 8)), beat("b1", (5, 7))) == []


def test_U5_who_has_left_or_fallen_silent_is_not_compared() -> None:
    apart = (beat("b0", (5, 7)), beat("b1", (5, 8)))
    assert after(*apart, beat("b1", (5, 8), phase=Phase.LEFT)) == []
    assert after(*apart, beat("b0", (5, 7), at_ms=1_001 + SILENT_MS)) == []
    assert after(*apart, beat("b0", (5, 7), at_ms=1_000 + SILENT_MS)) != []


def test_U5_offsets_are_forgotten_in_time_and_a_cut_heartbeat_tells_nothing() -> None:
    later = [beat("b0", (6 + number, 7)) for number in range(KEPT_OFFSETS)]
    assert after(beat("b0", (5, 7)), *later, beat("b1", (5, 8))) == []
    assert after(beat("b0", (5, 7)), beat("b1", (5, 8), digests=b"\0\1")) == []


OLD, NEW, OTHER = Version(b"1-0", 3, 0b0011), Version(b"1-0", 7, 0b0101), Version(b"2-0", 4, 0b1000)
GONE = (Version(b"3-0", 5, 0b1_0000), Version(b"3-0", 8, 0))
LOG = (OLD, OTHER, *GONE, NEW)
WANTED = {b"1-0": 7, b"2-0": 4}
DIGEST = NEW.hash ^ OTHER.hash


def test_U5_the_record_that_a_node_missed_or_kept_is_named() -> None:
    assert difference(LOG, WANTED, DIGEST, OLD.hash ^ OTHER.hash) == Difference(b"1-0", OLD, NEW)
    assert difference(LOG, WANTED, DIGEST, NEW.hash) == Difference(b"2-0", None, OTHER)
    assert difference(LOG, WANTED, DIGEST, DIGEST ^ GONE[0].hash) == Difference(b"3-0", GONE[0], None)
    assert Difference(b"1-0", OLD, NEW).offset == 3


def test_U5_a_difference_that_no_single_record_explains_is_not_guessed() -> None:
    assert difference(LOG, WANTED, DIGEST, 0b110_0000) is None
    assert difference(LOG, WANTED, DIGEST, OLD.hash) is None, "two services differ"
