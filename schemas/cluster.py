"""Step 3 of the flow: nodes, their heartbeat, and the views they agree on; and records that no one could read.

Rule: a ViewChange takes effect only where its `prev_view` is the view then held; its offset is the id of the new view.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from schemas.identifiers import NodeId, ViewId


class Phase(Enum):
    """Where a node is in its life: JOINING is CVS only, SERVING is OVS, the others are neither."""

    JOINING = "JOINING"
    SERVING = "SERVING"
    LEAVING = "LEAVING"
    LEFT = "LEFT"
    UNKNOWN = "UNKNOWN"
    """A phase that a newer release wrote and this one has no name for: neither."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node's heartbeat. `applied` gives, per topic, the next offset to apply of each partition (T4).

    `missing` names what a JOINING node still waits for. `beat` counts within the incarnation, so that a node can tell
    its own last heartbeat when it comes back (the lease). `suspect`: it doubts itself (U-8). `pings` is the
    kind of socket that its pings get, or why they get none and the cure; empty in what an older release wrote.
    `digests` has eight bytes for each partition of `service-states`: what the node holds of it by the records before
    `digest_offsets` (U-5); both are empty at a joiner.
    """

    node_id: NodeId
    incarnation: str
    phase: Phase
    node_groups: tuple[str, ...]
    engines: int
    web_url: str | None
    view_id: ViewId
    applied: Mapping[str, tuple[int, ...]]
    missing: tuple[str, ...]
    beat: int
    started_at_ms: int
    sent_at_ms: int
    version: str
    suspect: bool = False
    pings: str = ""
    digest_offsets: tuple[int, ...] = ()
    digests: bytes = b""


@dataclass(frozen=True, slots=True)
class ViewMember:
    """A node of a view, with what placement needs to know of it. `leaving`: it folds on, and owns nothing any more."""

    node_id: NodeId
    incarnation: str
    node_groups: tuple[str, ...]
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class ViewChange:
    """A proposal for the next operational view; accepted if `prev_view` is the one held when it is read."""

    prev_view: ViewId
    generation: int
    members: tuple[ViewMember, ...]
    proposer: NodeId
    proposed_at_ms: int


@dataclass(frozen=True, slots=True)
class QuarantinedRecord:
    """A record that no one could read, and why. `value` is cut at the limit; `value_bytes` is its whole size."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    value_bytes: int
    error: str
    node_id: NodeId
    at_ms: int
