"""Step 7, the fence: whether a report, a claim or a resolution of a service is taken at all (F3, F5).

Rule: only from the service's owner under the sender's view, and only if that view is not below the view of the last
record. So a woken old owner, or one that has not heard of its successor, changes nothing. Why not the sender's clock or
a lease alone: both can be wrong, and the view is in the log. A second opinion (U-8) has a fence of its own: it comes
from the one node that the record asks.
"""

from __future__ import annotations

from schemas.identifiers import EntityId, NodeId
from schemas.states import Doubt, ServiceState
from streams.folding.events import Sender, ServiceConfig
from streams.folding.facts import Refusal, Refuse


def refusal(
    entity_id: EntityId,
    config: ServiceConfig | None,
    record: ServiceState | None,
    sender: Sender,
    owner_in_view: NodeId | None,
) -> Refuse | None:
    """Why nothing is taken from this sender; None if it may speak of the service."""
    why = _why(entity_id, config, record, sender, owner_in_view)
    return None if why is None else Refuse(entity_id, *why)


def opinion_refusal(
    entity_id: EntityId,
    config: ServiceConfig | None,
    record: ServiceState | None,
    doubt: Doubt | None,
    sender: Sender,
) -> Refuse | None:
    """Why a second opinion is not taken: only of the node asked, under a view that is not below the record's."""
    if config is None:
        return Refuse(entity_id, Refusal.UNKNOWN_SERVICE, f"{entity_id} is not configured here")
    if record is None or doubt is None or doubt.asked != sender.node_id:
        asked = "nobody is" if doubt is None else f"{doubt.asked} is"
        return Refuse(entity_id, Refusal.NOT_ASKED, f"{sender.node_id} is not asked for an opinion: {asked}")
    if sender.view_id < record.view_id:
        why = f"view {sender.view_id}, the record is of {record.view_id}"
        return Refuse(entity_id, Refusal.OBSOLETE_VIEW, why)
    return None


def _why(
    entity_id: EntityId,
    config: ServiceConfig | None,
    record: ServiceState | None,
    sender: Sender,
    owner_in_view: NodeId | None,
) -> tuple[Refusal, str] | None:
    if config is None:
        return Refusal.UNKNOWN_SERVICE, f"{entity_id} is not configured here"
    if record is not None and sender.view_id < record.view_id:
        return Refusal.OBSOLETE_VIEW, f"view {sender.view_id}, the record is of {record.view_id}"
    if owner_in_view is None:
        return Refusal.NO_OWNER, f"no owner known here under view {sender.view_id}"
    if owner_in_view != sender.node_id:
        return Refusal.NOT_OWNER, f"{sender.node_id} is not the owner under view {sender.view_id}: {owner_in_view} is"
    return None
