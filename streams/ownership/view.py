"""Step 3 of the flow: which record of the `views` topic is the next view, by its name among the decisions.

Rule: the rule itself stands in `schemas.views`, because a consumer without Faust must know too which nodes serve, to
tell who can process what; here it is found beside what follows from it, placement and owners. Why not a copy for each:
two readers that judge a record differently would hold two views for ever.
"""

from schemas.identifiers import NodeId
from schemas.views import (
    EMPTY_VIEW,
    EVERY_GROUP,
    Member,
    ProposedView,
    RefusalReason,
    Refused,
    View,
    accept,
    accepted_views,
    fold_views,
    proposed_view,
)

__all__ = [
    "EMPTY_VIEW",
    "EVERY_GROUP",
    "Member",
    "ProposedView",
    "RefusalReason",
    "Refused",
    "View",
    "accept",
    "accepted_views",
    "fold_views",
    "proposed_view",
    "went_on_without",
]


def went_on_without(view: View, node: NodeId, incarnation: str, generation: int) -> bool:
    """Whether a later generation of the group than the one that gave this run of a node its partitions has agreed on a
    view without it: it slept through its replacement, and what it still folds is another's.
    """
    inside = view.member(node)
    return view.generation > generation and (inside is None or inside.incarnation != incarnation)
