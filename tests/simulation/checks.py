"""What must hold of a schedule, asked of the log, of every reader, and of who probes: independent of what decides.

Rule: a checker looks at what happened, never at what the product believes; it shares `owner` and `place` with it, which
have tests of their own, and says again what it can in a few dumb lines. A breach names the requirement. What an
injected fault makes inevitable is excused by the fact, record by record, not by the kind of schedule: a record that was
on its way while its process stood still may arrive behind its successor's; it may not stay the last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from schemas.cluster import ViewChange
from schemas.codec import Unreadable, peek_order
from schemas.identifiers import EntityId
from schemas.precedence import Order
from schemas.states import ServiceState
from schemas.topics import SERVICE_STATES, VIEWS
from streams.ownership.view import View
from tests.simulation.app import SimApp
from tests.simulation.broker import Record
from tests.simulation.clients import SimReader
from tests.simulation.node import SimNode
from tests.simulation.simulation import Simulation, named
from tests.simulation.world import Machine

HEALED_S = 3.0
"""After a fault has ended for so long, nothing is its doing any more: a session and a rebalance."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A broken promise: which, when, and what of it."""

    rule: str
    at_s: float
    text: str

    def __str__(self) -> str:
        return f"{self.at_s:9.4f}  {self.rule}: {self.text}"


class Checks:
    """The checkers of one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation, self.world = simulation, simulation.world
        self.breaches: list[Breach] = []
        self.chain: list[tuple[int, ViewChange]] = []
        """Views in force by the log, in order."""
        self._seen: dict[tuple[int, bytes], Order | None] = {}
        self._held: dict[int, int] = defaultdict(lambda: -1)
        self._ends: dict[int, dict[Any, int]] = {}
        self._lost_s: dict[EntityId, float] = {}
        """When a prober of a service was last lost with its process."""
        simulation.targets.on_probers = self._probers_changed
        simulation.broker.watchers[named(VIEWS)].append(self._view_appended)
        simulation.broker.watchers[named(SERVICE_STATES)].append(self._state_appended)
        simulation.on_started = self._started
        simulation.coordinator.on_joined = self._joined

    def breach(self, rule: str, text: str) -> None:
        self.world.trace("BREACH", f"{rule}: {text}")
        self.breaches.append(Breach(rule, self.world.now_s, text))

    def _started(self, node: SimNode) -> None:
        run = id(node)
        self._ends[id(node.machine)] = dict(self.simulation.broker.ends)
        node.views.on_accepted.append(lambda view: self._accepted(node, run, view))
        node.replicas.states._reader.checked = self._read  # type: ignore[attr-defined]

    def _view_appended(self, record: Record) -> None:
        """The chain of views, said again: a record counts if it was built on the one in force."""
        change = self.decoded(ViewChange, record)
        if change is None:
            return
        held = self.chain[-1][0] if self.chain else -1
        nodes = [member.node_id for member in change.members]
        good = change.prev_view == held and len(set(nodes)) == len(nodes) and change.proposer in nodes
        self.world.counted["view accepted" if good else "view refused"] += 1
        self.world.trace("log", f"view {record.offset_} by {change.proposer}: {nodes}{'' if good else ', refused'}")
        if good:
            self.chain.append((record.offset_, change))

    def _accepted(self, node: SimNode, run: int, view: View) -> None:
        """V-1: every node walks along one chain, and leaves none out."""
        known = [offset for offset, _ in self.chain]
        before = self._held[run]
        place = known.index(before) + 1 if before >= 0 else 0
        self._held[run] = view.view_id
        self.world.trace(node.machine.name, f"holds view {view.view_id} {view.nodes}")
        if view.view_id not in known[place : place + 1]:
            self.breach("V-1", f"{node.machine.name} holds view {view.view_id}, the log has {known} in force")
            self._held[run] = known[-1] if known else -1

    def _joined(self, app: SimApp) -> None:
        """V-9: who joins has read what was written before it began."""
        ends, node = self._ends[id(app.machine)], self.simulation.nodes[app.machine.name]
        behind = 0
        for place, end in ends.items():
            replica = node.replicas.states if place.topic == named(SERVICE_STATES) else node.replicas.control
            position = replica._reader.position(*place)
            if position is not None and place.topic in replica._reader._topics and position < end:
                behind += end - position
        if behind:
            self.breach("V-9", f"{app.machine.name} joins the group {behind} records behind its start")

    def _probers_changed(self, service: EntityId, machine: Machine, gone: bool) -> None:
        """T5: while the old owner lives nobody sees a service without a prober, but for one that is gone."""
        if self.simulation.targets.probers[service] or gone or not self.chain:
            return
        now_s, simulation = self.world.now_s, self.simulation
        if not machine.alive:
            self._lost_s[service] = now_s
            return
        if not self._hosts(machine, service):
            return
        others = [node for node in simulation.living() if node.machine is not machine and not node.stopping.is_set()]
        if not others or now_s - max(self._lost_s.get(service, -HEALED_S), simulation.harmed_s) < HEALED_S:
            return
        self.breach("T5", f"{machine.name} ceases to probe {service}, and nobody else does")

    def _hosts(self, machine: Machine, service: EntityId) -> bool:
        """Whether a machine has the service configured: one that has it no longer cannot probe on (A-1)."""
        monitored = self.simulation.nodes[machine.name].monitoring.inventory.services.get(service)
        groups = set(self.simulation.groups.get(machine.name, ()))
        return monitored is not None and (not monitored.node_groups or not groups.isdisjoint(monitored.node_groups))

    def _state_appended(self, record: Record) -> None:
        if self.world.traced:
            state = self.decoded(ServiceState, record)
            told = "tombstone" if record.value_ is None else "poison"
            if state is not None:
                told = f"({state.view_id}, {state.sequence}) {state.owner} {state.state.value}: {state.cause.text}"
            late = " (late)" if record.excused else ""
            self.world.trace("log", f"state {record.key_!r}@{record.offset_} from {record.sender}{late}: {told}")

    def _read(self, reader: SimReader, batch: Sequence[Record]) -> None:
        """S-10: what a reader holds of a service never goes back, and a removed one stays removed."""
        node = self.simulation.nodes.get(reader.machine.name)
        if node is None or node.machine is not reader.machine:
            return
        values = node.replicas.states._map.values
        for record in batch:
            key = record.key_ or b""
            value = values.get(key)
            try:
                order = None if value is None else peek_order(value)
            except Unreadable:
                continue
            before = self._seen.get((id(reader), key), (-1, -1))
            if before is None and order is not None:
                self.breach("S-10", f"{node.machine.name} shows {key!r} again, which was removed")
            elif before is not None and order is not None and order < before:
                self.breach("S-10", f"{node.machine.name} went back from {before} to {order} for {key!r}")
            if order is not None or record.value_ is None:
                self._seen[(id(reader), key)] = order

    def decoded(self, kind: type, record: Record) -> Any:
        try:
            return self.simulation.memory.decode(kind, record.value_)
        except Unreadable:
            return None
