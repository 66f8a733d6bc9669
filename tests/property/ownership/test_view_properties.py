"""Views under racing leaders and misplaced records: one log, one history, for every reader (V-1, V-2)."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import NodeId, ViewId
from streams.ownership.view import EMPTY_VIEW, Member, ProposedView, View, accept, accepted_views, fold_views

NODES = [NodeId(f"b{index}") for index in range(4)]


@st.composite
def logs(draw: st.DrawFn) -> list[tuple[int, ProposedView]]:
    """A log in which leaders build on any earlier offset, on none, or on one that is yet to come; offsets may gap."""
    offset, log = 0, []
    for _ in range(draw(st.integers(0, 15))):
        offset += draw(st.integers(1, 2))
        nodes = draw(st.lists(st.sampled_from(NODES), min_size=1, max_size=4))
        members = tuple(Member(node, "run1") for node in nodes)
        prev = draw(st.one_of(st.sampled_from([-1, *(place for place, _ in log)]), st.integers(-1, offset + 2)))
        log.append((offset, ProposedView(ViewId(prev), draw(st.integers(0, 9)), members, draw(st.sampled_from(NODES)))))
    return log


@given(logs(), st.data())
def test_V1_readers_that_stop_and_resume_anywhere_hold_the_same_view(
    log: list[tuple[int, ProposedView]], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(log)))
    assert fold_views(log[cut:], fold_views(log[:cut])) == fold_views(log)


@given(logs())
def test_V2_exactly_one_record_wins_upon_each_view_and_each_view_has_one_successor(
    log: list[tuple[int, ProposedView]],
) -> None:
    records = dict(log)
    history = list(accepted_views(log))
    built_on = Counter(records[view.view_id].prev_view for view in history)
    assert all(count == 1 for count in built_on.values())
    assert [records[view.view_id].prev_view for view in history] == [-1, *(view.view_id for view in history)][
        : len(history)
    ]
    assert [view.view_id for view in history] == sorted(view.view_id for view in history)


@given(logs(), st.data())
def test_V2_a_record_out_of_place_never_changes_anything(
    log: list[tuple[int, ProposedView]], data: st.DataObject
) -> None:
    won = {view.view_id for view in accepted_views(log)}
    lost = [record for record in log if record[0] not in won]
    dropped = data.draw(st.lists(st.sampled_from(lost), unique_by=lambda record: record[0])) if lost else []
    assert fold_views([record for record in log if record not in dropped]) == fold_views(log)


@given(logs())
def test_V2_reading_the_log_twice_over_changes_nothing(log: list[tuple[int, ProposedView]]) -> None:
    assert fold_views(log, fold_views(log)) == fold_views(log)


@given(st.permutations(range(5)))
def test_V2_of_five_leaders_racing_from_one_view_the_first_appended_wins(order: list[int]) -> None:
    held = View(ViewId(3), 1, (Member(NODES[0], "run1"),), NODES[0])
    race = [
        (4 + place, ProposedView(held.view_id, leader, (Member(NodeId(f"n{leader}"), "run1"),), NodeId(f"n{leader}")))
        for place, leader in enumerate(order)
    ]
    assert fold_views(race, held).proposer == f"n{order[0]}"
    assert (
        sum(
            isinstance(accept(fold_views(race[:place], held), record, offset), View)
            for place, (offset, record) in enumerate(race)
        )
        == 1
    )
    assert fold_views(race).view_id == EMPTY_VIEW.view_id
