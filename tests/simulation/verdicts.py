"""What must hold of a schedule once it is over: the audit of its log, and that everyone agrees.

Rule: `streams.audit` judges the log as it judges one of a real Kafka. Times are the simulator's, not those that nodes
with a wrong clock wrote. While a fault harms, time is not judged; after it every bound holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from schemas.cluster import QuarantinedRecord, ViewChange
from schemas.codec import Unreadable, peek_order
from schemas.identifiers import EntityId, seat_of
from schemas.precedence import Order
from schemas.states import ServiceState, ServiceTransition, State
from schemas.topics import PROBE_RESULTS, QUARANTINE, SERVICE_STATES, SERVICE_TRANSITIONS, VIEWS
from streams.audit.findings import Bounds, Fault, StateRecord
from streams.audit.past_config import past_config
from streams.audit.promise import Audit, audit, is_effective
from streams.audit.reigns import owner_in
from streams.audit.truth import Turn, gaps, judge
from streams.folding.config.fold import fold_log
from streams.ownership.owner import OwnerKind
from streams.ownership.suspicion import FEWEST_SERVICES
from tests.simulation.checks import Checks
from tests.simulation.schedule import DOUBTED
from tests.simulation.simulation import named
from tests.simulation.world import EPOCH_MS

LATE = {Fault.VIEW_WENT_BACK, Fault.SEQUENCE_WENT_BACK, Fault.FORKED, Fault.TWO_OWNERS, Fault.RESURRECTED}
"""Breaches of order that a record on its way may make."""
FAILOVER_MS = 3_500
"""From a view to its owners' first records: a claim that was lost is made again after two seconds."""
REPAIR_MS = 1_500
"""For a record that does not count to be the last of its key."""
SILENT_AFTER_S = 1.15
"""The lease is 0.7 of the session, and an answer may be on its way."""
SLACK_MS = 100
"""After a target is well again, what a probe has met before may still be told so long."""


