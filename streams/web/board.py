"""A service in one line, as the dashboard shows it: what it is, since when, why, and who says so.

Rule: short, because ten thousand go to a browser at once; `/api/services/{name}` has the rest. `steps` are the last
changes of state, oldest first, and always end with the present one, so that the page never draws a state that the row
does not name. Pure, like every page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connectors.replica.transitions import Step
from schemas.dependencies import dependencies
from schemas.identifiers import EntityId
from schemas.inventory.services import MonitoredService
from schemas.reason_words import reason_text
from schemas.states import ServiceState, ServiceTransition, State
from streams.web.answers import Answer, Json, refused, time_pair
from streams.web.parameters import Pairs, Problem, transitions_query
from streams.web.services import cause
from streams.web.source import Source

REASON_CHARACTERS = 200
NO_STATE_YET = "no state yet"


def rows(source: Source, services: Iterable[MonitoredService]) -> list[Json]:
    """A row a service."""
    entities = source.entities()
    return [
        row(
            each,
            source.state_of(each.entity_id),
            source.steps_of(each.entity_id),
            dependencies(entities, each.entity_id),
        )
        for each in services
    ]


def row(
    service: MonitoredService, state: ServiceState | None, steps: Sequence[Step], needs: Iterable[EntityId] = ()
) -> Json:
    """One service. Times are milliseconds since 1970; null where nothing is known yet. `needs` are the services that it
    depends on directly: what explains a DOWN the page finds by them, for it changes with their rows, not with this one.
    """
    told = [[step.at_ms, step.state.value] for step in steps]
    if state is not None and (not told or told[-1] != [state.changed_at_ms, state.state.value]):
        told.append([state.changed_at_ms, state.state.value])
    return {
        "id": service.entity_id,
        "name": service.name,
        "state": (state.state if state else State.UNKNOWN).value,
        "owner": state.owner if state else None,
        "view_id": state.view_id if state else None,
        "since_ms": state.changed_at_ms if state else None,
        "reason": reason(state),
        "address": state.ip_address if state else service.ip,
        "port": state.port if state else service.port,
        "up_weight": state.up_weight if state else None,
        "threshold": state.threshold if state else service.threshold,
        "response_time_us": state.response_time_us if state else None,
        "doubt": state.doubt.asked if state and state.doubt else None,
        "needs": list(needs),
        "steps": told,
    }


def reason(state: ServiceState | None) -> str:
    """Why the service is as it is, no longer than a line."""
    if state is None:
        return NO_STATE_YET
    text = reason_text(state)
    return text if len(text) <= REASON_CHARACTERS else text[: REASON_CHARACTERS - 1] + "…"


def transitions_page(source: Source, pairs: Pairs) -> Answer:
    """`/api/transitions`: the last changes of state, newest first; `service` (a name) and `limit` restrict."""
    query = transitions_query(pairs)
    if isinstance(query, Problem):
        return refused(query)
    found = (each for each in source.transitions() if query.service in ("", each.name))
    shown = [transition(each) for each, _ in zip(found, range(query.limit), strict=False)]
    return Answer(200, {"count": len(shown), "transitions": shown})


def transition(given: ServiceTransition) -> Json:
    """One change of state, with its proof: the view, the sequence and the record that made it so."""
    return {
        "entity_id": given.entity_id,
        "name": given.name,
        "before": given.before.value,
        "after": given.after.value,
        "owner": given.owner,
        "view_id": given.view_id,
        "sequence": given.sequence,
        "up_weight": given.up_weight,
        "threshold": given.threshold,
        **time_pair("at", given.at_ms),
        "cause": cause(given.cause),
    }


def changed_rows(source: Source, changed: Iterable[EntityId]) -> tuple[list[Json], list[EntityId]]:
    """The rows of these services, and those that are not configured any more."""
    there, gone = [], []
    for entity_id in changed:
        service = source.service(entity_id)
        if service is None:
            gone.append(entity_id)
        else:
            there.append(service)
    return rows(source, there), gone
