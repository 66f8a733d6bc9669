"""Step 7 of the flow for paths: which services are folded again when a node's path or the view has changed (P-10).

Rule: three things may change what paths come to: a report, a view (a node outside it no longer counts), and a takeover,
before which nobody folded; a changed configuration brings its services to the fold by itself. Each names few services:
only those that somebody cannot reach may change with a view, and only where the nodes decide together is it a state.
They are looked at some at a time, for a path may be that of 70,000 services.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from schemas.identifiers import EntityId, NodeId
from schemas.processing import ServicePaths
from schemas.states import PathMonitoring, State
from streams.agents.folds import Folds
from streams.folding.events import NOT_REPORTED, Reach
from streams.folding.paths import reach_of
from streams.node.inventory import Inventory
from streams.ownership.view import EMPTY_VIEW, Member, View

LOOK_AGAIN_S = 0.010
"""Between two lots of services."""


class Bitmap(Protocol):
    """Who reaches what: `connectors.replica.paths.PathReplica`."""

    def paths(self, service: EntityId) -> ServicePaths: ...

    def cut_off_from(self, nodes: Iterable[NodeId]) -> Sequence[EntityId]: ...


class PathFolding:
    """The loop's thread. `folds` is set before the first view comes."""

    folds: Folds

    def __init__(
        self,
        inventory: Inventory,
        bitmap: Bitmap,
        state_of: Callable[[EntityId], State | None],
        may_act: Callable[[], bool],
        call_later: Callable[..., object],
    ) -> None:
        self._inventory = inventory
        self._bitmap = bitmap
        self._state_of = state_of
        self._may_act = may_act
        self._call_later = call_later
        self._members: frozenset[Member] = frozenset(EMPTY_VIEW.members)
        self._hosts: dict[frozenset[str], frozenset[NodeId]] = {}
        """Operational nodes that host what these node groups have, as far as it was asked for under this view."""
        self._looking = self._swept = False

    def reach_of(self, service_id: EntityId) -> Reach:
        """What the paths to a service come to, by the operational nodes that host it."""
        known, config = self._inventory.placeables.get(service_id), self._inventory.config_of(service_id)
        if known is None or config is None or config.path_monitoring is PathMonitoring.OFF:
            return NOT_REPORTED
        hosts = self._hosts.get(known.node_groups)
        if hosts is None:
            hosts = frozenset(member.node for member in self._members if member.hosts(known.node_groups))
            self._hosts[known.node_groups] = hosts
        return reach_of(hosts, self._bitmap.paths(service_id))

    def view_accepted(self, view: View) -> None:
        """The next view is in force: what those who came or went cannot reach is looked at again."""
        before, self._members = self._members, frozenset(view.members)
        self._hosts.clear()
        self.changed(self._bitmap.cut_off_from({member.node for member in before ^ self._members}))

    def changed(self, services: Iterable[EntityId]) -> None:
        """Nodes reported other paths to these services."""
        self.folds.paths_changed(services)
        if not self._looking:
            self._look()

    def taken_over(self) -> None:
        """Partitions came: what paths have come to meanwhile is looked at when the takeover is done."""
        self._swept = False

    def keep_house(self, busy: bool) -> None:
        """What a lease that had ended left lying, and once a takeover is done (not `busy`) what it may have missed."""
        if not (self._swept or busy or not self.folds.partitions):
            self._sweep()
        if not self._looking:
            self._look()

    def _look(self) -> None:
        self._looking = self._may_act() and self.folds.look_at_paths() > 0
        if self._looking:
            self._call_later(LOOK_AGAIN_S, self._look)

    def _sweep(self) -> None:
        """Only a service that somebody cannot reach, or that is DOWN, may be other than its paths make it."""
        self._swept = True
        cut_off = set(self._bitmap.cut_off_from([member.node for member in self._members]))
        together, state_of = self._inventory.together, self._state_of
        self.changed([each for each in together if each in cut_off or state_of(each) is State.DOWN])
