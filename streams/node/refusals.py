"""Why a node may not serve: found at its start or while it runs, told in one line with the mend, and the end of it.

Rule: a node that cannot be right ends, and says why, instead of going on with half a truth. A topic that was made anew
under the old name is the worst of these: view ids and entity ids are offsets, so everything would be counted again
from the start, and old records would speak of other services. While a node runs, Kafka's id of each topic tells it;
when it starts, the records do, because the states remember views and commands that the new topic cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connectors.kafka.faults import LogFault
from schemas.identifiers import EntityId, NodeId, command_of, is_entity_id
from schemas.precedence import Order


class MayNotServe(Exception):
    """The node ended; nothing was changed. The message says why, and what to do."""


class NotAlone(MayNotServe):
    """Clustering is off here, and there are other nodes (V-12)."""

    def __init__(self, node: NodeId, others: Iterable[NodeId]) -> None:
        super().__init__(
            f"clustering is off for node {node!r}, but {', '.join(sorted(others))} serve in the same cluster: "
            "start it without --standalone, or under another --cluster"
        )


class LogLost(MayNotServe):
    """A topic can no longer be read as the one it was: made anew, or cut off before it was read."""

    def __init__(self, fault: LogFault) -> None:
        super().__init__(fault.message)


class TopicsDisagree(MayNotServe):
    """The topics of this cluster do not belong together."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the states speak of: the view and the command (that added the service) of the middle one; -1 without any.

    The middle one, because a single forged record may name any view, and must not keep nodes from starting.
    """

    view: int
    command: int


def told_by(states: Sequence[tuple[EntityId, Order]]) -> Told:
    """The middle one of each, over all states."""
    views = sorted(order[0] for _, order in states)
    commands = sorted(command_of(entity_id) for entity_id, _ in states if is_entity_id(entity_id))
    return Told(_middle(views), _middle(commands))


def _middle(numbers: Sequence[int]) -> int:
    return numbers[len(numbers) // 2] if numbers else -1


def disagreement(told: Told, last_view: int, last_command: int, cluster: str) -> str | None:
    """Why the topics cannot belong together; None if they can. States are ahead of views only while these come in."""
    mend = f"restore it from a backup, or begin a new cluster with another --cluster than {cluster}"
    if told.view > last_view:
        return (
            f"states speak of view {told.view}, but the last record of {cluster}.views is {last_view}: "
            f"that topic was made anew or cut; {mend}"
        )
    if told.command > last_command:
        return (
            f"there are states of services that command {told.command} added, but the configuration knows "
            f"commands up to {last_command}: {cluster}.config-entities was made anew or cut; {mend}"
        )
    return None
