"""What `show --at T` knows: the cluster as the log has it of an instant, in the shape of what `show` knows of now.

Rule: configuration and views are folded again from their logs, which are kept for ever; states come from the records
and lines of history told by then; heartbeats are those of the moments before. Of what is not exact, the verb says how
exact it is. With a name only the service's own partition is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from schemas.cluster import ViewChange
from schemas.codec import Unreadable
from schemas.config import ConfigCommand
from schemas.identifiers import PARTITIONS, EntityId, partition_of
from schemas.topics import (
    CONFIG_COMMANDS,
    NODES,
    PATH_REPORTS,
    SERVICE_STATES,
    SERVICE_TRANSITIONS,
    VIEWS,
    topic_name,
)
from streams.answers.config_then import ConfigThen, config_then
from streams.answers.history import histories
from streams.answers.nodes_then import beats_of
from streams.answers.past import PastStates, oldest_ms, past_states
from streams.answers.placed import Kept, Placed, readable
from streams.cli.gather import BEATS_MS, all_needed, refuse_unknown
from streams.cli.library import Library, Pieces, opened
from streams.cli.output import note
from streams.cli.show_read import Knowledge, PathsOf, decided
from streams.cli.show_words import date_text

TOPICS_READ = (CONFIG_COMMANDS, NODES, PATH_REPORTS, SERVICE_STATES, SERVICE_TRANSITIONS, VIEWS)


@dataclass(frozen=True, slots=True)
class Read:
    """One reading of the log, from which the cluster of any instant before `now_ms` follows."""

    cluster: str
    commands: list[Placed[ConfigCommand]]
    views: list[Placed[ViewChange]]
    heartbeats: list[Kept]
    states: list[Kept]
    transitions: list[Kept]
    reports: list[Kept]
    whole_since_ms: int | None
    """Of the lines of history the oldest; None: none was ever deleted."""

    def config(self, at_ms: int | None) -> ConfigThen:
        """The configuration at an instant."""
        return config_then(self.commands, topic_name(self.cluster, CONFIG_COMMANDS), at_ms)


def read_log(library: Library, instants: Iterable[int], name: str | None) -> Read:
    """Everything that instants of the past follow from; with a name, of this service only."""
    common = library.read(library.whole(CONFIG_COMMANDS), library.whole(VIEWS), *_beats(library, instants))
    commands = list(readable(common[CONFIG_COMMANDS.name], ConfigCommand))
    partitions = range(PARTITIONS) if name is None else _partitions(commands, library, name, instants)
    states, lines = library.whole(SERVICE_STATES, partitions), library.whole(SERVICE_TRANSITIONS, partitions)
    of_services = library.read(states, lines, library.whole(PATH_REPORTS, partitions))
    cut = any(piece.start for piece in lines.values())
    return Read(
        library.cluster,
        commands,
        list(readable(common[VIEWS.name], ViewChange)),
        common[NODES.name],
        of_services[SERVICE_STATES.name],
        of_services[SERVICE_TRANSITIONS.name],
        of_services[PATH_REPORTS.name],
        oldest_ms(of_services[SERVICE_TRANSITIONS.name], cut),
    )


def _beats(library: Library, instants: Iterable[int]) -> list[Pieces]:
    """The heartbeats of the moments before each instant."""
    whole = library.whole(NODES)
    return [library.until(library.since(whole, at_ms - BEATS_MS), at_ms) for at_ms in instants]


def _partitions(
    commands: list[Placed[ConfigCommand]], library: Library, name: str, instants: Iterable[int]
) -> list[int]:
    """Where a service of that name stands, and what it depends on, as configured at each of the instants.

    Ends the verb with 1 where there was none at any of them.
    """
    configs = [config_then(commands, library.topic(CONFIG_COMMANDS), at_ms) for at_ms in instants]
    found: set[EntityId] = set()
    for config in configs:
        entity = config.find(name)
        if entity is not None:
            found |= {entity.entity_id, *all_needed(config, entity.entity_id)}
    if not found:
        refuse_unknown(configs[-1], name, " at that instant")
    return sorted(set(map(partition_of, found)))


def knowledge_then(log: Read, at_ms: int) -> tuple[Knowledge, PastStates]:
    """The cluster at an instant."""
    entities = log.config(at_ms).entities
    past = past_states(histories(log.states, log.transitions), entities, at_ms)
    beats = beats_of(kept for kept in log.heartbeats if kept.where.at_ms <= at_ms)
    views = [(placed.where.offset, placed.record) for placed in log.views if placed.where.at_ms <= at_ms]
    known = Knowledge(
        cluster=log.cluster,
        states=past.states,
        entities=entities,
        nodes={node: told[-1].record for node, told in beats.items()},
        views=decided(views),
        positions={SERVICE_STATES.name: _positions(log.states, at_ms)},
        now_ms=at_ms,
        paths_of=_paths_then(log.reports, at_ms),
        exactness={entity_id: exact.name for entity_id, exact in past.exactness.items()},
    )
    return known, past


def _paths_then(reports: Iterable[Kept], at_ms: int) -> PathsOf:
    """What was reported of paths by an instant, and has not been compacted away since."""
    from connectors.replica.path_table import PathTable
    from connectors.replica.paths import read_report

    table = PathTable()
    for kept in reports:
        if kept.where.at_ms <= at_ms:
            try:
                table.note(*read_report(kept.key, kept.value))
            except Unreadable:
                continue  # quarantined by every node's replica
    return table.paths


def _positions(states: Iterable[Kept], at_ms: int) -> tuple[int, ...]:
    """Behind the last state record told by an instant, per partition."""
    ends = [0] * SERVICE_STATES.partitions
    for kept in states:
        if kept.where.at_ms <= at_ms:
            ends[kept.where.partition] = kept.where.offset + 1
    return tuple(ends)


def read_then(bootstrap: str | None, cluster: str, data_dir: Path | None, at: str, name: str | None) -> Knowledge:
    """The cluster at an instant, and on standard error how exact that is."""
    from streams.cli.library import instant_of

    with opened(bootstrap, cluster, data_dir, TOPICS_READ) as library:
        at_ms = instant_of(at, library.now_ms)
        assert at_ms is not None, "an instant was given"
        log = read_log(library, [at_ms], name)
    known, past = knowledge_then(log, at_ms)
    entity = log.config(at_ms).find(name) if name else None
    tell_exactness(past, log, [entity.entity_id] if entity else None)
    return known


def tell_exactness(past: PastStates, log: Read, only: Iterable[EntityId] | None = None) -> None:
    """On standard error: the instant, how exact what is shown is, and how far the log reaches back."""
    if only is not None:
        wanted = set(only)
        kept = {entity_id: exact for entity_id, exact in past.exactness.items() if entity_id in wanted}
        past = PastStates(past.at_ms, past.states, kept)
    note(f"as told by {date_text(past.at_ms)}: {past.summary() or 'no service was configured'}")
    if log.whole_since_ms is not None:
        note(f"changes of state are known since {date_text(log.whole_since_ms)}")
