"""Step 7 of the flow at run time: the folds of the partitions that this node has, and what they say carried out.

Rule: decode, one pure call, store. A fold is made when its service is first spoken of, from the state in the table and
the configuration; after every assignment all are made anew, so that nothing is carried over from before another node
had the partition. A batch made under a view that this node has not read yet waits for the view; a service that the
configuration has not brought yet waits for the configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import replace
from itertools import islice
from typing import Protocol

from structlog import get_logger

from connectors.replica.state_map import StaleRecord
from schemas.codec import decode, encode
from schemas.declaring import Declaration
from schemas.identifiers import EntityId, Partition, partition_of
from schemas.probes import ProbeResults
from schemas.states import PathMonitoring, ServiceState, ServiceTransition
from streams.agents.early import Early
from streams.agents.missed import Missed
from streams.folding.batch import Ask, OneFolder, OwnerOf, fold_results, nobody
from streams.folding.declaring import declaration, is_plain, shown_by
from streams.folding.doubt import wakes_at_ms
from streams.folding.events import NO_SOURCE, NOT_REPORTED, Reach, Sender, ServiceConfig, Source
from streams.folding.facts import BAD_NEWS, Alert, AlertKind, Fact, Late, Publish, Refusal, Refuse, Remove, Transition
from streams.folding.service import ServiceFold

log = get_logger()

MADE_UP_AT_ONCE = 200
"""Of the missed changes so many are looked at in one go: a fold made from its record takes a tenth of a millisecond,
and 70,000 of them would stop the loop for seconds."""

PATHS_AT_ONCE = 100
"""Of the services whose paths changed so many are folded in one go: each makes a record, 7 to 14 ms for all."""

StateOf = Callable[[EntityId], ServiceState | None]
ConfigOf = Callable[[EntityId], ServiceConfig | None]
ReachOf = Callable[[EntityId], Reach]
RootsOf = Callable[[EntityId], Collection[EntityId]]
"""What is DOWN among all that a service depends on, and depends on nothing that is (M-20)."""


def no_roots(_service: EntityId) -> tuple[EntityId, ...]:
    """Where nothing depends on anything."""
    return ()


class HistorySink(Protocol):
    """Where transitions go: the outbox, behind the states."""

    def put_history(self, service: EntityId, transition: bytes) -> None:
        """Queue one line of history."""


class Folds(Mapping[EntityId, ServiceFold]):
    """The folds of this node's partitions. All methods: the loop's thread."""

    def __init__(
        self,
        history: HistorySink,
        config_of: ConfigOf,
        owner_of: OwnerOf,
        now_ms: Callable[[], int],
        ask: Ask = nobody,
        reach_of: ReachOf = lambda _: NOT_REPORTED,
        roots_of: RootsOf = no_roots,
        of_one_folder: OneFolder = lambda *_: (),
    ) -> None:
        self._reach_of = reach_of
        self._rerouted: dict[EntityId, None] = {}
        """Services whose paths are to be looked at again."""
        self._table: MutableMapping[str, bytes] = {}
        self._history = history
        self._config_of = config_of
        self._owner_of = owner_of
        self._ask = ask
        self._roots_of = roots_of
        self._of_one_folder = of_one_folder
        self._now_ms = now_ms
        self._folds: dict[EntityId, ServiceFold] = {}
        self._aside: list[object] = []
        self._forks: set[EntityId] = set()
        """Services of which two nodes told something under one order, and this one has told a later one already."""
        self._early = Early()
        self._missed = Missed()
        self._joined = False
        self._state_of: StateOf = self._decoded
        self._due: dict[EntityId, Source] = {}
        self.partitions: frozenset[Partition] = frozenset()
        self._timed: dict[EntityId, int] = {}
        """When time alone changes a service's state, epoch milliseconds."""
        self._passed_ms = 0
        self._late: set[EntityId] = set()
        """Services with a response time that moved too soon after their last record (L-3)."""
        self.refused: dict[Refusal, int] = dict.fromkeys(Refusal, 0)
        self.alerts: dict[AlertKind, int] = dict.fromkeys(AlertKind, 0)
        self.silenced = 0
        """Alerts not told because something that the service depends on is DOWN, which has its own (M-20)."""
        self.folded_runs = 0
        self.on_alert: Callable[[Alert], object] = _ignore
        """Who tells people of an alert that nothing explains."""

    def use_table(self, table: MutableMapping[str, bytes], state_of: StateOf | None = None) -> None:
        """The table to write to, and who has its states decoded already; a new app brings a new one."""
        self._folds.clear()
        self._table = table
        self._state_of = state_of or self._decoded

    def __getitem__(self, service_id: EntityId) -> ServiceFold:
        fold = self._folds.get(service_id)
        if fold is None:
            fold = self._make(service_id)
        return fold

    def get(self, service_id: EntityId, default: ServiceFold | None = None) -> ServiceFold | None:  # type: ignore[override]
        """The service's fold, made now if need be; None for a service that is not configured here."""
        fold = self._folds.get(service_id)
        if fold is not None:
            return fold
        try:
            return self._make(service_id)
        except KeyError:
            return default

    def __iter__(self) -> Iterator[EntityId]:
        return iter(self._folds)

    def __len__(self) -> int:
        return len(self._folds)

    def assigned(self, partitions: Collection[Partition], timed: Iterable[EntityId] = ()) -> None:
        """These partitions are ours from now on; every fold is made anew from the table.

        `timed` are the services whose state time alone may change. Their folds are made soon, reported of or not: else
        a hold would last until the next report, and the delay of a disabled service for ever.
        """
        self._set_aside()
        self._forks.clear()
        self.partitions = frozenset(partitions)
        self._early.forget_except(self.partitions)
        self._joined = True
        ours = self._missed.pop(self.partitions, self._now_ms())
        kept = {key: source for key, source in self._due.items() if partition_of(key) in self.partitions}
        self._due = kept | ours
        for service_id in timed:
            if service_id not in self._due and partition_of(service_id) in self.partitions:
                self._due[service_id] = NO_SOURCE
        self.make_up()

    def revoked(self) -> None:
        """No partition is ours until the next assignment."""
        self._set_aside()
        self.partitions = frozenset()

    def let_go(self) -> None:
        """Free folds that are none any more: thousands take a while, which a takeover does not have."""
        self._aside.clear()

    def _set_aside(self) -> None:
        self._aside.append(self._folds)
        self._folds = {}

    def make_up(self, limit: int = MADE_UP_AT_ONCE) -> int:
        """Look at some of the changes that were missed without their partition; how many are left."""
        if self.partitions:
            for service_id in list(islice(self._due, limit)):
                self._configure(service_id, self._due.pop(service_id))
        return len(self._due)

    def paths_changed(self, services: Iterable[EntityId]) -> None:
        """The paths to these services are to be looked at again (P-10), a few at a time: see `look_at_paths`."""
        self._rerouted.update(dict.fromkeys([each for each in services if partition_of(each) in self.partitions]))

    def look_at_paths(self, limit: int = PATHS_AT_ONCE) -> int:
        """Fold what the paths to some of these services come to; how many are left.

        Where each node decides for itself a path is no news: no fold is made for it, and one that is there notes it.
        """
        for service_id in list(islice(self._rerouted, limit)):
            del self._rerouted[service_id]
            config = self._config_of(service_id)
            together = config is not None and config.path_monitoring is PathMonitoring.TOGETHER
            fold = self.get(service_id) if together else self._folds.get(service_id)
            if fold is not None:
                self._carry_out(fold.paths_changed(self._reach_of(service_id), self._now_ms()))
        return len(self._rerouted)

    def take(self, results: ProbeResults, source: Source) -> None:
        """Fold one batch, and keep what came too early for the configuration."""
        results = self._declare(results, source)
        try:
            by = self._owner_of, self._now_ms(), self._ask, self._of_one_folder
            facts = fold_results(self, results, source, *by)
            self._carry_out(facts)
        except Exception:  # the folds may be ahead of the table now: they are made anew from it
            resolved = (said.service_id for said in results.resolutions)
            for service_id in (*results.claims, *resolved, *(run.service_id for run in results.runs)):
                self._folds.pop(service_id, None)
            raise
        self.folded_runs += len(results.runs)
        early = {service_id for service_id in _unknown(facts) if partition_of(service_id) in self.partitions}
        if early:
            self._early.keep(early, results, source)

    def _declare(self, results: ProbeResults, source: Source) -> ProbeResults:
        """Tell of claims whose services have nothing else to tell; the batch with what is left to fold.

        Their folds are made soon, anew, and would tell a change of configuration that nobody saw.
        """
        if not results.claims or results.suspect:
            return results
        sender = Sender(results.node_id, results.incarnation, results.view_id, source)
        declared, left = declaration(sender, self._now_ms()), []
        for service_id in results.claims:
            record = self._declared(service_id, declared, sender)
            if record is None:
                left.append(service_id)
            else:
                self._aside.append(self._folds.pop(service_id, None))
                self._table[service_id] = record
                self._due[service_id] = NO_SOURCE
        return replace(results, claims=tuple(left))

    def _declared(self, service_id: EntityId, declared: Declaration, sender: Sender) -> bytes | None:
        config, fold = self._config_of(service_id), self._folds.get(service_id)
        missed = self._due.get(service_id, NO_SOURCE) != NO_SOURCE or not (fold is None or fold.is_told())
        if config is None or missed or not is_plain(config) or partition_of(service_id) not in self.partitions:
            return None
        held = self._table.get(service_id)
        if held is None or self._owner_of(service_id, sender.view_id) != sender.node_id:
            return None
        return declared.of(held, shown_by(config) if fold is None or fold.config is not config else None)

    def configured(self, services: Iterable[EntityId], source: Source) -> None:
        """These services were added, changed or removed."""
        for service_id in services:
            if partition_of(service_id) in self.partitions:
                self._due.pop(service_id, None)
                self._configure(service_id, source)
            elif self._joined:
                self._missed.note(service_id, source, self._now_ms())

    def remove_unconfigured(self, services: Iterable[EntityId]) -> int:
        """Tombstones for states of ours whose service is gone (it was removed while nobody folded); how many."""
        gone = [service for service in services if partition_of(service) in self.partitions]
        for service_id in gone:
            self._folds.pop(service_id, None)
            self._carry_out((Remove(service_id),))
        return len(gone)

    def pass_time(self) -> int:
        """What is due by now is done; how many services that changed. All are looked at if the clock was set back."""
        before_ms, self._passed_ms = self._passed_ms, self._now_ms()
        now_ms = self._passed_ms
        due = [key for key, due_at_ms in self._timed.items() if due_at_ms <= now_ms or now_ms < before_ms]
        changed = 0
        for service_id in due:
            del self._timed[service_id]
            fold = self.get(service_id)
            wakes_ms = None if fold is None else wakes_at_ms(fold)
            if fold is not None and wakes_ms is not None:
                self._timed[service_id] = wakes_ms
                changed += self._look_at_clock(fold, now_ms)
        self._tell_late(now_ms)
        return changed

    def _tell_late(self, now_ms: int) -> None:
        late, self._late = self._late, set()
        for service_id in late:
            fold = self._folds.get(service_id)
            if fold is not None:
                self._carry_out(fold.look_again(now_ms))

    def _look_at_clock(self, fold: ServiceFold, now_ms: int) -> bool:
        """Whether time has changed the service."""
        facts = fold.due(now_ms)
        self._carry_out(facts)
        self._note_time(fold.entity_id, wakes_at_ms(fold))
        return bool(facts)

    def _note_time(self, service_id: EntityId, wakes_ms: int | None) -> None:
        if wakes_ms is not None:
            self._timed[service_id] = wakes_ms
        else:
            self._timed.pop(service_id, None)

    def repair(self, services: Iterable[EntityId]) -> int:
        """Write our last record again where a stale one stands behind it in the log (a woken zombie's); how many."""
        repaired = 0
        for service_id in services:
            held = self._table.get(service_id) if partition_of(service_id) in self.partitions else None
            if held is not None:
                self._table[service_id] = held
                repaired += 1
            elif partition_of(service_id) in self.partitions and self._config_of(service_id) is None:
                del self._table[service_id]
                repaired += 1
        return repaired

    def settle_forks(self, stale: Iterable[StaleRecord]) -> int:
        """Tell anew, under an order above both, what two nodes told under one and the same; how many."""
        settled = 0
        for record in stale:
            fold = self.get(record.entity_id)
            told = None if fold is None else fold.record
            if fold is not None and told is not None and (told.view_id, told.sequence) == record.stored:
                self._carry_out(fold.told_anew(self._now_ms()))
                settled += 1
                log.info("fork settled", service=record.entity_id, order=record.stored)
            elif fold is not None and record.entity_id not in self._forks:
                self._forks.add(record.entity_id)
                order = None if told is None else (told.view_id, told.sequence)
                log.warning("fork not settled", service=record.entity_id, order=record.stored, told=order)
        return settled

    def _make(self, service_id: EntityId, source: Source = NO_SOURCE) -> ServiceFold:
        config = self._config_of(service_id)
        if config is None or partition_of(service_id) not in self.partitions:
            raise KeyError(service_id)
        fold = ServiceFold(service_id, self._state_of(service_id))
        self._folds[service_id] = fold
        self._carry_out(fold.configured(config, source, self._now_ms()))
        self._carry_out(fold.paths_changed(self._reach_of(service_id), self._now_ms()))
        self._look_at_clock(fold, self._now_ms())
        return fold

    def _decoded(self, service_id: EntityId) -> ServiceState | None:
        held = self._table.get(service_id)
        return None if held is None else decode(ServiceState, held)

    def _configure(self, service_id: EntityId, source: Source) -> None:
        config = self._config_of(service_id)
        fold = self._folds.get(service_id)
        if config is None:
            self._early.pop(service_id)
            if fold is not None or service_id in self._table:
                self._folds.pop(service_id, None)
                self._carry_out((Remove(service_id),))
            return
        if fold is None:
            self._make(service_id, source)
        else:
            fold.reach = self._reach_of(service_id)
            self._carry_out(fold.configured(config, source, self._now_ms()))
        for results, early_source in self._early.pop(service_id):
            self.take(results, early_source)

    def _carry_out(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            match fact:
                case Publish(state):
                    self._table[state.entity_id] = encode(state)
                    self._note_time(state.entity_id, wakes_at_ms(state))
                case Transition(transition):
                    self._history.put_history(transition.entity_id, encode(transition))
                    _log_transition(transition)
                case Remove(entity_id):
                    del self._table[entity_id]
                case Alert():
                    self._tell(fact)
                case Late(entity_id):
                    self._late.add(entity_id)
                case Refuse(_, reason, _):
                    self.refused[reason] += 1

    def _tell(self, alert: Alert) -> None:
        roots = self._roots_of(alert.entity_id) if alert.kind in BAD_NEWS else ()
        if roots:
            self.silenced += 1
            log.info("alert explained", kind=alert.kind.value, service=alert.entity_id, roots=list(roots))
            return
        self.alerts[alert.kind] += 1
        log.warning("alert", kind=alert.kind.value, service=alert.entity_id, why=alert.text)
        self.on_alert(alert)


def _ignore(_alert: Alert) -> None:
    """Where nobody is told."""


def _unknown(facts: Iterable[Fact]) -> set[EntityId]:
    return {fact.entity_id for fact in facts if isinstance(fact, Refuse) and fact.reason is Refusal.UNKNOWN_SERVICE}


def _log_transition(transition: ServiceTransition) -> None:
    log.debug(
        "transition",
        service=transition.name,
        before=transition.before.value,
        after=transition.after.value,
        cause=transition.cause.text,
    )
