"""Step 6 at run time: whether this node has reason to doubt itself, from its own failures and from what others reach.

Rule: `suspicion` decides; this keeps the failures it decides by, and looks for evidence in what others have told: their
services must be mostly UP, without a doubt, and told by nodes that do not doubt themselves; or they must have a path to
what this node can neither probe nor ping. Quiet times cost nothing:
nothing is counted before three services at two addresses fail. `suspect` is asked as results leave, and is of that
instant. `said`, which the heartbeat tells, needs no evidence, so that where every target dies every node says it and
none is believed; and it stays for a while, so that the nodes asked have time to hear of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from structlog import get_logger

from schemas.identifiers import EntityId, NodeId
from schemas.probes import ProbeRun, Verdict
from schemas.states import ServiceState, State
from streams.folding.weights import SERVING
from streams.node.inventory import Inventory
from streams.node.watches import Watches
from streams.ownership.handover import Duty
from streams.ownership.suspicion import FEWEST_SERVICES, Failing, at_several, is_suspect

log = get_logger()

LOOK_EVERY_S = 0.1
COUNT_EVERY_S = 1.0
"""How old the count of one's own services may be."""
ASK_EVERY_S = 0.25
"""How old what others reach may be: where every target dies, nobody is to doubt itself for long."""
SAMPLE = 200
"""So many services are counted, of own and of others' ones: thousands would hold up the loop."""
SAID_S = 5.0
"""How long the heartbeat goes on to tell of a suspicion: longer than its period, and than an opinion takes."""


class States(Protocol):
    """What the node's replica knows of services."""

    def get(self, entity_id: EntityId) -> ServiceState | None: ...

    def state_of(self, entity_id: EntityId) -> State | None: ...


@dataclass(slots=True)
class _Failure:
    """A service that fails, by these monitors."""

    failing: Failing
    monitors: set[EntityId] = field(default_factory=set)


