"""`/api/past`: what the services were at an instant, from the changes that this node has read back.

Rule: a state is told only where it is proven: its change was read, and none between it and the instant can have been
missed. Where that is not so, null: a guess about the past would be taken for what happened. Services that were removed
since are not shown, and of one that was added since nothing is known before. The whole log knows more, and replays it:
see the command line's `explain`. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from connectors.replica.transitions import Step
from schemas.inventory.services import MonitoredService
from schemas.states import ServiceState
from streams.web.answers import Answer, Json, refused, time_pair
from streams.web.parameters import Pairs, Problem, past_query
from streams.web.services import by_name
from streams.web.source import Source


def past_page(source: Source, pairs: Pairs) -> Answer:
    """200 with a state for each service that is configured now, by name; or 400."""
    query = past_query(pairs)
    if isinstance(query, Problem):
        return refused(query)
    at_ms = source.now_ms() if query.at_ms is None else query.at_ms
    behind = [each for each in source.configured_services() if each.name > query.after]
    shown = list(islice(by_name(behind), query.limit))
    rows = [_row(source, service, at_ms) for service in shown]
    return Answer(
        200,
        {
            **time_pair("at", at_ms),
            "count": len(rows),
            "not_known": sum(1 for row in rows if row["state"] is None),
            "next_after": shown[-1].name if len(behind) > len(shown) else None,
            "services": rows,
        },
    )


def step_at(steps: Sequence[Step], since_ms: int | None, state: ServiceState | None, at_ms: int) -> Step | None:
    """The step that a service was in at an instant; None where that is not known.

    `since_ms`: from when on no change can be missing from `steps` but for those before the first.
    """
    if state is not None and state.changed_at_ms <= at_ms:
        return Step(state.changed_at_ms, state.state)
    for step in reversed(steps):
        if step.at_ms is not None and step.at_ms <= at_ms:
            return step
    if steps and steps[0].at_ms is None and since_ms is not None and since_ms <= at_ms:
        return steps[0]
    return None


def _row(source: Source, service: MonitoredService, at_ms: int) -> Json:
    entity_id = service.entity_id
    step = step_at(source.steps_of(entity_id), source.steps_since_ms(entity_id), source.state_of(entity_id), at_ms)
    return {
        "entity_id": entity_id,
        "name": service.name,
        "state": step.state.value if step else None,
        "since_ms": step.at_ms if step else None,
    }
