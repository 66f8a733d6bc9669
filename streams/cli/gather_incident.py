"""What an incident's file holds, gathered from the log: one service's records of a time, and what they rest on.

Rule: the file begins with the last state before the window, so that a replay has where to begin; from there on nothing
of the service is left out. Batches that say nothing of it are; those that do are kept whole, as they stand in Kafka.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.config import ConfigCommand
from schemas.identifiers import EntityId, partition_of
from schemas.inventory.entities import Entities
from schemas.inventory.services import MonitoredService
from schemas.probes import ProbeResults
from schemas.topics import (
    CONFIG_COMMANDS,
    NODES,
    PATH_REPORTS,
    PROBE_RESULTS,
    SERVICE_STATES,
    SERVICE_TRANSITIONS,
    VIEWS,
)
from streams.answers.config_then import lives
from streams.answers.history import History, histories
from streams.answers.incident import ConfigStep, Incident, closure
from streams.answers.placed import Kept, Where, readable
from streams.answers.replay import of_service
from streams.answers.views_then import lead_for
from streams.cli.gather_runs import LEAD_MS, found_service
from streams.cli.library import Library
from streams.cli.output import fail

TOPICS_READ = (
    CONFIG_COMMANDS,
    NODES,
    PATH_REPORTS,
    PROBE_RESULTS,
    SERVICE_STATES,
    SERVICE_TRANSITIONS,
    VIEWS,
)
HEARTBEATS = 5_000
"""The newest ones of the window are kept: they say what each node had applied."""


def collect(library: Library, name: str, from_ms: int, to_ms: int) -> Incident:
    """The incident of a service, by the name that it had at the end. Ends the verb with 1 if there is none."""
    common = library.read(library.whole(CONFIG_COMMANDS), library.whole(VIEWS))
    commands = list(readable(common[CONFIG_COMMANDS.name], ConfigCommand))
    service, _ = found_service(library, commands, name, to_ms)
    if service.internal:
        fail(f"{service.name} is an internal service: each node folds it for itself, and tells nobody")
    partition = partition_of(service.entity_id)
    states = _until(library.read(library.whole(SERVICE_STATES, [partition]))[SERVICE_STATES.name], to_ms)
    mine = _from_first(states, service.entity_id, from_ms)
    begin_ms = mine[0].where.at_ms if mine else from_ms
    results = library.until(library.since(library.whole(PROBE_RESULTS, [partition]), begin_ms - LEAD_MS), to_ms)
    lines = library.until(library.since(library.whole(SERVICE_TRANSITIONS, [partition]), begin_ms), to_ms)
    beats = library.newest(library.until(library.since(library.whole(NODES), from_ms), to_ms), HEARTBEATS)
    paths = library.until(library.whole(PATH_REPORTS, [partition]), to_ms)
    read = library.read(results, lines, beats, paths)
    records = [
        *_until(common[VIEWS.name], to_ms),
        *mine,
        *(kept for kept in read[SERVICE_TRANSITIONS.name] if kept.text_key == service.entity_id),
        *_batches(read[PROBE_RESULTS.name], service.entity_id),
        *(kept for kept in read[PATH_REPORTS.name] if kept.text_key.startswith(f"{service.entity_id}/")),
        *read[NODES.name],
    ]
    return Incident(
        cluster=library.cluster,
        name=service.name,
        entity_id=service.entity_id,
        from_ms=from_ms,
        to_ms=to_ms,
        compacted=_is_compacted(states, mine),
        configs=tuple(_steps(lives(commands, service.entity_id, to_ms), service.entity_id, begin_ms)),
        records=tuple(records),
    )


def _until(records: Sequence[Kept], to_ms: int) -> list[Kept]:
    return [kept for kept in records if kept.where.at_ms <= to_ms]


def _from_first(states: Sequence[Kept], entity_id: EntityId, from_ms: int) -> list[Kept]:
    """The service's state records from the one that held at `from_ms` on."""
    mine = [kept for kept in states if kept.text_key == entity_id]
    then = histories(mine, ()).get(entity_id, History()).at(from_ms).told
    return mine if then is None else [kept for kept in mine if kept.where.offset >= then.where.offset]


def _is_compacted(states: Sequence[Kept], mine: Sequence[Kept]) -> bool:
    """Whether Kafka has taken records out between the service's."""
    if not mine:
        return False
    first, last = mine[0].where.offset, mine[-1].where.offset
    return sum(first <= kept.where.offset <= last for kept in states) < last - first + 1


def _batches(records: Sequence[Kept], entity_id: EntityId) -> list[Kept]:
    """Those that say something of the service."""
    about = {placed.where for placed in readable(records, ProbeResults) if of_service(placed.record, entity_id)}
    return [kept for kept in records if kept.where in about]


def _steps(
    past: Sequence[tuple[Where, Entities, MonitoredService | None]], entity_id: EntityId, begin_ms: int
) -> list[ConfigStep]:
    """The configurations from shortly before `begin_ms` on: a command may have been told before and folded after it."""
    count = sum(where.at_ms <= begin_ms for where, _, _ in past)
    return [
        ConfigStep(
            where,
            closure(entities, entity_id) if service else (),
            lead_for(service, entities) if service else None,
        )
        for where, entities, service in past[max(0, count - 2) :]
    ]
