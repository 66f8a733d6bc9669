"""Steps 4 to 6 of the flow at run time: from a new view, a changed configuration or a state that came in, to what the
engines probe and what this node claims.

Rule: all three kinds of news end in one `Change` (start, stop, claim), carried out in one place. The whole binding
table is on every engine (C-1, C-5), so starting and stopping is a flag. Beside what it watches, a node probes what it
is asked a second opinion of (U-8).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from structlog import get_logger

from connectors.engine.pool import EnginePool
from connectors.engine.runs import RunReport
from connectors.link.neighbours import Neighbours
from connectors.replica.states import Applied, StateReplica
from schemas.codec import may_ask
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.inventory.entities import Change as EntityChange
from schemas.probes import ProbeRun, Verdict
from schemas.states import ServiceState, State
from streams.faust_app.identity import NodeIdentity
from streams.folding.events import BindingConfig
from streams.node.domains import Domains
from streams.node.held_reports import HeldReports, pause_s
from streams.node.inline import Inline
from streams.node.internal import Internal
from streams.node.inventory import Inventory, InventoryChange
from streams.node.links import Links
from streams.node.opinions import Asked, Opinions
from streams.node.own_health import OwnHealth
from streams.node.paths import Paths
from streams.node.reports import probe_runs
from streams.node.results import AT_ONCE_S, CALM_S, LAZY_S, ResultPublisher
from streams.node.watches import Change, Watches
from streams.ownership.handover import LastState
from streams.ownership.view import EMPTY_VIEW, View

log = get_logger()

RECLAIM_S = 2.0
"""Claims of which none was confirmed for so long are made again."""
RECLAIM_LATEST_S = 20.0
"""And all that are left after this, though others were confirmed meanwhile."""
SOON = 32
"""A run of successes up to here may make a service UP (the largest `success_retries`); a longer one is a summary."""


def now_ms() -> int:
    """Wall clock, for records and people."""
    return time.time_ns() // 1_000_000


class Monitoring:
    """The loop's thread. `publisher`, `domains` and `paths` are set before the first view comes."""

    publisher: ResultPublisher
    domains: Domains
    paths: Paths

    def __init__(
        self,
        identity: NodeIdentity,
        replica: StateReplica,
        engines: EnginePool,
        suspects: Callable[[], frozenset[NodeId]],
        on_doubt: Callable[[], None],
        clustering: bool = True,
    ) -> None:
        self._node = identity.node_id
        self._replica = replica
        self._engines = engines
        self._view = EMPTY_VIEW
        self._claimed_s: float | None = None
        self._confirmed_s = 0.0
        self._unconfirmed = 0
        self.inventory = Inventory()
        self.inline = Inline(self.inventory, engines.passive, now_ms)
        self.internal = Internal(identity, self.inventory, now_ms)
        self.watches = Watches(identity.node_id, identity.incarnation, self._last_state, clustering)
        node = identity.node_id
        self.own_health = OwnHealth(
            node,
            self.inventory,
            self.watches,
            replica,
            suspects,
            on_doubt,
            time.monotonic,
            lambda service: self.paths.only_others_reach(service),
        )
        self.held_reports = HeldReports(self._pause_of, time.monotonic)
        self.links = Links(self.inventory, self.state_of, Neighbours().of, time.monotonic)
        self.opinions = Opinions(node, self.watches, self._asking, suspects)
        self.on_configured: list[Callable[[frozenset[EntityId]], None]] = []
        """Called with the services that a command touched."""

    def configured(self, changes: Iterable[EntityChange]) -> InventoryChange:
        """Whole commands came: the engines' table, the placement and the fold's configuration follow."""
        change = self.inventory.apply(changes)
        self.internal.configured(change.services)
        if change.removed:
            self._engines.remove(change.removed)
            self.links.forget(change.removed)
        if change.added:
            self._engines.add(change.added)
        if change.placement_changed:
            self._redistribute()
        self.inline.configured(change.services)
        probed = self.watches.probed()
        self.domains.configured(change.services, probed)
        self.paths.configured(change.services)
        started = [
            binding.number
            for binding in change.added
            if binding.service_id in probed or binding.service_id in self.opinions
        ]
        if started:
            self._engines.set_probing(on=started)
        for call in self.on_configured:
            call(change.services)
        return change

    def view_accepted(self, view: View, replaced: bool = False) -> None:
        """The next view is in force: redistribute (V-3), claim what is new (V-4), hold what is another's (T5).

        `replaced`: it came into force while this node was silent, and without it; then nothing is held.
        """
        self._view = view
        self._claimed_s = None
        self._redistribute(replaced)
        self.paths.view_accepted(view)
        self._answer(self.opinions.view_accepted(view.view_id))
        if self.own_health.suspect():  # what is in doubt is asked anew of whom this view has
            self.publisher.claim(self.own_health.failing() & self.watches.probed())

    def states_applied(self, applied: Sequence[Applied]) -> None:
        """States came in: an old owner whose successor is heard stops (S-12). Only what may matter is looked at."""
        relevant: dict[EntityId, LastState] = {}
        taken: list[EntityId] = []
        for entity_id, order in applied:
            if entity_id in self.domains:
                self.domains.heard(entity_id)
            self.paths.heard(entity_id)
            if order is None or not self.watches.needs(entity_id, ViewId(order[0])):
                continue
            if self.watches.is_relieved_by(entity_id, ViewId(order[0])):
                taken.append(entity_id)
            elif (last := self._last_state(entity_id)) is not None:
                relevant[entity_id] = last
        if taken:
            self._carry_out(self.watches.relieve(taken))
        if relevant:
            self._carry_out(self.watches.state_applied(relevant))
        services = [entity_id for entity_id, _ in applied]
        self.own_health.states_applied(services)
        self._answer(self.opinions.states_applied(services))

    def reported(self, reports: list[RunReport]) -> None:
        """Engines reported: what still names a binding goes out, what may decide something with the next tick."""
        self.links.reported(reports)
        ours, runs = self.internal.part(list(probe_runs(self.paths.ended(reports), self.inventory.numbered)))
        if ours:
            self._fold_internal(ours, {run.service_id for run in ours if run.ip_address})
        self.own_health.reported(runs)
        runs = self.held_reports.part(runs)
        if runs:
            self.publisher.report(runs, self._wait_s_of)

    def resolved(self, services: Iterable[EntityId]) -> None:
        """What is held of these services' names has changed: it goes to their folds."""
        services = list(services)
        self.publisher.resolved([service for service in services if service not in self.internal])
        ours = {service for service in services if service in self.internal}
        if ours:
            self._fold_internal((), ours)

    def state_of(self, service: EntityId) -> ServiceState | None:
        """The state of a service as this node has it: its own of an internal one, else what the owner told."""
        return self.internal.state_of(service) if service in self.internal else self._replica.get(service)

    def _fold_internal(self, runs: Sequence[ProbeRun], named: Iterable[EntityId]) -> None:
        named = list(named)
        said = [known for service in named if (known := self.domains.resolution_of(service)) is not None]
        self.internal.take(runs, said)
        for service in named:
            self.domains.heard(service)

    def keep_house(self, now_s: float) -> None:
        """What no event brings: unconfirmed claims, and nodes that begin or cease to doubt themselves."""
        self.reclaim(now_s)
        self.internal.pass_time()
        self.own_health.keep_house()
        self._answer(self.opinions.look_for_suspects())
        due = self.held_reports.due()
        if due:
            self.publisher.report(due)

    def reclaim(self, now_s: float) -> None:
        """Claim again what nobody confirmed: a claim can be lost with the node that folded it.

        Not while confirmations still come: with very many services they take longer than RECLAIM_S, and claims made
        again then are most of the work.
        """
        before, self._unconfirmed = self._unconfirmed, len(self.watches.unconfirmed)
        if not self._unconfirmed:
            self._claimed_s = None
        elif self._claimed_s is None:
            self._claimed_s = self._confirmed_s = now_s
        elif self._unconfirmed < before and now_s - self._claimed_s <= RECLAIM_LATEST_S:
            self._confirmed_s = now_s
        elif now_s - self._confirmed_s > RECLAIM_S:
            self._claimed_s = self._confirmed_s = now_s
            self._confirm_from_replica()
            self.publisher.claim(self.watches.unconfirmed)

    def _wait_s_of(self, run: ProbeRun) -> float:
        """How long a run may wait for company: not at all if it may change its service's state, a second if it may
        change what is shown of its binding or must be followed by others to count, else as long as a summary may.
        """
        if run.service_id in self.opinions:
            return AT_ONCE_S if run.verdict is not Verdict.UP or run.count <= SOON else LAZY_S
        if run.verdict is Verdict.DOWN:
            least, most = self._failures_that_count(run)
            if run.count < least:
                return LAZY_S
            calm = run.count > most and self._replica.state_of(run.service_id) is State.DOWN
            return self._calm_s(run) if calm else AT_ONCE_S
        if run.verdict is not Verdict.UP:
            return AT_ONCE_S
        if run.count <= SOON and self._replica.state_of(run.service_id) is not State.UP:
            return AT_ONCE_S
        return self._calm_s(run) if run.count > self._successes_that_count(run) else LAZY_S

    def _calm_s(self, run: ProbeRun) -> float:
        """Who chooses by what was measured wants it within the second (L-3)."""
        config = self.inventory.config_of(run.service_id)
        chosen_by = run.load is not None or (config is not None and config.least_response)
        return LAZY_S if chosen_by else CALM_S

    def _failures_that_count(self, run: ProbeRun) -> tuple[int, int]:
        """From so many in a row on, and up to so many, a run may decide something; from 1 on where failures with
        successes between them may.
        """
        binding = self._bound(run)
        if binding is None:
            return 1, SOON
        deciding = (binding.retries, binding.alert_retries or binding.retries)
        return 1 if binding.failure_retries else min(deciding), max(deciding)

    def _successes_that_count(self, run: ProbeRun) -> int:
        binding = self._bound(run)
        return SOON if binding is None else binding.success_retries

    def _bound(self, run: ProbeRun) -> BindingConfig | None:
        config = self.inventory.config_of(run.service_id)
        bindings = () if config is None else config.bindings
        return next((binding for binding in bindings if binding.monitor_id == run.monitor_id), None)

    def _asking(self, service: EntityId) -> ServiceState | None:
        """The state of a service that may ask this node for an opinion; what certainly does not is not decoded."""
        told = self._replica.bytes_of(service)
        return self._replica.get(service) if told is not None and may_ask(told, self._node) else None

    def _pause_of(self, service: EntityId) -> float | None:
        if service not in self.inventory.timed:
            return None
        return pause_s(self.inventory.config_of(service), self._replica.get(service))

    def _redistribute(self, replaced: bool = False) -> None:
        self._carry_out(self.watches.redistribute(self._view, self.inventory.placeables.values(), replaced))

    def _answer(self, asked: Asked) -> None:
        """Probe what this node is asked of (U-8); what it probes already begins anew: its first word is told."""
        changed = asked.started | asked.stopped
        if changed:
            wanted = asked.started | (asked.stopped & self.watches.probed())
            self.domains.begin(wanted, at_once=True)
            self._engines.set_probing(off=self.inventory.numbers_of(changed))
            self._engines.set_probing(on=self.inventory.numbers_of(wanted))
            self.domains.end(changed - wanted)

    def _carry_out(self, change: Change) -> None:
        numbers_of = self.inventory.numbers_of
        self.own_health.stopped(change.stopped)
        if change.started or change.stopped:
            self.domains.begin(change.started)
            known = frozenset(service for service in change.started if service in self._replica)
            up = (service for service in known if self._replica.state_of(service) is State.UP)
            self._engines.expect_up(numbers_of(up))
            self._engines.set_probing(
                on=numbers_of(change.started - known), off=numbers_of(change.stopped), resumed=numbers_of(known)
            )
            self.domains.end(change.stopped)
            self.links.ended(change.stopped)
            self.held_reports.forget(change.stopped)
            self.publisher.forget(change.stopped)
        if change.to_claim:
            self.publisher.claim(change.to_claim)

    def _confirm_from_replica(self) -> None:
        """What the replica holds already needs no second claim. A state of an earlier view confirms nothing."""
        heads = ((service, self._replica.order(service)) for service in self.watches.unconfirmed)
        newer = [service for service, order in heads if order is not None and order[0] >= self._view.view_id]
        held = {service: last for service in newer if (last := self._last_state(service))}
        self._carry_out(self.watches.state_applied(held))

    def _last_state(self, service: EntityId) -> LastState | None:
        state = self._replica.get(service)
        return None if state is None else LastState(state.view_id, state.owner)
