"""Views in which one run writes a partition: against a reading of the history that looks at each view by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import PARTITIONS, NodeId, Partition, ViewId
from streams.ownership.folders import MOST_VIEWS, views_of_one_folder
from streams.ownership.placement import place
from streams.ownership.view import Member, View

NODES = [NodeId(f"b{index}") for index in range(4)]
PARTITION = Partition(5)


@st.composite
def histories(draw: st.DrawFn) -> list[View]:
    """Views in force one after the other: nodes come, go, and come again as another run; often nothing changes."""
    views: list[View] = []
    offset = -1
    for _ in range(draw(st.integers(1, 8))):
        offset += draw(st.integers(1, 3))
        runs = draw(st.dictionaries(st.sampled_from(NODES), st.sampled_from(["run1", "run2"]), min_size=1))
        leaving = draw(st.sets(st.sampled_from(NODES)))
        members = tuple(Member(node, run, leaving=node in leaving) for node, run in sorted(runs.items()))
        if views and draw(st.booleans()):
            members = views[-1].members
        views.append(View(ViewId(offset), 1, members, members[0].node))
    return views


def writer(view: View, partition: Partition) -> tuple[NodeId, str]:
    node = place(view.nodes).node_of(partition)
    return next(member.run for member in view.members if member.node == node)


@given(histories(), st.integers(0, PARTITIONS - 1).map(Partition), st.integers(-1, 26), st.integers(-1, 26))
def test_V4_the_views_of_one_writer_are_all_between_two_or_none(
    views: list[View], partition: Partition, since: int, until: int
) -> None:
    found = views_of_one_folder(views, partition, ViewId(since), ViewId(until))
    known = {view.view_id for view in views}
    between = [view for view in views if since <= view.view_id <= until]
    same = len({writer(view, partition) for view in between}) == 1
    whole = since < until and since in known and until in known
    assert found == (tuple(view.view_id for view in between[1:]) if whole and same else ())


def test_V4_a_history_that_is_too_long_is_not_walked_through() -> None:
    members = (Member(NODES[0], "run1"),)
    views = [View(ViewId(offset), 1, members, NODES[0]) for offset in range(40)]
    assert len(views_of_one_folder(views, PARTITION, ViewId(20), ViewId(20 + MOST_VIEWS))) == MOST_VIEWS
    assert views_of_one_folder(views, PARTITION, ViewId(20), ViewId(21 + MOST_VIEWS)) == ()


def test_V4_a_join_changes_the_writer_of_what_it_gets_and_of_little_else() -> None:
    two = View(ViewId(4), 1, (Member(NODES[0], "run1"), Member(NODES[1], "run1")), NODES[0])
    three = View(ViewId(9), 2, (*two.members, Member(NODES[2], "run1")), NODES[0])
    got = set(place(three.nodes).partitions_of(NODES[2]))
    same = [
        p for p in map(Partition, range(PARTITIONS)) if views_of_one_folder([two, three], p, two.view_id, ViewId(9))
    ]
    assert got.isdisjoint(same)
    assert len(same) > PARTITIONS / 2