class OwnHealth:
    """The loop's thread, but for `said`. `suspects()` are the other nodes that say they doubt themselves."""

    def __init__(
        self,
        node: NodeId,
        inventory: Inventory,
        watches: Watches,
        states: States,
        suspects: Callable[[], frozenset[NodeId]],
        on_change: Callable[[], None],
        clock: Callable[[], float],
        only_others_reach: Callable[[EntityId], bool],
    ) -> None:
        self._node = node
        self._inventory = inventory
        self._watches = watches
        self._states = states
        self._suspects = suspects
        self._on_change = on_change
        self._clock = clock
        self._only_others_reach = only_others_reach
        self._failures: dict[EntityId, _Failure] = {}
        self._looked_s = self._counted_s = self._asked_s = float("-inf")
        self._probed: Counter[int] = Counter()
        self._others_reach = False
        self._suspect = False
        self._last_s = float("-inf")
        self.said = False
        """What the heartbeat tells."""

    def reported(self, runs: Iterable[ProbeRun]) -> None:
        """What this node's probes found."""
        for run in runs:
            if run.verdict is Verdict.DOWN:
                self._failed(run)
            elif run.verdict is not Verdict.INCONCLUSIVE and run.service_id in self._failures:
                self._succeeded(run)

    def stopped(self, services: Iterable[EntityId]) -> None:
        """Others own these now."""
        for service in services if self._failures else ():
            self._failures.pop(service, None)

    def states_applied(self, services: Iterable[EntityId]) -> None:
        """What is DOWN for all to see is no reason to doubt oneself."""
        for service in services if self._failures else ():
            if service in self._failures and self._states.state_of(service) not in SERVING:
                del self._failures[service]

    def failing(self) -> frozenset[EntityId]:
        """Services that this node finds failing, and that are not DOWN yet."""
        return frozenset(self._failures)

    def suspect(self) -> bool:
        """Whether this node doubts itself now."""
        if not self._failures and not self._suspect:
            return False
        now_s = self._clock()
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._look(now_s)
        return self._suspect

    def keep_house(self) -> None:
        """What no report brings: the end of a suspicion."""
        if self.said and not self.suspect() and self._clock() - self._last_s >= SAID_S:
            self._say(False)

    def _look(self, now_s: float) -> None:
        reason = self._has_reason(now_s)
        if reason:
            self._last_s = now_s
            if not self.said:
                self._say(True)
        self._suspect = reason and self._reached_by_others(now_s)

    def _say(self, suspect: bool) -> None:
        self.said = suspect
        if suspect:
            log.warning("suspect: most of what this node probes fails", failing=len(self._failures))
        else:
            log.info("no longer suspect", failing=len(self._failures))
        self._on_change()

    def _has_reason(self, now_s: float) -> bool:
        failing = [each.failing for each in self._failures.values()]
        if len(failing) < FEWEST_SERVICES or not at_several(failing):
            return False
        if now_s - self._counted_s >= COUNT_EVERY_S:
            self._counted_s = now_s
            self._probed = self._count_own()
        return is_suspect(self._probed, failing, now_s)

    def _count_own(self) -> Counter[int]:
        """By interval, how many of this node's services are UP, from a sample."""
        owned = self._watches.owned_services
        step = max(1, len(owned) // SAMPLE)
        counted: Counter[int] = Counter()
        for service in islice(owned, 0, None, step):
            if self._states.state_of(service) in SERVING:
                numbers = self._inventory.numbers_of((service,))
                intervals = (self._inventory.numbered[number].binding.interval_ms for number in numbers)
                counted[min(intervals, default=0)] += step if numbers else 0
        return counted

    def _reached_by_others(self, now_s: float) -> bool:
        if now_s - self._asked_s >= ASK_EVERY_S:
            self._asked_s = now_s
            self._others_reach = self._ask_others()
        return self._others_reach

    def _ask_others(self) -> bool:
        """Whether others reach theirs, or ping what this node cannot."""
        return self._ask_states() or self._ask_paths()

    def _ask_paths(self) -> bool:
        """Whether other nodes have a path to most of what fails here, and this one's pings of it fail as well."""
        asked = list(islice(self._failures, SAMPLE))
        return sum(map(self._only_others_reach, asked)) * 2 > len(asked)

    def _ask_states(self) -> bool:
        """Whether the services of nodes that do not doubt themselves are mostly UP, from a sample."""
        unfit = self._suspects() | {self._node, None}
        standings = self._watches.standings
        up = others = 0
        for service, standing in islice(standings.items(), 0, None, max(1, len(standings) // SAMPLE)):
            state = None if standing.owner in unfit else self._states.get(service)
            if state is not None and state.state in (State.UP, State.DOWN) and state.owner not in unfit:
                others += 1
                up += state.state is State.UP and state.doubt is None
        return up * 2 > others

    def _failed(self, run: ProbeRun) -> None:
        known = self._failures.get(run.service_id)
        if known is not None:
            known.monitors.add(run.monitor_id)
            return
        if self._watches.duty(run.service_id) is not Duty.OWN or not self._counts(run):
            return
        if self._states.state_of(run.service_id) in SERVING:
            failing = Failing(self._clock(), run.ip_address or self._address(run))
            self._failures[run.service_id] = _Failure(failing, {run.monitor_id})

    def _succeeded(self, run: ProbeRun) -> None:
        known = self._failures[run.service_id]
        known.monitors.discard(run.monitor_id)
        if not known.monitors:
            del self._failures[run.service_id]

    def _counts(self, run: ProbeRun) -> bool:
        service = self._inventory.services.get(run.service_id)
        return service is not None and any(
            bound.counts and bound.monitor_id == run.monitor_id for bound in service.bindings
        )

    def _address(self, run: ProbeRun) -> str:
        numbered = self._inventory.numbered
        found = (numbered[number].binding for number in self._inventory.numbers_of((run.service_id,)))
        return next((binding.ip for binding in found if binding.monitor_id == run.monitor_id), "")
