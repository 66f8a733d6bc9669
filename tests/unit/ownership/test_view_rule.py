"""Compare and append of views, record by record (V-1, V-2)."""

from __future__ import annotations

import pytest

from schemas.identifiers import NO_VIEW, NodeId, ViewId
from streams.ownership.view import (
    EMPTY_VIEW,
    Member,
    ProposedView,
    RefusalReason,
    Refused,
    View,
    accept,
    accepted_views,
    fold_views,
    went_on_without,
)

B0, B1, B2 = NodeId("b0"), NodeId("b1"), NodeId("b2")


def member(node: NodeId) -> Member:
    return Member(node, f"{node}-run1")


def proposed(prev: int, *nodes: NodeId, generation: int = 1) -> ProposedView:
    return ProposedView(ViewId(prev), generation, tuple(map(member, nodes)), nodes[0])


HELD = View(ViewId(5), 3, (member(B0), member(B1)), B0)


def test_V1_the_accepted_record_gives_its_offset_as_the_view_id() -> None:
    view = accept(EMPTY_VIEW, proposed(NO_VIEW, B1, B0), 0)
    assert view == View(ViewId(0), 1, (member(B0), member(B1)), B1)


@pytest.mark.parametrize(
    ("record", "offset", "reason"),
    [
        (proposed(4, B2), 7, RefusalReason.LOST_RACE),
        (proposed(6, B2), 7, RefusalReason.BUILT_ON_UNKNOWN),
        (proposed(5, B2), 5, RefusalReason.OUT_OF_PLACE),
        (proposed(5, B2), 3, RefusalReason.OUT_OF_PLACE),
        (proposed(5, B2, B2), 7, RefusalReason.REPEATED_MEMBER),
        (ProposedView(ViewId(5), 4, (member(B1),), B2), 7, RefusalReason.PROPOSER_ABSENT),
        (ProposedView(ViewId(5), 4, (), B2), 7, RefusalReason.PROPOSER_ABSENT),
    ],
)
def test_V2_a_record_out_of_place_is_refused_with_its_reason(
    record: ProposedView, offset: int, reason: RefusalReason
) -> None:
    assert accept(HELD, record, offset) == Refused(reason, offset, HELD.view_id)


def test_V2_of_two_leaders_that_race_the_first_in_the_log_wins() -> None:
    log = [(0, proposed(NO_VIEW, B0)), (1, proposed(0, B0, B1)), (2, proposed(0, B1, B2)), (3, proposed(1, B2, B1))]
    assert [view.view_id for view in accepted_views(log)] == [0, 1, 3]
    assert fold_views(log).nodes == (B1, B2)


def test_a_view_names_its_members() -> None:
    assert HELD.nodes == (B0, B1)
    assert HELD.member(B1) == member(B1)
    assert HELD.member(B2) is None
    assert EMPTY_VIEW.nodes == ()


@pytest.mark.parametrize(
    ("node", "incarnation", "generation", "without"),
    [
        (B2, "b2-run1", 2, True),
        (B0, "b0-run1", 2, False),
        (B0, "b0-run0", 2, True),
        (B2, "b2-run1", 3, False),
        (B2, "b2-run1", 4, False),
    ],
    ids=["left out", "a member", "another run is a member", "the same generation", "a later assignment than the view"],
)
def test_F3_who_slept_through_its_replacement_folds_no_more(
    node: NodeId, incarnation: str, generation: int, without: bool
) -> None:
    assert went_on_without(HELD, node, incarnation, generation) is without
