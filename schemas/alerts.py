"""What people were told of a service, that it is DOWN or is so no more, as the node that told it notes it on `alerts`.

Rule: written once the webhook has taken the alert, so that whoever folds the service next tells what was not told, and
nothing twice. `since_ms` names the outage: it is that of the state's record (`changed_at_ms`), and stays the same
whoever owns the service meanwhile. Of two the one with the greater (view_id, sequence) holds, as with states.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.identifiers import EntityId, NodeId, ViewId


@dataclass(frozen=True, slots=True)
class AlertTold:
    """`view_id` and `sequence` are those of the state's record behind it; a tombstone says that the service is gone."""

    view_id: ViewId
    sequence: int
    entity_id: EntityId
    name: str
    is_down: bool
    since_ms: int
    node_id: NodeId
    at_ms: int
