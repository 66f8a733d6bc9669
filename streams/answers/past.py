"""Every service as it was at an instant (U-2), in the terms of the records of today.

Rule: where the record of then is in the log it is the answer; where only its line of history is left, a record is made
of that line, with nothing in it that the line does not say; and every service says how exact it is. So whatever shows
the present can show the past, and cannot make it look better known than it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.identifiers import NO_VIEW, EntityId, NodeId, ViewId
from schemas.inventory.entities import Entities
from schemas.inventory.services import MonitoredService, services
from schemas.probes import PathState
from schemas.states import Cause, CauseKind, ServiceState, State
from streams.answers.history import Exactness, History, Then, Told
from streams.answers.placed import Kept

GONE = "what was told before is no longer in the log"


@dataclass(frozen=True, slots=True)
class PastStates:
    """The state of every service that had one at an instant, and how exact each answer is, those without one too."""

    at_ms: int
    states: Mapping[EntityId, ServiceState]
    exactness: Mapping[EntityId, Exactness]

    def summary(self) -> str:
        """How exact the whole is, in one line a kind."""
        counts = Counter(self.exactness.values())
        every = len(self.exactness)
        return "; ".join(f"{counts[kind]:,} of {every:,} {kind.value}" for kind in Exactness if counts[kind])


def past_states(histories: Mapping[EntityId, History], entities: Entities, at_ms: int) -> PastStates:
    """The states at an instant. `entities` is the configuration of then; what was told of others is there too."""
    configured = {one.entity_id: one for one in services(entities)}
    states: dict[EntityId, ServiceState] = {}
    exactness: dict[EntityId, Exactness] = {}
    for entity_id in {*histories, *configured}:
        then = histories.get(entity_id, History()).at(at_ms)
        if then.state is None and entity_id not in configured:
            continue
        exactness[entity_id] = then.exactness
        record = record_of(then, configured.get(entity_id))
        if record is not None:
            states[entity_id] = record
    return PastStates(at_ms, states, exactness)


def record_of(then: Then, service: MonitoredService | None) -> ServiceState | None:
    """The record of then, or what its line of history says; None if there was none."""
    if then.told is not None:
        return then.told.record or _record(then.told, then.told.state, service)
    return None if then.state is None or then.after is None else _record(then.after, then.state, service, ended=True)


def _record(line: Told, state: State, service: MonitoredService | None, ended: bool = False) -> ServiceState:
    """A line of history as a record; `ended`: only the state before it is known."""
    return ServiceState(
        view_id=NO_VIEW if ended else ViewId(line.order[0]),
        sequence=0 if ended else line.sequence,
        entity_id=line.entity_id,
        name=line.name,
        state=state,
        owner=NodeId("") if ended else line.owner,
        incarnation="",
        ip_address=service.ip if service else "",
        port=service.port if service else 0,
        ttl_s=None,
        layer_two=None,
        mss=None,
        path_state=PathState.UNKNOWN,
        response_time_us=None,
        load=None,
        up_weight=0 if ended else line.up_weight,
        threshold=line.threshold,
        cause=Cause(CauseKind.UNKNOWN, GONE) if ended else line.cause,
        changed_at_ms=0 if ended else line.changed_at_ms,
        updated_at_ms=0 if ended else line.where.at_ms,
        bindings=(),
    )


def oldest_ms(records: Iterable[Kept], cut: bool) -> int | None:
    """How far a topic reaches back: the time of its oldest record; None: to its beginning, nothing was `cut` off."""
    return min((kept.where.at_ms for kept in records), default=None) if cut else None
