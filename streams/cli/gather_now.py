"""What a what-if begins with: configuration, view and states as they stand now.

Rule: states are read of the partitions that the question reaches, and of no others; a question about members needs
none. The next command's offset is the log's end, so a service that would be added has the id that it would get.
"""

from __future__ import annotations

from collections.abc import Iterable

from schemas.cluster import ViewChange
from schemas.identifiers import EntityId, partition_of
from schemas.states import ServiceState
from schemas.topics import CONFIG_COMMANDS, CONFIG_ENTITIES, SERVICE_STATES, VIEWS
from streams.answers.config_then import ConfigThen
from streams.answers.history import histories
from streams.answers.placed import readable
from streams.answers.views_then import views_then
from streams.cli.gather import config_now
from streams.cli.library import Library
from streams.ownership.view import EMPTY_VIEW, View

TOPICS_READ = (CONFIG_COMMANDS, CONFIG_ENTITIES, SERVICE_STATES, VIEWS)


def entities_and_view(library: Library) -> tuple[ConfigThen, View]:
    """The configuration and the view in force."""
    read = library.read(library.whole(CONFIG_ENTITIES), library.whole(VIEWS))
    config, _ = config_now(read[CONFIG_ENTITIES.name], library.topic(CONFIG_COMMANDS))
    views = views_then(readable(read[VIEWS.name], ViewChange)).views
    return config, views[-1] if views else EMPTY_VIEW


def next_command(library: Library) -> int:
    """The offset that the next command gets."""
    return max(piece.end for piece in library.whole(CONFIG_COMMANDS).values())


def states_of(library: Library, wanted: Iterable[EntityId]) -> dict[EntityId, ServiceState]:
    """The states of some services as they stand."""
    ids = set(wanted)
    partitions = sorted({partition_of(entity_id) for entity_id in ids})
    if not partitions:
        return {}
    read = library.read(library.whole(SERVICE_STATES, partitions))[SERVICE_STATES.name]
    found = histories((kept for kept in read if kept.text_key in ids), ())
    return {
        entity_id: last.record
        for entity_id, history in found.items()
        if (last := history.last) is not None and last.record is not None
    }
