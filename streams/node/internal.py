"""Steps 6 and 7 of the flow for internal services (O-11): each node probes its own and folds them for itself.

Rule: nothing of an internal service leaves the node. It is folded by the very function that folds a batch from the log,
with this node as its owner under no view; what comes of it is shown by this node's web views and nowhere else. Why not
one record per node on `service-states`: the key is the service, and a state that is true on one node only has no place
where every node reads the one answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from structlog import get_logger

from schemas.identifiers import NO_VIEW, EntityId, NodeId, ViewId
from schemas.probes import ProbeResults, ProbeRun, Resolution
from schemas.states import ServiceState
from streams.faust_app.identity import NodeIdentity
from streams.folding.batch import fold_results
from streams.folding.events import NO_SOURCE
from streams.folding.facts import Fact, Transition
from streams.folding.service import ServiceFold
from streams.node.inventory import Inventory

log = get_logger()


class Internal:
    """The internal services of this node. All methods: the loop's thread; `state_of`: any."""

    def __init__(self, identity: NodeIdentity, inventory: Inventory, now_ms: Callable[[], int]) -> None:
        self._identity = identity
        self._inventory = inventory
        self._now_ms = now_ms
        self._folds: dict[EntityId, ServiceFold] = {}

    def __contains__(self, service_id: object) -> bool:
        return service_id in self._folds

    def states(self) -> dict[EntityId, ServiceState | None]:
        """What this node holds of each of them now."""
        return {service_id: fold.record for service_id, fold in self._folds.copy().items()}

    def state_of(self, service_id: EntityId) -> ServiceState | None:
        """What this node holds of one of its internal services; None before its first verdict, and for any other."""
        fold = self._folds.get(service_id)
        return None if fold is None else fold.record

    def configured(self, services: Iterable[EntityId]) -> None:
        """These services were added, changed or removed."""
        for service_id in services:
            known = self._inventory.placeables.get(service_id)
            if known is None or not known.internal:
                self._folds.pop(service_id, None)
                continue
            fold = self._folds.setdefault(service_id, ServiceFold(service_id))
            _tell(fold.configured(self._inventory.config_of(service_id), NO_SOURCE, self._now_ms()))

    def take(self, runs: Sequence[ProbeRun], said: Sequence[Resolution] = ()) -> None:
        """Fold what the engines report of them, and what DNS said of their names."""
        node, now_ms = self._identity.node_id, self._now_ms()
        batch = ProbeResults(node, self._identity.incarnation, NO_VIEW, now_ms, (), tuple(runs), tuple(said))
        _tell(fold_results(self._folds, batch, NO_SOURCE, self._owner, now_ms))

    def pass_time(self) -> None:
        """The ends of holds and of graceful disables."""
        now_ms = self._now_ms()
        for fold in self._folds.values():
            if fold.due_at_ms is not None:
                _tell(fold.due(now_ms))

    def part(self, runs: Collection[ProbeRun]) -> tuple[list[ProbeRun], list[ProbeRun]]:
        """(runs of internal services, all others)."""
        ours = [run for run in runs if run.service_id in self._folds]
        return ours, [run for run in runs if run.service_id not in self._folds] if ours else list(runs)

    def _owner(self, _service: EntityId, _view: ViewId) -> NodeId:
        return NodeId(self._identity.node_id)


def _tell(facts: Iterable[Fact]) -> None:
    for fact in facts:
        if isinstance(fact, Transition):
            change = fact.transition
            log.info("internal", service=change.name, state=change.after.value, cause=change.cause.text)
