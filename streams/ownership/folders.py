"""Between which views one run of a node has been the one that writes a partition: its records can have no late rival.

Rule: a node writes a partition's states only under views that give it the partition. Where views leave a partition to
the run that had it, nobody else can have written there; where another gets it, what the former one has on its way still
may arrive behind anything. Pure, from the views alone, so that a re-fold of the log reaches the same answer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from schemas.identifiers import NodeId, Partition, ViewId
from streams.ownership.placement import place
from streams.ownership.view import View

MOST_VIEWS = 16
"""Behind so many a service is told once more, whatever they were: nobody walks through a long history for each."""


def views_of_one_folder(
    views: Sequence[View], partition: Partition, since: ViewId, until: ViewId
) -> tuple[ViewId, ...]:
    """The views behind `since` up to `until`, if one run writes the partition in all of them and in `since`; else none.

    `views` are those that came into force, in order. None too where one of the two is not among them, or too far back.
    """
    first, last = (bisect_left(views, view_id, key=lambda view: view.view_id) for view_id in (since, until))
    some = views[first : last + 1]
    if not 1 < len(some) <= MOST_VIEWS + 1 or (some[0].view_id, some[-1].view_id) != (since, until):
        return ()
    runs = {_folder(view, partition) for view in some}
    return tuple(view.view_id for view in some[1:]) if len(runs) == 1 else ()


def _folder(view: View, partition: Partition) -> tuple[NodeId, str] | None:
    node = place(view.nodes).node_of(partition)
    member = None if node is None else view.member(node)
    return None if member is None else member.run
