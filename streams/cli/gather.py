"""What an explanation needs, gathered from the log: one service's records, told by an instant.

Rule: two rounds. The first reads what is the same for every service (configuration, views, heartbeats around the
instant); it says which service is meant. The second reads one partition of the topics keyed by service. A question
about now takes the configuration from the compacted topic, one about the past folds the log of commands.
"""

from __future__ import annotations

from schemas.cluster import ViewChange
from schemas.config import ConfigCommand
from schemas.identifiers import EntityId, partition_of
from schemas.inventory.entities import Entities, entity_key
from schemas.probes import ProbeResults
from schemas.topics import (
    CONFIG_COMMANDS,
    CONFIG_ENTITIES,
    NODES,
    PROBE_RESULTS,
    SERVICE_STATES,
    SERVICE_TRANSITIONS,
    VIEWS,
)
from streams.answers.config_then import ConfigThen, config_then
from streams.answers.evidence import Evidence
from streams.answers.history import History, histories
from streams.answers.nodes_then import Beats, beats_of
from streams.answers.placed import Kept, Where, readable
from streams.answers.views_then import ViewsThen, lead_for, views_then
from streams.cli.library import Library, Pieces
from streams.cli.output import fail

TOPICS_READ = (
    CONFIG_COMMANDS,
    CONFIG_ENTITIES,
    NODES,
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
        near = config.near(name)
        when = "" if at_ms is None else " at that instant"
        fail(
            f'no service "{name}"{when}'
            + (f': did you mean "{near}"?' if near else ": `watchbill show service` lists them")
        )
    service = config.service(entity.entity_id)
    assert service is not None, "the entity is one"
    history, results = _of_service(library, entity.entity_id, at_ms, then_ms)
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


def _of_service(library: Library, entity_id: EntityId, at_ms: int | None, then_ms: int) -> tuple[History, list[Kept]]:
    """The history of a service, and the batches of its partition around the instant."""
    partition = partition_of(entity_id)
    results = library.since(library.whole(PROBE_RESULTS, [partition]), then_ms - RUNS_MS)
    pieces: list[Pieces] = [library.whole(SERVICE_STATES, [partition])]
    if at_ms is not None:
        results = library.until(results, at_ms)
        pieces.append(library.whole(SERVICE_TRANSITIONS, [partition]))
    read = library.read(*pieces, library.newest(results, BATCHES))
    key = entity_id.encode()
    states = [kept for kept in read[SERVICE_STATES.name] if kept.key == key]
    lines = [kept for kept in read[SERVICE_TRANSITIONS.name] if kept.key == key]
    return histories(states, lines).get(entity_id, History()), read[PROBE_RESULTS.name]
