"""What an explanation needs, gathered from the log: one service's records, told by an instant.

Rule: two rounds. The first reads what is the same for every service (configuration, views, heartbeats around the
instant); it says which service is meant. The second reads one partition of the topics keyed by service. A question
about now takes the configuration from the compacted topic, one about the past folds the log of commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from schemas.cluster import ViewChange
from schemas.config import ConfigCommand
from schemas.dependencies import dependencies
from schemas.identifiers import EntityId, NodeId, partition_of
from schemas.inventory.entities import Entities, entity_key
from schemas.probes import PathReport, ProbeResults
from schemas.topics import (
    CONFIG_COMMANDS,
    CONFIG_ENTITIES,
    NODES,
    PATH_REPORTS,
    PROBE_RESULTS,
    SERVICE_STATES,
    SERVICE_TRANSITIONS,
    VIEWS,
)
from streams.answers.config_then import ConfigThen, config_then
from streams.answers.evidence import Evidence
from streams.answers.history import History, Told, histories
from streams.answers.nodes_then import Beats, beats_of
from streams.answers.placed import Kept, Placed, Where, readable
from streams.answers.views_then import ViewsThen, lead_for, views_then
from streams.cli.library import Library, Pieces
from streams.cli.output import fail

TOPICS_READ = (
    CONFIG_COMMANDS,
    CONFIG_ENTITIES,
    NODES,
    PATH_REPORTS,
    PROBE_RESULTS,
    SERVICE_STATES,
    SERVICE_TRANSITIONS,
    VIEWS,
)
BEATS_MS = 10_000
"""Heartbeats are sought so far before and behind an instant: a living node tells itself every half second."""
RUNS_MS = 75_000
"""Every binding that is probed reports within a minute."""
BATCHES = 20_000
"""Batches of a partition that are looked through for the newest runs; beyond it only the newest."""


def gather(library: Library, name: str, at_ms: int | None) -> Evidence:
    """The evidence about a service at an instant, None for now. Ends the verb with 1 if there is no such service."""
    then_ms = library.now_ms if at_ms is None else at_ms
    config, offsets, views, beats = _common(library, at_ms, then_ms)
    entity = config.find(name)
    if entity is None:
        refuse_unknown(config, name, "" if at_ms is None else " at that instant")
    service = config.service(entity.entity_id)
    assert service is not None, "the entity is one"
    needed = all_needed(config, entity.entity_id)
    history, results, reports, others = _of_service(library, entity.entity_id, needed, at_ms, then_ms)
    return Evidence(
        at_ms=then_ms,
        config=config,
        service=service,
        views=views,
        history=history,
        batches=list(readable(results, ProbeResults)),
        beats=beats,
        configured_at=offsets.get(entity_key(entity.kind, entity.entity_id)),
        lead=lead_for(service, config.entities),
        reports=reports,
        needed=others,
    )


def _common(library: Library, at_ms: int | None, then_ms: int) -> tuple[ConfigThen, dict[str, int], ViewsThen, Beats]:
    """Configuration with its offsets in `config-entities` (where that was read), views, heartbeats."""
    source = CONFIG_ENTITIES if at_ms is None else CONFIG_COMMANDS
    beats = library.until(library.since(library.whole(NODES), then_ms - BEATS_MS), then_ms + BEATS_MS)
    read = library.read(library.whole(source), library.whole(VIEWS), beats)
    views = views_then(readable(read[VIEWS.name], ViewChange))
    commands_topic = library.topic(CONFIG_COMMANDS)
    if at_ms is not None:
        config = config_then(readable(read[source.name], ConfigCommand), commands_topic, at_ms)
        return config, {}, views, beats_of(read[NODES.name])
    config, offsets = config_now(read[source.name], commands_topic)
    return config, offsets, views, beats_of(read[NODES.name])


def config_now(records: list[Kept], commands_topic: str) -> tuple[ConfigThen, dict[str, int]]:
    """The configuration as `config-entities` has it, and the offset of each entity by its key."""
    from connectors.replica.config_table import ConfigTable
    from schemas.codec import Unreadable

    table, offsets = ConfigTable(), {}
    for kept in records:
        try:
            table.take(kept.key, kept.value)
        except Unreadable:
            continue  # quarantined by every node's replica
        offsets[kept.text_key] = kept.where.offset
    revision = Where(commands_topic, 0, table.revision)
    return ConfigThen(Entities().updated(table.entities.values()), revision, commands_topic), offsets


def refuse_unknown(config: ConfigThen, name: str, when: str = "") -> NoReturn:
    """Ends the verb with 1: there is no such service."""
    near = config.near(name)
    hint = f': did you mean "{near}"?' if near else ": `watchbill show service` lists them"
    fail(f'no service "{name}"{when}{hint}')


def all_needed(config: ConfigThen, service: EntityId) -> list[EntityId]:
    """Everything that a service depends on, directly or not."""
    found: dict[EntityId, None] = {}
    waiting = [service]
    while waiting:
        for one in dependencies(config.entities, waiting.pop()):
            if one not in found and one != service:
                found[one] = None
                waiting.append(one)
    return list(found)


def _of_service(
    library: Library, entity_id: EntityId, needed: Sequence[EntityId], at_ms: int | None, then_ms: int
) -> tuple[History, list[Kept], dict[NodeId, Placed[PathReport]], dict[EntityId, Told]]:
    """The history of a service, the batches of its partition around the instant, the paths to it, and what was told of
    the services that it depends on.
    """
    partition = partition_of(entity_id)
    results = library.since(library.whole(PROBE_RESULTS, [partition]), then_ms - RUNS_MS)
    partitions = sorted({partition, *map(partition_of, needed)})
    pieces: list[Pieces] = [library.whole(SERVICE_STATES, partitions), library.whole(PATH_REPORTS, [partition])]
    if at_ms is not None:
        results = library.until(results, at_ms)
        pieces.append(library.whole(SERVICE_TRANSITIONS, partitions))
    read = library.read(*pieces, library.newest(results, BATCHES))
    wanted = {entity_id, *needed}
    states = [kept for kept in read[SERVICE_STATES.name] if kept.text_key in wanted]
    lines = [kept for kept in read[SERVICE_TRANSITIONS.name] if kept.text_key in wanted]
    found = histories(states, lines)
    told = {one: then.told for one in needed if (then := found.get(one, History()).at(then_ms)).told is not None}
    reports = {
        placed.record.node_id: placed
        for placed in readable(read[PATH_REPORTS.name], PathReport)
        if placed.record.service_id == entity_id and placed.where.at_ms <= then_ms
    }
    return found.get(entity_id, History()), read[PROBE_RESULTS.name], reports, told