class Verdicts:
    """The questions asked at the end of one simulation; breaches go where the others are."""

    def __init__(self, checks: Checks) -> None:
        self.checks, self.simulation, self.world = checks, checks.simulation, checks.world
        self.breach, self.chain = checks.breach, checks.chain
        self.living = self.simulation.living()

    def give(self) -> None:
        """All of them, if there was a cluster at all."""
        if not self.chain or not self.living:
            self.breach("V-8", "no view ever came into force, or nobody lives")
            return
        self._nothing_broke()
        self._one_view()
        self._one_configuration()
        self._log_keeps_the_promise(self._audited())
        self._readers_agree()
        self._who_is_deaf_is_silent()
        self._history_is_whole_and_true()

    def _nothing_broke(self) -> None:
        """What an agent's body keeps from Faust is an exception all the same."""
        for record in self.simulation.broker.history[named(QUARANTINE)]:
            bad = self.checks.decoded(QuarantinedRecord, record)
            if bad is not None and "failed" in bad.error:
                self.world.broken.append(f"{bad.node_id}: {bad.topic}/{bad.partition}/{bad.offset}: {bad.error}")

    def _one_view(self) -> None:
        """V-1, V-8: the view in force is who lives, and everyone holds it."""
        members = {member.node_id: member.incarnation for member in self.chain[-1][1].members}
        alive = {node.machine.name: node.identity.incarnation for node in self.living}
        if members != alive:
            self.breach("V-8", f"the view has {members}, alive are {alive}")
        for node in self.living:
            if node.views.held.view_id != self.chain[-1][0]:
                held = node.views.held.view_id
                self.breach("V-1", f"{node.machine.name} ends in view {held}, not {self.chain[-1][0]}")

    def _one_configuration(self) -> None:
        """V-6: every node holds what the commands say."""
        fold = fold_log((offset, command) for offset, _, command in self.simulation.commands)
        for node in self.living:
            if node.monitoring.inventory.entities != fold.entities:
                self.breach("V-6", f"{node.machine.name} holds another configuration than the commands make")

    def _states(self) -> Iterator[tuple[StateRecord, bool]]:
        """Every readable record ever appended, and whether its order is excused."""
        for record in self.simulation.broker.history[named(SERVICE_STATES)]:
            state = None if record.value_ is None else self.checks.decoded(ServiceState, record)
            if record.value_ is not None and (state is None or state.entity_id.encode() != record.key_):
                continue
            entity, at_ms = EntityId((record.key_ or b"").decode()), int(record.at_s * 1000)
            yield StateRecord(entity, record.partition_, record.offset_, at_ms, state), record.excused

    def _audited(self) -> Audit:
        """The audit of the log; what is excused in it is counted, the rest are breaches."""
        records = list(self._states())
        excused = {(record.partition, record.offset) for record, is_excused in records if is_excused}
        views = [
            (record.offset_, replace(change, proposed_at_ms=int(record.at_s * 1000)))
            for record in self.simulation.broker.history[named(VIEWS)]
            if (change := self.checks.decoded(ViewChange, record)) is not None
        ]
        self.config = past_config(self.simulation.commands)
        harmed_ms = int(self.simulation.harmed_s * 1000)
        found = audit(
            views,
            [record for record, _ in records],
            self.config,
            Bounds(FAILOVER_MS, 0),
            int(self.world.now_s * 1000),
            calm_since_ms=harmed_ms,
        )
        self.world.counted["states"] += len(records)
        self.world.counted["ineffective states"] += len(found.ineffective)
        for breach in found.breaches:
            if breach.fault is Fault.STALE_TOO_LONG:
                continue
            if breach.fault in LATE and (breach.partition, breach.offset) in excused:
                self.world.counted[f"excused: {breach.fault.name}"] += 1
                continue
            self.breach(breach.fault.name, f"{breach.entity_id}@{breach.partition}/{breach.offset}: {breach.text}")
        return found

    def _log_keeps_the_promise(self, found: Audit) -> None:
        """Cleanliness after harm; O-4, O-6, M-14: the owner probes, nobody else, and its state is the last one."""
        for stale in found.stale:
            since_ms = max(stale.record.at_ms, int(self.simulation.harmed_s * 1000) + FAILOVER_MS)
            for_ms = stale.record.at_ms + stale.for_ms - since_ms
            if for_ms > REPAIR_MS:
                self.breach("STALE_TOO_LONG", f"{stale.record.entity_id}@{stale.record.offset}: {for_ms} ms")
        by_id = {reign.view.view_id: reign for reign in found.reigns}
        node = self.living[0]
        for service, monitored in node.monitoring.inventory.services.items():
            owner = owner_in(service, found.last_view, OwnerKind(seat_of(service), frozenset(monitored.node_groups)))
            probed = monitored.enabled and owner is not None
            probers = self.simulation.targets.probers[service]
            if probers != ({owner} if probed else set()):
                self.breach("M-14", f"{service} is probed by {sorted(probers)}, its owner is {owner}")
            state = node.replicas.states.get(service)
            if owner is None:
                continue
            if state is None or state.owner != owner or not is_effective(state, by_id, self.config.owners):
                self.breach("O-4", f"the state of {service} is {state and state.owner}'s, its owner is {owner}")
            elif state.state is not self._wanted(monitored.port, monitored.enabled):
                self.breach("truth", f"{service} is told {state.state.value}, which its target is not")

    def _wanted(self, port: int, enabled: bool) -> State:
        if not enabled:
            return State.OUT_OF_SERVICE
        return State.UP if self.simulation.targets.is_up(port, self.world.now_s) else State.DOWN

    def _readers_agree(self) -> None:
        """S-10, U-5: every reader holds the same, and so does who reads the compacted topic anew."""
        broker = self.simulation.broker
        broker.compact(named(SERVICE_STATES))
        anew: dict[bytes, tuple[Order, bytes]] = {}
        removed: set[bytes] = set()
        for place, log in broker.logs.items():
            for record in log if place.topic == named(SERVICE_STATES) else ():
                key, value = record.key_ or b"", record.value_
                if value is None:
                    removed.add(key)
                    continue
                try:
                    order = peek_order(value)
                except Unreadable:
                    continue
                if key not in removed and (key not in anew or order > anew[key][0]):
                    anew[key] = order, value
        told = {key: value for key, (_, value) in anew.items() if key not in removed}
        for node in self.living:
            values = node.replicas.states._map.values
            if values != told:
                keys = sorted(key for key in values.keys() | told.keys() if values.get(key) != told.get(key))
                self.breach("U-5", f"{node.machine.name} differs from the topic in {keys}")

    def _who_is_deaf_is_silent(self) -> None:
        """F5: whom the group does not answer stops before its session ends, though the log takes what it sends."""
        history = self.simulation.broker.history
        sent = [*history[named(PROBE_RESULTS)], *history[named(SERVICE_STATES)]]
        for node, from_s, until_s in self.simulation.deaf:
            for record in sent:
                if record.sender == node and from_s + SILENT_AFTER_S < record.sent_s < until_s:
                    text = f"{node} sends to {record.topic_} at {record.sent_s:.3f}, deaf since {from_s:.3f}"
                    self.breach("F5", text)

    def _history_is_whole_and_true(self) -> None:
        """Every change has its line; none tells DOWN of a target that was well, or what was found before what had been
        told already, unless its prober has a wrong clock, or could not reach it and had no reason to doubt itself.
        """
        records = self.simulation.broker.history[named(SERVICE_TRANSITIONS)]
        lines = [line for record in records if (line := self.checks.decoded(ServiceTransition, record)) is not None]
        for breach in gaps(lines):
            self.breach(breach.fault.name, breach.text)
        if self.world.counted["fault wall clock"]:
            return
        if self.world.counted["probe cut off"] and self.simulation.schedule.kind != DOUBTED:
            return
        ports: dict[EntityId, set[int]] = {}
        for node in self.living:
            for service, monitored in node.monitoring.inventory.services.items():
                ports.setdefault(service, set()).add(monitored.port)
        truth = {
            service: self._turns(port)
            for service, held in ports.items()
            if len(held) == 1 and (port := next(iter(held))) < MOVED_FROM and self._gives_reason(service)
        }
        until_ms = EPOCH_MS + int(self.world.now_s * 1000)
        for breach in judge(truth, lines, until_ms, SLACK_MS, until_ms).breaches:
            self.breach(breach.fault.name, breach.text)

    def _gives_reason(self, service: EntityId) -> bool:
        """Whether who probes a service reaches all targets, or has enough of them, at several addresses, to doubt
        itself by (U-8) before the first is due to go DOWN.
        """
        if not self.world.counted["probe cut off"]:
            return True
        inventory, probers = self.living[0].monitoring.inventory, self.simulation.targets.probers
        mine = [each for each in inventory.services if probers[each] == probers[service]]
        most = max(Counter(inventory.services[each].ip for each in mine).values())
        return len(mine) >= 2 * FEWEST_SERVICES and 2 * most <= len(mine)

    def _turns(self, port: int) -> list[Turn]:
        turns = [Turn(0, True)]
        for number, at_s in enumerate(self.simulation.targets.turns[port]):
            turns.append(Turn(EPOCH_MS + int(at_s * 1000), number % 2 == 1))
        return turns


MOVED_FROM = 1010
"""Ports from here on belong to services that were moved, whose transitions may be of the target before."""
