"""A node's paths with everything around them in a test's hands: configuration, engines, records, reports."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from connectors.engine.runs import RunReport
from connectors.replica.path_table import PathTable
from schemas.config import Kind
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import PathState, Reason, Verdict
from schemas.states import ServiceState
from streams.folding.config.fold import ConfigFold
from streams.node.inventory import Inventory
from streams.node.path_reports import PathReports
from streams.node.paths import Paths
from streams.ownership.view import Member, View
from tests.unit.config.config_words import take
from tests.unit.node.fakes import Later, RecordingSender, Switch
from tests.unit.node.test_node_domains import Engines
from tests.unit.node.test_path_reports import said
from tests.unit.replica.samples import service_state

B0 = NodeId("b0")


@dataclass(slots=True)
class Desk:
    """One node of these groups."""

    node_groups: tuple[str, ...] = ()
    fold: ConfigFold = field(default_factory=ConfigFold)
    inventory: Inventory = field(default_factory=Inventory)
    engines: Engines = field(default_factory=Engines)
    states: dict[EntityId, ServiceState] = field(default_factory=dict)
    log: PathTable = field(default_factory=PathTable)
    sender: RecordingSender = field(default_factory=lambda: RecordingSender(at_once=True))
    later: Later = field(default_factory=Later)
    runs: int = 0
    view: int = 0
    paths: Paths = field(init=False)

    def __post_init__(self) -> None:
        reports = PathReports(B0, self.sender, "path-reports", Switch(), self.later, lambda: 9_000)
        self.paths = Paths(
            Member(B0, "b0-run", frozenset(self.node_groups)),
            self.inventory,
            self.engines,
            self.states.get,
            self.log,
            reports,
            self.later,
        )

    def do(self, text: str) -> None:
        """A command comes."""
        result, changes = take(self.fold, text)
        assert result.accepted, result.rejections
        self.paths.configured(self.inventory.apply(changes).services)

    def id_of(self, name: str) -> EntityId:
        entity = self.fold.entities.find(Kind.SERVICE, name)
        assert entity is not None
        return entity.entity_id

    def enter(self, inside: bool = True) -> None:
        """The next view has this node in it, or not."""
        self.view += 1
        run = "b0-run" if inside else "b0-run-before"
        self.paths.view_accepted(View(ViewId(self.view), self.view, (Member(B0, run),), B0))

    def pinged(self) -> dict[str, int]:
        """The number of each address that is pinged."""
        return {self.engines.table[number].ip: number for number in sorted(self.engines.probing)}

    def ping(self, address: str, verdict: Verdict, count: int = 1) -> list[RunReport]:
        """A run of pings has ended so."""
        self.runs += 1
        reason = {Verdict.UP: Reason.OK, Verdict.DOWN: Reason.TIMEOUT_FIRST_BYTE}.get(verdict, Reason.LOCAL_ERROR)
        number = self.pinged()[address]
        report = RunReport(number, self.runs, self.runs, verdict, reason, "", 0, 0, count, 0, 0, 0)
        return self.paths.ended([report])

    def told(self) -> dict[str, PathState]:
        """What was said since the last call, by key; it stands in the log."""
        self.later.tick()
        found = {}
        for key, state in said(self.sender.take()):
            assert key is not None
            service, _, node = key.decode().partition("/")
            found[service] = state
            self.log.note(EntityId(service), NodeId(node), state)
        return found

    def record(self, name: str, ip_address: str) -> None:
        """The state of a domain-based service comes."""
        service = self.id_of(name)
        self.states[service] = replace(service_state(service), ip_address=ip_address)
        self.paths.heard(service)
