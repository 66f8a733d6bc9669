"""A piece of the past folded again: do the recorded inputs give the recorded states? (U-1, U-6)

Rule: probe results, configuration and views go through the fold of production in their order, and every state record
that it makes is held against the one in the log. Two inputs of the fold are in no topic, and are taken from the state
records themselves: when a batch was folded (`updated_at_ms`), and that another node, or another assignment, took the
fold over between two batches (it then goes on from the last record, which is tried where going on from memory does not
give the recorded state). Everything else, the state, its weights, view, sequence, bindings and cause, must come out.
Records between two in the log may be missing, for a newer one replaced them before they were sent, or compaction did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import partial

from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import ProbeResults
from schemas.states import ServiceState
from schemas.topics import CONFIG_COMMANDS, PROBE_RESULTS
from streams.answers.history import Told
from streams.answers.placed import Placed, Where
from streams.folding.batch import OneFolder, fold_results
from streams.folding.events import NO_SOURCE, NOT_REPORTED, Reach, ServiceConfig, Source
from streams.folding.facts import Fact, Publish
from streams.folding.service import ServiceFold

TAKEOVERS = 32
"""So many places are tried at which another node may have taken the fold over; mostly it is right before the record."""
LAGS_MS = (100, 0)
"""How long a command may take to the folds; tried one after the other."""


class Outcome(Enum):
    """How a replayed record compares with the recorded one."""

    EQUAL = "equal in every field"
    SAME = "the same state, view and sequence; other fields differ"
    GAP = "records before it are compacted away: taken up from here"
    DIFFERENT = "another state, view or sequence"


@dataclass(frozen=True, slots=True)
class Replayed:
    """One recorded state, what the replay made, and which fields differ. `made` None: it made nothing there."""

    told: Told
    outcome: Outcome
    made: ServiceState | None
    differs: tuple[str, ...]
    taken_over: bool


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What one way of folding on makes of a record, and how to go on from it."""

    made: ServiceState | None
    commit: Callable[[], None] | None
    taken_over: bool


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is folded: batches and configurations in their order, and who owned and was asked in a view.

    A configuration is that of the service from its command on; None: removed.
    """

    entity_id: EntityId
    batches: Sequence[Placed[ProbeResults]]
    configs: Sequence[tuple[Where, ServiceConfig | None]]
    owner_in: Callable[[ViewId], NodeId | None]
    second_in: Callable[[ViewId], NodeId | None]
    of_one_folder: OneFolder = lambda *_: ()
    reach_at: Callable[[int], Reach] = lambda _: NOT_REPORTED
    """What the nodes had reported of their paths by an instant, epoch milliseconds."""


def of_service(results: ProbeResults, entity_id: EntityId) -> ProbeResults | None:
    """What a batch says of one service; None: nothing."""
    runs = tuple(run for run in results.runs if run.service_id == entity_id)
    claims = tuple(claim for claim in results.claims if claim == entity_id)
    said = tuple(one for one in results.resolutions if one.service_id == entity_id)
    return replace(results, runs=runs, claims=claims, resolutions=said) if runs or claims or said else None


def replay(inputs: Inputs, told: Sequence[Told], compacted: bool = False) -> list[Replayed]:
    """Every recorded state behind the first, replayed. The first is where the fold begins, unless it is sequence 1.

    `compacted`: the log has lost records between these, so one that does not come out proves nothing.
    """
    records = [one for one in told if one.record is not None]
    if not records:
        return []
    begins_new = records[0].sequence == 1
    working = _Working(inputs, None if begins_new else records[0], compacted)
    return [working.reach(one) for one in (records if begins_new else records[1:])]


class _Working:
    """The fold under replay, and the inputs that it has not had."""

    def __init__(self, inputs: Inputs, first: Told | None, compacted: bool) -> None:
        self._inputs = inputs
        self._compacted = compacted
        self._batches = [placed for placed in inputs.batches if of_service(placed.record, inputs.entity_id)]
        self._configs = list(inputs.configs)
        self._config: ServiceConfig | None = None
        self._fold = ServiceFold(inputs.entity_id, first.record if first else None)
        self._last = first
        self._made: list[ServiceState] = []
        if first is not None and first.record is not None:
            self._begin(first, first.record)

    def _begin(self, first: Told, record: ServiceState) -> None:
        """What was folded before the first record is not folded again."""
        del self._batches[: self._included(first, record)]
        while self._configs and self._configs[0][0].at_ms <= first.where.at_ms:
            config = self._configs[0][1]
            fold = ServiceFold(self._inputs.entity_id, record)
            if self._config is not None and fold.configured(config, NO_SOURCE, record.updated_at_ms):
                break  # its command was told before the record, and folded after it
            self._config = config
            del self._configs[0]
        self._fold, _ = self._fresh(self._fold, record.updated_at_ms)

    def _fresh(self, before: ServiceFold, now_ms: int) -> tuple[ServiceFold, list[ServiceState]]:
        """The fold as another node begins it: from the last record, under the configuration; and what that tells."""
        fold = ServiceFold(self._inputs.entity_id, before.record)
        if self._config is None:
            return fold, []
        return fold, _published(fold.configured(self._config, NO_SOURCE, now_ms))

    def reach(self, told: Told) -> Replayed:
        """Fold on until the recorded state comes out."""
        record = told.record
        assert record is not None, "only whole records are replayed"
        best = _Attempt(None, None, False)
        for attempt in self._attempts(told, record):
            if _rank(record, attempt.made) < _rank(record, best.made) or best.made is None:
                best = attempt
            if attempt.made == record:
                break
        gone = self._compacted and self._last is not None and record.sequence > self._last.sequence + 1
        outcome = _outcome(record, best.made, gone)
        if outcome is Outcome.EQUAL and best.commit is not None:
            best.commit()
        else:
            self._go_on_from(told, record)
        self._last = told
        return Replayed(told, outcome, best.made, differing(record, best.made), best.taken_over)

    def _attempts(self, told: Told, record: ServiceState) -> Iterator[_Attempt]:
        """What may have made the record, the likeliest first."""
        if self._made:
            yield _Attempt(self._made[0], self._keep_made, False)
        count = self._included(told, record)
        takeovers = [None, *range(count, max(-1, count - TAKEOVERS), -1)]
        for takeover in takeovers:
            for configs in self._commands(told, record):
                for trigger in (_by_batch, _by_nothing, _by_time, _by_second, _by_paths):
                    if trigger is not _by_batch or count:
                        yield self._attempt(record, told, count, configs, trigger, takeover)

    def _attempt(
        self, record: ServiceState, told: Told, count: int, configs: int, trigger: _Trigger, takeover: int | None
    ) -> _Attempt:
        """`takeover`: behind how many of the batches the fold began anew; None: it went on."""
        now_ms, fold, made = record.updated_at_ms, self._fold.copy(), list[ServiceState]()
        batches = self._batches[: count - (trigger is _by_batch)]
        if takeover is not None:
            for placed in batches[:takeover]:
                made += self._feed(fold, placed)
            fold, told_anew = self._fresh(fold, now_ms)
            made += told_anew
        made += self._fed(fold, batches[takeover or 0 :], configs, int(self._by_command(told)), now_ms)
        made += _published(trigger(self, fold, count, now_ms))
        place = next((index for index, one in enumerate(made) if _order(one) == _order(record)), None)
        if place is None:
            return _Attempt(None, None, takeover is not None)
        keep = partial(self._keep, fold, made[place + 1 :], count, configs)
        return _Attempt(made[place], keep, takeover is not None)

    def _commands(self, told: Told, record: ServiceState) -> list[int]:
        """How many of the configurations that are not folded yet may have been by then, the likeliest first."""
        if self._by_command(told):
            return [sum(where.offset <= told.cause.offset for where, _ in self._configs)]
        before = [sum(where.at_ms <= record.updated_at_ms - lag_ms for where, _ in self._configs) for lag_ms in LAGS_MS]
        return list(dict.fromkeys([*before, 0]))

    def _by_command(self, told: Told) -> bool:
        """Whether a command made the record."""
        before = self._last.cause if self._last else None
        return told.cause.topic.endswith(CONFIG_COMMANDS.name) and told.cause != before

    def _included(self, told: Told, record: ServiceState) -> int:
        """How many of the batches were folded by the time the record was made."""
        cause, before = told.cause, self._last.cause if self._last else None
        if cause.topic.endswith(PROBE_RESULTS.name) and (cause != before or told is self._last):
            return sum(placed.where.offset <= cause.offset for placed in self._batches)
        held = {one.monitor_id: one.sequence for one in record.bindings}
        count = 0
        for index, placed in enumerate(self._batches, 1):
            if placed.record.incarnation != record.incarnation or not placed.record.runs:
                continue
            mine = [run for run in placed.record.runs if run.service_id == record.entity_id]
            if not all(run.sequence <= held.get(run.monitor_id, -1) for run in mine):
                break
            count = index
        return count

    def _fed(
        self, fold: ServiceFold, batches: Sequence[Placed[ProbeResults]], configs: int, kept: int, now_ms: int
    ) -> list[ServiceState]:
        """Batches and configurations before the record, in their order; the last `kept` configurations at the end."""
        made: list[ServiceState] = []
        waiting = self._configs[:configs]
        for placed in batches:
            while len(waiting) > kept and waiting[0][0].at_ms <= placed.where.at_ms:
                made += self._configure(fold, waiting.pop(0), now_ms)
            made += self._feed(fold, placed)
        for one in waiting:
            made += self._configure(fold, one, now_ms)
        return made

    def _configure(
        self, fold: ServiceFold, command: tuple[Where, ServiceConfig | None], now_ms: int
    ) -> list[ServiceState]:
        where, config = command
        return _published(fold.configured(config, Source(where.topic, where.partition, where.offset), now_ms))

    def _feed(self, fold: ServiceFold, placed: Placed[ProbeResults]) -> list[ServiceState]:
        """A batch that made no record in the log: for the pacing it came right behind the last record, if it may."""
        quiet_ms = fold.record.updated_at_ms if fold.record else placed.where.at_ms
        loud = bool(_published(self._fold_batch(fold.copy(), placed, quiet_ms)))
        return _published(self._fold_batch(fold, placed, placed.where.at_ms if loud else quiet_ms))

    def _fold_batch(self, fold: ServiceFold, placed: Placed[ProbeResults], now_ms: int) -> Sequence[Fact]:
        inputs = self._inputs
        only = of_service(placed.record, inputs.entity_id)
        assert only is not None, "the others were left out"
        where = placed.where
        return fold_results(
            {inputs.entity_id: fold},
            only,
            Source(where.topic, where.partition, where.offset),
            lambda _, view: inputs.owner_in(view),
            now_ms,
            lambda _, view: inputs.second_in(view),
            inputs.of_one_folder,
        )

    def last_batch(self, fold: ServiceFold, count: int, now_ms: int) -> Sequence[Fact]:
        """The batch that may have made the record."""
        return self._fold_batch(fold, self._batches[count - 1], now_ms)

    def paths(self, fold: ServiceFold, now_ms: int) -> Sequence[Fact]:
        """The nodes' paths as they were reported by then."""
        return fold.paths_changed(self._inputs.reach_at(now_ms), now_ms)

    def _keep(self, fold: ServiceFold, rest: list[ServiceState], batches: int, configs: int) -> None:
        self._fold, self._made = fold, rest
        del self._batches[:batches]
        for _, config in self._configs[:configs]:
            self._config = config
        del self._configs[:configs]

    def _keep_made(self) -> None:
        del self._made[0]

    def _go_on_from(self, told: Told, record: ServiceState) -> None:
        """The replay lost the thread: it takes it up at the recorded state."""
        batches, configs = self._included(told, record), self._commands(told, record)[0]
        self._keep(ServiceFold(self._inputs.entity_id, record), [], batches, configs)
        self._fold, _ = self._fresh(self._fold, record.updated_at_ms)


