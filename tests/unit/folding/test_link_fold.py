"""The link in the record: with the next one, paced if it comes alone, the owner's only, and never another address's."""

from __future__ import annotations

from dataclasses import replace

from schemas.codec import decode, encode
from schemas.identifiers import NodeId, ViewId
from schemas.probes import Link, ProbeResults, Verdict
from schemas.states import LayerTwo, ServiceState
from streams.folding.batch import fold_results
from streams.folding.pacing import NEWS_INTERVAL_MS
from streams.folding.service import ServiceFold
from tests.unit.folding.builders import B0, B1, CONFIG, CONFIG_SOURCE, SOURCE, WEB, new_fold, probed, states, up_fold

LINK = Link(WEB, 1448, "02:00:00:00:00:01", 0, "eth0")
LAYER_TWO = LayerTwo("02:00:00:00:00:01", 0, "eth0")


def told(fold: ServiceFold, link: Link, sequence: int, now_ms: int, node: NodeId = B0) -> list[ServiceState]:
    """What a batch with one run and a link makes, through the bytes that it travels as."""
    run = probed(sequence, Verdict.UP, count=sequence)
    batch = ProbeResults(node, f"{node}-first", ViewId(3), 0, (), (run,), links=(link,))
    read = decode(ProbeResults, encode(batch))
    return states(fold_results({WEB: fold}, read, SOURCE, lambda _, __: B0, now_ms))


def test_S1_the_first_record_has_the_link_that_came_with_the_first_success() -> None:
    (record,) = told(new_fold(), LINK, 1, 1_000)
    assert (record.mss, record.layer_two) == (1448, LAYER_TWO)


def test_S1_a_link_alone_makes_a_paced_record_and_only_one() -> None:
    fold = up_fold()
    assert fold.record is not None
    quiet_ms = fold.record.updated_at_ms + NEWS_INTERVAL_MS
    assert told(fold, LINK, 5, quiet_ms - 1) == []
    (record,) = told(fold, LINK, 6, quiet_ms)
    assert (record.mss, record.layer_two) == (1448, LAYER_TWO)
    assert record.cause == up_fold().record.cause  # type: ignore[union-attr]
    assert told(fold, LINK, 7, quiet_ms + 10 * NEWS_INTERVAL_MS) == []


def test_S1_only_the_owner_is_believed() -> None:
    fold = up_fold()
    assert fold.record is not None
    told(fold, LINK, 5, fold.record.updated_at_ms + NEWS_INTERVAL_MS, node=B1)
    assert fold.link is None


def test_S1_a_service_off_the_link_has_no_layer_two() -> None:
    (record,) = told(new_fold(), Link(WEB, 1448, None, None, None), 1, 1_000)
    assert (record.mss, record.layer_two) == (1448, None)


def test_S1_a_new_fold_carries_the_link_on_and_another_address_ends_it() -> None:
    (record,) = told(new_fold(), LINK, 1, 1_000)
    fold = new_fold(record=record)
    (renamed,) = states(fold.configured(replace(CONFIG, name="shop"), CONFIG_SOURCE, 2_000))
    assert (renamed.mss, renamed.layer_two) == (1448, LAYER_TWO)
    (moved,) = states(fold.configured(replace(CONFIG, name="shop", ip_address="10.0.0.9"), CONFIG_SOURCE, 3_000))
    assert (moved.mss, moved.layer_two) == (None, None)
