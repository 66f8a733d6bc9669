"""A node's monitoring with everything around it in the test's hands: configuration, views, and states as records.

States go through the very map that a replica keeps (`StateMap`), so that what is obsolete never reaches the node.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.engine.runs import RunReport
from connectors.replica.path_table import PathTable
from connectors.replica.state_map import StaleRecord, StateMap, Verdict, peek_order, read_state
from connectors.replica.states import Applied
from schemas.codec import decode
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.precedence import Order
from schemas.probes import ProbeResults
from schemas.states import Doubt, ServiceState, State
from streams.faust_app.identity import NodeIdentity
from streams.folding.config.fold import ConfigFold
from streams.node.domains import Domains
from streams.node.monitoring import Monitoring
from streams.node.path_reports import PathReports
from streams.node.paths import Paths
from streams.node.results import ResultPublisher
from streams.ownership.view import Member, View
from tests.unit.config.config_words import take
from tests.unit.node.fakes import Later, RecordingSender
from tests.unit.node.test_node_domains import Engines, Names
from tests.unit.replica.samples import message, service_state

ME, RUN = NodeId("b0"), "run1"


class NoFeed:
    """Passive monitors: none is fed here."""

    def __contains__(self, number: int) -> bool:
        return False


class EnginesOfNode(Engines):
    """With the passive monitors that the pool has beside its engines."""

    def __init__(self) -> None:
        super().__init__()
        self.passive = NoFeed()
        self.begun: list[int] = []
        """Bindings in the order in which probing of them began, again and again."""

    def set_probing(self, on: Iterable[int] = (), off: Iterable[int] = (), resumed: Iterable[int] = ()) -> None:
        """As the engines take it: what is on already goes on undisturbed."""
        on, resumed = list(on), list(resumed)
        self.begun += [number for number in (*on, *resumed) if number not in self.probing]
        super().set_probing(on, off, resumed)


class States:
    """The state replica, as monitoring asks it."""

    def __init__(self) -> None:
        self.map = StateMap()

    def __contains__(self, service: EntityId) -> bool:
        return service.encode() in self.map.values

    def bytes_of(self, service: EntityId) -> bytes | None:
        return self.map.values.get(service.encode())

    def get(self, service: EntityId) -> ServiceState | None:
        value = self.map.values.get(service.encode())
        return None if value is None else read_state(service.encode(), value)

    def order(self, service: EntityId) -> Order | None:
        value = self.bytes_of(service)
        return None if value is None else peek_order(value)

    def state_of(self, service: EntityId) -> State | None:
        state = self.get(service)
        return None if state is None else state.state


@dataclass(slots=True)
class Desk:
    """`b0` with its monitoring; other nodes are names in views and states."""

    clustering: bool = True
    fold: ConfigFold = field(default_factory=ConfigFold)
    states: States = field(default_factory=States)
    engines: EnginesOfNode = field(default_factory=EnginesOfNode)
    sender: RecordingSender = field(default_factory=RecordingSender)
    later: Later = field(default_factory=Later)
    offset: int = 0
    suspects: frozenset[NodeId] = frozenset()
    """Other nodes that say they doubt themselves."""
    monitoring: Monitoring = field(init=False)

    def __post_init__(self) -> None:
        identity = NodeIdentity(ME, RUN, ())
        states: Any = self.states
        engines: Any = self.engines
        self.monitoring = Monitoring(
            identity, states, engines, lambda: self.suspects, lambda: None, clustering=self.clustering
        )
        self.monitoring.domains = Domains(
            self.monitoring.inventory,
            self.engines,
            self.monitoring.state_of,
            Names(),
            self.monitoring.resolved,
            lambda _: None,
            lambda: 1_000,
        )
        reports = PathReports(ME, self.sender, "path-reports", lambda: True, self.later, lambda: 1_000)
        local, inventory = Member(ME, RUN), self.monitoring.inventory
        self.monitoring.paths = Paths(local, inventory, self.engines, self.states.get, PathTable(), reports, self.later)
        self.monitoring.publisher = ResultPublisher(
            identity,
            self.sender,
            "probe-results",
            self.monitoring.watches.flag,
            lambda: True,
            self.later,
            lambda: 1_000,
            opinion_view=self.monitoring.opinions.view_of,
            suspect=self.monitoring.own_health.suspect,
        )

    def do(self, text: str) -> None:
        """An accepted command."""
        result, changes = take(self.fold, text)
        assert result.accepted, result.rejections
        self.monitoring.configured(changes)

    def view(self, view_id: int, *nodes: str) -> None:
        """The next view is in force."""
        members = tuple(Member(NodeId(node), RUN) for node in sorted(nodes))
        self.monitoring.view_accepted(View(ViewId(view_id), 1, members, members[0].node))

    def state(
        self,
        service: EntityId,
        owner: str,
        view_id: int,
        sequence: int = 1,
        key: str | None = None,
        doubt: Doubt | None = None,
        told_as: State = State.UP,
    ) -> Verdict:
        """A record of `service-states` comes in; what the replica makes of it."""
        told = replace(
            service_state(service, view_id, sequence),
            owner=NodeId(owner),
            incarnation=RUN,
            doubt=doubt,
            state=told_as,
        )
        record = message(self.offset, key or service, told)
        self.offset += 1
        stale: list[StaleRecord] = []
        verdict = self.states.map.apply(record, (key or service).encode(), record.value(), stale)
        if verdict is Verdict.TAKEN:
            order: Order = (view_id, sequence)
            self.monitoring.states_applied([Applied(EntityId(key or service), order)])
        return verdict

    def probed(self) -> set[int]:
        """Binding numbers that the engines probe."""
        return set(self.engines.probing)

    def reported(self, *reports: RunReport) -> None:
        """The engines report."""
        self.monitoring.reported(list(reports))

    def sent(self) -> list[ProbeResults]:
        """What goes out to `probe-results` with the next tick."""
        self.later.tick()
        return [decode(ProbeResults, sent.value) for sent in self.sender.take()]

    def claims(self) -> set[EntityId]:
        """Services whose ownership is declared with the next tick."""
        return {service for batch in self.sent() for service in batch.claims}

    def numbers(self, service: EntityId) -> Iterable[int]:
        """The service's bindings on this node."""
        return self.monitoring.inventory.numbers_of([service])
