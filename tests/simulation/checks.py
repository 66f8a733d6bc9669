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
from schemas.states import ServiceState, State
from schemas.topics import SERVICE_STATES, VIEWS
from streams.audit.findings import Fault, StateRecord
from streams.audit.promise import audit, is_effective
from streams.audit.reigns import owner_in
from streams.ownership.view import View
from tests.simulation.broker import Record
from tests.simulation.clients import SimReader
from tests.simulation.group import SimApp
from tests.simulation.node import SimNode
from tests.simulation.simulation import Simulation, named
from tests.simulation.world import Machine

HEALED_S = 3.0
"""After a fault has ended for so long, nothing is its doing any more: a session and a rebalance."""

LATE = {Fault.VIEW_WENT_BACK, Fault.SEQUENCE_WENT_BACK, Fault.FORKED}
"""Breaches of order that a record on its way may make."""


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
        change = self._decoded(ViewChange, record)
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
        others = [node for node in simulation.living() if node.machine is not machine and not node.stopping.is_set()]
        if not others or now_s - max(self._lost_s.get(service, -HEALED_S), simulation.harmed_s) < HEALED_S:
            return
        self.breach("T5", f"{machine.name} ceases to probe {service}, and nobody else does")

    def _state_appended(self, record: Record) -> None:
        if self.world.traced:
            state = self._decoded(ServiceState, record)
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

    def _decoded(self, kind: type, record: Record) -> Any:
        try:
            return self.simulation.memory.decode(kind, record.value_)
        except Unreadable:
            return None

    def at_the_end(self) -> None:
        """What holds once everything was quiet for long enough."""
        if not self.chain:
            self.breach("V-8", "no view ever came into force")
            return
        self._one_view()
        self._log_is_safe()
        self._readers_agree()
        self._owners_probe()
        self._states_are_true()

    def _states_are_true(self) -> None:
        """The state of each service is what its target really does."""
        node = next(iter(self.simulation.living()), None)
        for service, monitored in node.monitoring.inventory.services.items() if node is not None else ():
            state = node.replicas.states.get(service) if node is not None else None
            wanted = State.UP if self.simulation.targets.is_up(monitored.port, self.world.now_s) else State.DOWN
            if state is not None and state.state is not wanted:
                self.breach("truth", f"{service} is told {state.state.value}, its target is {wanted.value}")

    def _one_view(self) -> None:
        """V-1, V-8: the view in force is who lives, and everyone holds it."""
        living = self.simulation.living()
        members = {member.node_id: member.incarnation for member in self.chain[-1][1].members} if self.chain else {}
        alive = {node.machine.name: node.identity.incarnation for node in living}
        if members != alive:
            self.breach("V-8", f"the view has {members}, alive are {alive}")
        for node in living:
            if node.views.held.view_id != self.chain[-1][0]:
                self.breach(
                    "V-1", f"{node.machine.name} ends in view {node.views.held.view_id}, not {self.chain[-1][0]}"
                )

    def _log_is_safe(self) -> None:
        """The promise, on the log."""
        history = self.simulation.broker.history
        states, excused = [], set()
        for record in history[named(SERVICE_STATES)]:
            state = self._decoded(ServiceState, record) if record.value_ is not None else None
            if record.value_ is not None and (state is None or state.entity_id.encode() != record.key_):
                continue
            entity = EntityId((record.key_ or b"").decode())
            states.append(StateRecord(entity, record.partition_, record.offset_, int(record.at_s * 1000), state))
            if record.excused:
                excused.add((record.partition_, record.offset_))
        views = [(r.offset_, change) for r in history[named(VIEWS)] if (change := self._decoded(ViewChange, r))]
        found = audit(views, states)
        self.world.counted["states"] += len(states)
        self.world.counted["ineffective states"] += len(found.ineffective)
        for breach in found.breaches:
            if breach.fault in LATE and (breach.partition, breach.offset) in excused:
                self.world.counted[f"excused: {breach.fault.name}"] += 1
                continue
            if breach.fault is Fault.RESURRECTED and (breach.partition, breach.offset) in excused:
                continue
            self.breach(breach.fault.name, f"{breach.entity_id}@{breach.partition}/{breach.offset}: {breach.text}")
        self.audit = found

    def _readers_agree(self) -> None:
        """S-10, U-5: every reader holds the same, and so does who reads the compacted topic anew."""
        broker = self.simulation.broker
        broker.compact(named(SERVICE_STATES))
        anew: dict[bytes, tuple[Order, bytes]] = {}
        for place, log in broker.logs.items():
            if place.topic != named(SERVICE_STATES):
                continue
            for record in log:
                if record.value_ is None:
                    anew.pop(record.key_ or b"", None)
                    continue
                try:
                    order = peek_order(record.value_)
                except Unreadable:
                    continue
                held = anew.get(record.key_ or b"")
                if held is None or order > held[0]:
                    anew[record.key_ or b""] = order, record.value_
        told = {key: value for key, (_, value) in anew.items()}
        for node in self.simulation.living():
            values = node.replicas.states._map.values
            if values != told:
                keys = sorted(key for key in values.keys() | told.keys() if values.get(key) != told.get(key))
                self.breach("U-5", f"{node.machine.name} differs from the topic in {keys}")

    def _owners_probe(self) -> None:
        """O-4, O-6, M-14: each service is probed by its owner and by no other, and its state names that owner."""
        view = self.audit.last_view
        by_id = {reign.view.view_id: reign for reign in self.audit.reigns}
        living = self.simulation.living()
        services = set(living[0].monitoring.inventory.services) if living else set()
        for service in services:
            owner = owner_in(service, view)
            probers = self.simulation.targets.probers[service]
            if probers != ({owner} if owner else set()):
                self.breach("M-14", f"{service} is probed by {sorted(probers)}, its owner is {owner}")
            state = living[0].replicas.states.get(service)
            if state is None or state.owner != owner or not is_effective(state, by_id):
                self.breach("O-4", f"the state of {service} is {state and state.owner}'s, its owner is {owner}")
