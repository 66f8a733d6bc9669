"""The chain from probes to the effective state on each node (U-1), as data: links in the order of the flow.

Rule: a link says one thing, with every value it rests on and the record that holds it; one link is the decisive one:
were it otherwise, the state would be another. Plain data, so that a table can show nothing that JSON does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from schemas.identifiers import EntityId, NodeId
from schemas.states import State
from streams.answers.placed import NOWHERE, Where


class Step(Enum):
    """What a link is about, in the order of the flow."""

    CONFIGURATION = "configured"
    PROBES = "probes"
    RETRIES = "retries"
    WEIGHTS = "weights"
    LAYERS = "layers"
    OWNER = "owner"
    TOLD = "told"
    CAUSE = "because"
    NODES = "nodes"
    PATHS = "paths"
    DEPENDENCIES = "depends on"


@dataclass(frozen=True, slots=True)
class Link:
    """One line of the chain: in words, with its values, and the record it rests on."""

    step: Step
    text: str
    where: Where = NOWHERE
    values: Mapping[str, object] = field(default_factory=dict)
    decisive: bool = False


@dataclass(frozen=True, slots=True)
class NodeState:
    """A service's effective state on a node; None where what the node held is no longer in the log."""

    node_id: NodeId
    state: State | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a service is (or was) as it is. `state` None: nothing was told by then."""

    name: str
    entity_id: EntityId
    at_ms: int
    state: State | None
    changed_at_ms: int | None
    links: tuple[Link, ...]
    nodes: tuple[NodeState, ...]
    notes: tuple[str, ...]

    @property
    def decisive(self) -> Link | None:
        """The link that decides."""
        return next((link for link in self.links if link.decisive), None)
