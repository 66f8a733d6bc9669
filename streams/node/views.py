"""Step 3 of the flow at run time: the view held, the few before it, and proposals by a leader.

Rule: `accept` alone decides; this keeps what it decided. Owners are asked by view id, because a batch of results is
judged under the view it was made in, so the last views are kept with their placements.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence

from structlog import get_logger

from schemas.cluster import ViewChange, ViewMember
from schemas.identifiers import NodeId, Partition, ViewId
from streams.ownership.folders import views_of_one_folder
from streams.ownership.placement import place
from streams.ownership.view import EMPTY_VIEW, Member, View, accept, proposed_view

log = get_logger()

KEPT_VIEWS = 64


class Views:
    """All methods: the loop's thread. `on_accepted` is called after each new view."""

    def __init__(self) -> None:
        self.held: View = EMPTY_VIEW
        self.next_offset = 0
        self.refused = 0
        self.on_accepted: list[Callable[[View], None]] = []
        self._kept: OrderedDict[ViewId, View] = OrderedDict()
        self._of_one_folder: dict[tuple[Partition, ViewId, ViewId], Sequence[ViewId]] = {}
        self._changed = asyncio.Event()

    def read(self, offset: int, change: ViewChange) -> None:
        """One record of the `views` topic, in offset order."""
        self.next_offset = offset + 1
        outcome = accept(self.held, proposed_view(change), offset)
        if not isinstance(outcome, View):
            self.refused += 1
            log.info("view refused", offset=offset, reason=outcome.reason.value, held=self.held.view_id)
            return
        self._take(outcome)

    def _take(self, view: View) -> None:
        self._of_one_folder.clear()
        self.held = view
        self._kept[view.view_id] = view
        while len(self._kept) > KEPT_VIEWS:
            self._kept.popitem(last=False)
        members, leaving = list(view.nodes), list(view.leaving)
        log.info("view accepted", view=view.view_id, members=members, leaving=leaving, proposer=view.proposer)
        self._changed.set()
        self._changed = asyncio.Event()
        for call in self.on_accepted:
            call(view)

    def kept(self, view_id: ViewId) -> View | None:
        """A view that was in force lately, or None if it never was or is long gone."""
        return self._kept.get(view_id)

    def of_one_folder(self, partition: Partition, since: ViewId, until: ViewId) -> Sequence[ViewId]:
        """The views behind one up to another, if the same run writes the partition in all; worked out once a view."""
        asked = partition, since, until
        known = self._of_one_folder.get(asked)
        if known is None:
            known = self._of_one_folder[asked] = views_of_one_folder(list(self._kept.values()), *asked)
        return known

    async def reach(self, view_id: ViewId, deadline_s: float) -> bool:
        """Wait until the view held is at least `view_id`; False if that did not happen in time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline_s
        while self.held.view_id < view_id:
            remaining = end - loop.time()
            if remaining <= 0:
                return False
            try:
                await asyncio.wait_for(self._changed.wait(), remaining)
            except TimeoutError:
                return False
        return True

    def proposal(self, members: tuple[Member, ...], generation: int, proposer: NodeId, now_ms: int) -> ViewChange:
        """The record by which these members are proposed on top of the view held. Who was leaving is leaving still: the
        group does not know of it.
        """
        leaving = {member.run for member in self.held.members if member.leaving}
        return ViewChange(
            self.held.view_id,
            generation,
            tuple(
                ViewMember(
                    member.node,
                    member.incarnation,
                    tuple(sorted(member.node_groups)),
                    member.leaving or member.run in leaving,
                )
                for member in members
            ),
            proposer,
            now_ms,
        )

    def balance(self) -> dict[NodeId, int]:
        """Partitions of each operational node under the view held."""
        placement = place(self.held.nodes)
        return {node: len(placement.partitions_of(node)) for node in self.held.nodes}