_Trigger = Callable[[_Working, ServiceFold, int, int], Sequence[Fact]]


def _by_batch(working: _Working, fold: ServiceFold, count: int, now_ms: int) -> Sequence[Fact]:
    return working.last_batch(fold, count, now_ms)


def _by_time(_: _Working, fold: ServiceFold, __: int, now_ms: int) -> Sequence[Fact]:
    return fold.due(now_ms)


def _by_second(_: _Working, fold: ServiceFold, __: int, now_ms: int) -> Sequence[Fact]:
    return fold.look_again(now_ms)


def _by_paths(working: _Working, fold: ServiceFold, _: int, now_ms: int) -> Sequence[Fact]:
    return working.paths(fold, now_ms)


def _by_nothing(_: _Working, __: ServiceFold, ___: int, ____: int) -> Sequence[Fact]:
    return ()


def _published(facts: Sequence[Fact]) -> list[ServiceState]:
    return [fact.state for fact in facts if isinstance(fact, Publish)]


def _order(record: ServiceState) -> tuple[int, int]:
    return record.view_id, record.sequence


def _rank(record: ServiceState, made: ServiceState | None) -> int:
    return list(Outcome).index(_outcome(record, made, gone=False))


def _outcome(record: ServiceState, made: ServiceState | None, gone: bool) -> Outcome:
    if made == record:
        return Outcome.EQUAL
    if made is not None and (made.state, _order(made)) == (record.state, _order(record)):
        return Outcome.SAME
    return Outcome.GAP if gone else Outcome.DIFFERENT


def differing(record: ServiceState, made: ServiceState | None) -> tuple[str, ...]:
    """The names of the fields that differ."""
    if made is None:
        return ()
    return tuple(one.name for one in fields(record) if getattr(record, one.name) != getattr(made, one.name))
