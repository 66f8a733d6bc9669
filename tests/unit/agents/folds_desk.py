"""Folds with a table, a configuration, a history and a clock in a test's hands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from dataclasses import replace as changed

from schemas.codec import decode
from schemas.identifiers import PARTITIONS, EntityId, NodeId, Partition, ViewId, partition_of
from schemas.probes import ProbeResults, ProbeRun
from schemas.states import ServiceState, ServiceTransition
from streams.agents.folds import Folds
from streams.folding.events import ServiceConfig, Source
from tests.unit.folding.builders import B0, CONFIG, WEB

HERE, NOT_HERE = partition_of(WEB), Partition((partition_of(WEB) + 1) % PARTITIONS)
RESULTS, COMMAND = Source("probe-results", HERE, 70), Source("config-commands", 0, 5)


def ids(partition: Partition) -> list[EntityId]:
    return [service for n in range(1_000) if partition_of(service := EntityId(f"{n}-7")) == partition]


def configured(service: EntityId) -> ServiceConfig:
    return changed(CONFIG, entity_id=service, name=f"s{service}")


@dataclass(slots=True)
class Desk:
    """Folds with a table, a configuration and a history in the test's hands."""

    table: dict[str, bytes] = field(default_factory=dict)
    configs: dict[EntityId, ServiceConfig] = field(default_factory=lambda: {WEB: CONFIG})
    history: list[ServiceTransition] = field(default_factory=list)
    owner: Callable[[EntityId, ViewId], NodeId | None] = lambda service, view: B0
    now_ms: int = 9_000
    second: NodeId | None = None
    roots: dict[EntityId, tuple[EntityId, ...]] = field(default_factory=dict)
    """What is DOWN among all that a service depends on."""
    folds: Folds = field(init=False)

    def __post_init__(self) -> None:
        self.folds = Folds(
            self,
            self.configs.get,
            lambda service, view: self.owner(service, view),
            lambda: self.now_ms,
            lambda service, view: self.second,
            roots_of=lambda service: self.roots.get(service, ()),
        )
        self.folds.use_table(self.table)
        self.folds.assigned([HERE])

    def put_history(self, service: EntityId, transition: bytes) -> None:
        self.history.append(decode(ServiceTransition, transition))

    def state(self, service: EntityId = WEB) -> ServiceState | None:
        return decode(ServiceState, self.table[service]) if service in self.table else None

    def take(
        self,
        *runs: ProbeRun,
        claims: tuple[EntityId, ...] = (),
        view: int = 3,
        node: NodeId = B0,
        suspect: bool = False,
    ) -> None:
        results = ProbeResults(node, f"{node}-run", ViewId(view), 0, claims, runs, suspect=suspect)
        self.folds.take(results, RESULTS)
