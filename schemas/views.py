"""Step 3 of the flow: which record of the `views` topic is the next view of the cluster.

Rule: compare and append. A leader names the view it built upon (`prev_view`); a reader takes the record only if that
is the view it holds, and the record's offset becomes the new view's id. The topic has one partition, so every reader
meets the records in one order and takes or refuses each of them alike: of two leaders that race from the same view,
the first to be appended wins everywhere and the other sees its loss by reading back (V-1, V-2).

Why not a transaction, a lock or an epoch from the group coordinator: each needs the writer to be alive to be
judged, and none can be checked again later. Here the log alone tells, a year afterwards, which view was in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from schemas.cluster import ViewChange
from schemas.identifiers import NO_VIEW, NodeId, ViewId

EVERY_GROUP = "*"
"""Instead of a node's groups: it hosts everything, as with clustering off (V-12). No group can have this name."""


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """A node of the operational view: its name, which run of it (incarnation), and the node groups it serves."""

    node: NodeId
    incarnation: str
    node_groups: frozenset[str] = frozenset()
    leaving: bool = False
    """It is about to leave: it folds its partitions still, and owns nothing any more (T5)."""

    @property
    def run(self) -> tuple[NodeId, str]:
        """Which run of which node."""
        return self.node, self.incarnation

    def hosts(self, node_groups: frozenset[str]) -> bool:
        """True if a service of these node groups is configured on this node. No group means every node (A-1)."""
        return not node_groups or EVERY_GROUP in self.node_groups or not self.node_groups.isdisjoint(node_groups)


@dataclass(frozen=True, slots=True)
class View:
    """An accepted view. Members are sorted by node id; the id is the record's offset; `generation` is the group's."""

    view_id: ViewId
    generation: int
    members: tuple[Member, ...]
    proposer: NodeId

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        """The operational nodes, sorted: among them partitions are dealt out."""
        return tuple(member.node for member in self.members)

    @property
    def staying(self) -> tuple[NodeId, ...]:
        """Those that are not leaving, sorted: among them services are dealt out."""
        return tuple(member.node for member in self.members if not member.leaving)

    @property
    def leaving(self) -> tuple[NodeId, ...]:
        """Those that are, sorted."""
        return tuple(member.node for member in self.members if member.leaving)

    def member(self, node: NodeId) -> Member | None:
        """The member of that name, or None if the node is outside the view."""
        return next((member for member in self.members if member.node == node), None)


EMPTY_VIEW = View(view_id=NO_VIEW, generation=-1, members=(), proposer=NodeId(""))
"""What every reader holds before the first record: nobody serves, nothing is owned."""


@dataclass(frozen=True, slots=True)
class ProposedView:
    """A record of the `views` topic as a leader wrote it, before its offset and its fate are known."""

    prev_view: ViewId
    generation: int
    members: tuple[Member, ...]
    proposer: NodeId


def proposed_view(change: ViewChange) -> ProposedView:
    """The record as the rule takes it."""
    members = tuple(
        Member(member.node_id, member.incarnation, frozenset(member.node_groups), member.leaving)
        for member in change.members
    )
    return ProposedView(change.prev_view, change.generation, members, change.proposer)


class RefusalReason(Enum):
    """Why a record of the `views` topic did not become the view."""

    LOST_RACE = "another view was accepted after the one this record was built upon"
    BUILT_ON_UNKNOWN = "it was built upon a view that never was in force"
    OUT_OF_PLACE = "its offset is not after the view held"
    REPEATED_MEMBER = "a node is named twice"
    PROPOSER_ABSENT = "its proposer is not one of its members"


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that changes nothing: the reason, its offset, and the view that stays in force."""

    reason: RefusalReason
    offset: int
    held: ViewId


def accept(held: View, proposed: ProposedView, offset: int) -> View | Refused:
    """The view after this record: a new one, or why the held one stays. Total: no record raises."""
    reason = _refusal(held, proposed, offset)
    if reason is not None:
        return Refused(reason, offset, held.view_id)
    members = tuple(sorted(proposed.members, key=lambda member: member.node))
    return View(ViewId(offset), proposed.generation, members, proposed.proposer)


def fold_views(records: Iterable[tuple[int, ProposedView]], held: View = EMPTY_VIEW) -> View:
    """The view in force after these (offset, record) pairs, read in log order on top of the view already held."""
    for view in accepted_views(records, held):
        held = view
    return held


def accepted_views(records: Iterable[tuple[int, ProposedView]], held: View = EMPTY_VIEW) -> Iterator[View]:
    """Every view that came into force, in order: the history that an audit of past owners walks along."""
    for offset, proposed in records:
        outcome = accept(held, proposed, offset)
        if isinstance(outcome, View):
            held = outcome
            yield held


def _refusal(held: View, proposed: ProposedView, offset: int) -> RefusalReason | None:
    nodes = [member.node for member in proposed.members]
    if offset <= held.view_id:
        return RefusalReason.OUT_OF_PLACE
    if proposed.prev_view < held.view_id:
        return RefusalReason.LOST_RACE
    if proposed.prev_view > held.view_id:
        return RefusalReason.BUILT_ON_UNKNOWN
    if len(set(nodes)) != len(nodes):
        return RefusalReason.REPEATED_MEMBER
    if proposed.proposer not in nodes:
        return RefusalReason.PROPOSER_ABSENT
    return None
