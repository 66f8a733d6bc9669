"""Step 8 of the flow, looked back at: whether a node had applied a record at an instant, by its own heartbeats.

Rule: a heartbeat tells the next offset that the node will apply of each partition (T4). One told by then proves that a
record was applied; one told later that lacks it proves that it was not; between the two it is not known, and said so.
`nodes` is compacted: of older heartbeats only each node's last is left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from schemas.cluster import NodeStatus
from schemas.identifiers import NodeId
from schemas.topics import CONFIG_ENTITIES, SERVICE_STATES
from streams.answers.placed import Kept, Placed, Where, readable

Beats = Mapping[NodeId, Sequence[Placed[NodeStatus]]]
"""Heartbeats of each node, in their order."""


class Applied(Enum):
    """Whether a node has applied a record."""

    YES = "applied"
    NOT_YET = "not yet applied"
    CACHED = "cached until the service's configuration is applied (S-8, S-9)"
    UNSURE = "told between two heartbeats: applied with the second"
    UNKNOWN = "not known: no heartbeat of then is in the log"


@dataclass(frozen=True, slots=True)
class Position:
    """What a node had applied: the answer, the next offset it told last, the heartbeat that says so, and its age."""

    applied: Applied
    next_offset: int | None
    beat: Placed[NodeStatus] | None
    age_ms: int | None


def beats_of(records: Iterable[Kept]) -> Beats:
    """The heartbeats among the records of `nodes`."""
    found: dict[NodeId, list[Placed[NodeStatus]]] = defaultdict(list)
    for placed in readable(records, NodeStatus):
        found[placed.record.node_id].append(placed)
    return found


def position_of(
    beats: Sequence[Placed[NodeStatus]], state: Where | None, configured_at: int | None, at_ms: int
) -> Position:
    """Whether the state record at `state` was applied at an instant by the node of these heartbeats.

    `configured_at` is the offset of the service's entity in `config-entities`; None: not known. `state` None: there is
    no record to apply.
    """
    told = [beat for beat in beats if beat.where.at_ms <= at_ms]
    later = next((beat for beat in beats if beat.where.at_ms > at_ms), None)
    last = told[-1] if told else None
    age_ms = None if last is None else at_ms - last.record.sent_at_ms
    if last is None or state is None:
        return Position(Applied.UNKNOWN, None, last, age_ms)
    next_offset = _next(last.record, SERVICE_STATES.name, state.partition)
    if next_offset is None:
        return Position(Applied.UNKNOWN, None, last, age_ms)
    if next_offset > state.offset:
        configured = _next(last.record, CONFIG_ENTITIES.name, 0)
        waits = configured_at is not None and configured is not None and configured <= configured_at
        return Position(Applied.CACHED if waits else Applied.YES, next_offset, last, age_ms)
    later_offset = None if later is None else _next(later.record, SERVICE_STATES.name, state.partition)
    unsure = later_offset is not None and later_offset > state.offset
    return Position(Applied.UNSURE if unsure else Applied.NOT_YET, next_offset, last, age_ms)


def _next(status: NodeStatus, topic: str, partition: int) -> int | None:
    offsets = status.applied.get(topic, ())
    return offsets[partition] if partition < len(offsets) else None
