"""Step 2 of the flow: whether a dependency would close a circle, and which (M-20).

Rule: services that depend on each other in a circle have no root that explains them, so the binding that would close
one is refused, and the answer names every service on it. Only a service can be depended on, so groups and members are
never on a circle. The walk goes through the command's own drafts, and is left out where it cannot find anything: below
what depends on nothing, and above what nobody depends on.
"""

from __future__ import annotations

from schemas.config import Kind
from schemas.identifiers import EntityId
from streams.folding.config.overlay import Draft, Overlay


def circle_of(overlay: Overlay, holder: Draft, bound: Draft) -> list[str]:
    """Names of the services on the circle that `holder` depending on `bound` would close; empty: none.

    The first stands at the end again: `["web", "db", "web"]`.
    """
    if holder.kind is not Kind.SERVICE or bound.kind is not Kind.SERVICE:
        return []
    if holder is bound:
        return [holder.name, holder.name]
    if not any(other.kind is Kind.SERVICE for other in overlay.holders_of(holder.entity_id)):
        return []
    came_from: dict[EntityId, Draft] = {bound.entity_id: holder}
    waiting = [bound]
    while waiting:
        draft = waiting.pop()
        for below in _needed(draft):
            if below == holder.entity_id:
                return [*_path(came_from, draft, holder), holder.name]
            if below not in came_from:
                came_from[below] = draft
                waiting.append(overlay.open(below))
    return []


def _needed(draft: Draft) -> list[EntityId]:
    return [entity for entity, bound in draft.bindings.items() if bound.kind is Kind.SERVICE]


def _path(came_from: dict[EntityId, Draft], last: Draft, holder: Draft) -> list[str]:
    """Names from the holder down to the last."""
    names = [last.name]
    while last is not holder:
        last = came_from[last.entity_id]
        names.append(last.name)
    return names[::-1]
