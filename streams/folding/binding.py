"""Step 7a at work: one binding of one service inside the fold, and what a reported run changes in it.

Rule: a report is taken once (its sequence is above the last one of that incarnation) and counts for what is new in it:
the same run again counts for the growth of its `count`, a new run for all of it. INCONCLUSIVE runs are shown, never
counted; MAINTENANCE counts as a success, for the target answered, and holds the binding in MAINTENANCE until an UP or
until failures bring it DOWN. Why a mutable object among frozen values: in quiet times a report changes two numbers, and
to build the binding's and the service's values anew for that costs ten times the decision. It never leaves the fold;
what leaves is `view()`, a value.
"""

from __future__ import annotations

from typing import Final

from schemas.identifiers import EntityId
from schemas.limits import DETAIL_CHARACTERS
from schemas.probes import ProbeRun, Reason, Verdict
from schemas.states import NO_NUMBER, BindingState, BindingVerdict, ProbeFailure
from streams.folding.events import BindingConfig
from streams.folding.facts import Alert, AlertKind
from streams.folding.history import failures, judge, newest_failures, push, rule_of

DUPLICATE: Final = 0
"""Taken before; nothing changed."""
COUNTED: Final = 1
"""Numbers grew; nothing that a person would call news."""
SHOWN: Final = 2
"""Another verdict, reason or detail, or an alert, not (yet) another judgement."""
JUDGED: Final = 3
"""Another judgement: the service must be weighed again."""

KEPT_FAILURES: Final = 3
"""The last failures of a binding that its record shows."""

SUCCEEDED, FAILED, ANNOUNCED = Verdict.UP, Verdict.DOWN, Verdict.MAINTENANCE
UNDECIDED = Verdict.INCONCLUSIVE
UP, DOWN, MAINTENANCE = BindingVerdict.UP, BindingVerdict.DOWN, BindingVerdict.MAINTENANCE
"""The same as plain names: looking them up in the class costs 30 ns, several times a report."""


class BindingFold:
    """The working state of one binding."""

    __slots__ = (
        "alert",
        "config",
        "count",
        "detail",
        "failures",
        "held",
        "last_at_ms",
        "load",
        "outcomes",
        "reason",
        "response_time_us",
        "rule",
        "run",
        "sequence",
        "slow",
        "slow_above_us",
        "state",
        "verdict",
    )

    def __init__(self, config: BindingConfig, held: BindingState | None) -> None:
        self.load = held.load if held else None
        self.slow = held.slow if held else False
        self.configure(config)
        self.state = held.state if held else BindingVerdict.UNKNOWN
        self.outcomes = int.from_bytes(held.outcomes, "big") if held else 0
        self.held = held.outcome_count if held else 0
        self.sequence = held.sequence if held else NO_NUMBER
        self.run = held.run if held else NO_NUMBER
        self.count = held.count if held else 0
        self.verdict = held.verdict if held else UNDECIDED
        self.reason = held.reason if held else Reason.UNKNOWN
        self.detail = held.detail if held else ""
        self.response_time_us = held.response_time_us if held else 0
        self.last_at_ms = held.last_at_ms if held else 0
        self.failures = held.failures if held else ()
        self.alert: AlertKind | None = None
        """What the last report that answered SHOWN or JUDGED is to tell people."""

    def configure(self, config: BindingConfig) -> None:
        """The binding under other parameters; `judge_again` says what they make of the outcomes so far."""
        self.config = config
        self.rule = rule_of(config.retries, config.failure_retries, config.success_retries)
        self.slow_above_us = config.slow_above_us
        if not config.slow_above_us:
            self.slow = False
        if not config.measures:
            self.load = None

    def take(self, run: ProbeRun) -> int:
        """Fold one report; answers DUPLICATE, COUNTED, SHOWN or JUDGED."""
        if run.sequence <= self.sequence:
            return DUPLICATE
        self.sequence = run.sequence
        same_run = run.run == self.run
        fresh = run.count - self.count if same_run else run.count
        self.run = run.run
        self.count = run.count
        self.last_at_ms = run.last_at_ms
        verdict = run.verdict
        change = COUNTED
        if verdict is not self.verdict or run.reason is not self.reason or run.detail != self.detail:
            self.verdict, self.reason, self.detail = verdict, run.reason, run.detail
            change = SHOWN
            if verdict is FAILED:
                self._keep_failure(run, same_run)
        if verdict is SUCCEEDED:
            self.response_time_us = run.response_avg_us
            if run.load is not None and self.config.measures:
                self.load = run.load
            if self.slow_above_us and self._slowness_changed():
                change = SHOWN
        elif verdict is UNDECIDED:
            return change
        if fresh > 0:
            failed = verdict is FAILED
            self.outcomes, self.held = push(self.outcomes, self.held, failed, fresh)
            if failed and self.config.alert_retries and self._failures_reached(fresh):
                change = SHOWN
            if self.judge_again():
                change = JUDGED
                if self.state is DOWN:
                    self.load = None
        return change

    def take_alert(self) -> AlertKind | None:
        """The alert that is to be told, once."""
        alert, self.alert = self.alert, None
        return alert

    def _keep_failure(self, run: ProbeRun, same_run: bool) -> None:
        """Within one run only the detail is news: the failure is the same one."""
        kept = self.failures[:-1] if same_run and self.failures else self.failures[1 - KEPT_FAILURES :]
        self.failures = (*kept, ProbeFailure(run.first_at_ms, run.reason, run.detail[:DETAIL_CHARACTERS]))

    def _slowness_changed(self) -> bool:
        slow = self.response_time_us > self.slow_above_us
        if slow is self.slow:
            return False
        self.slow = slow
        self.alert = AlertKind.RESPONSE_SLOW if slow else AlertKind.RESPONSE_IN_TIME
        return True

    def _failures_reached(self, fresh: int) -> bool:
        """Whether the last `fresh` failures made `alert_retries` in a row."""
        failed = newest_failures(self.outcomes)
        reached = failed - fresh < self.config.alert_retries <= failed
        if reached:
            self.alert = AlertKind.PROBES_FAILED
        return reached

    def judge_again(self) -> bool:
        """Judge the outcomes so far; whether the judgement changed."""
        before = self.state
        if before is MAINTENANCE or self.verdict is ANNOUNCED:
            return self._judge_in_maintenance()
        self.state, self.outcomes, self.held = judge(self.rule, before, self.outcomes, self.held)
        return self.state is not before

    def _judge_in_maintenance(self) -> bool:
        """As if UP, and not UP before an UP came: a failure among announcements is one failure, not the end of them."""
        before = self.state
        was_up = before is MAINTENANCE
        state, self.outcomes, self.held = judge(self.rule, UP if was_up else before, self.outcomes, self.held)
        announced = self.verdict is ANNOUNCED or (was_up and self.verdict is not SUCCEEDED)
        self.state = MAINTENANCE if announced and state is UP else state
        return self.state is not before

    def is_told(self, held: BindingState) -> bool:
        """Whether one made of what a record holds would judge all to come as this one does."""
        state, outcomes = self.state, int.from_bytes(held.outcomes, "big")
        if state is not held.state:
            return False
        if state is UP:
            return outcomes == self.outcomes
        return state is DOWN and bool(outcomes & self.outcomes & 1)  # only successes lead out, and none has come

    def meet_incarnation(self) -> None:
        """Another incarnation reports from now on: its sequences and runs have nothing to do with the last one's."""
        self.sequence = self.run = NO_NUMBER
        self.count = 0

    def forget_outcomes(self) -> None:
        """The target is another one: its judgement stands until its own outcomes decide."""
        self.outcomes = self.held = 0

    def forget(self) -> None:
        """Nothing is known any more, as when the service comes back into service. Numbers of reports stay."""
        self.forget_outcomes()
        self.state = BindingVerdict.UNKNOWN
        self.verdict, self.reason, self.detail = UNDECIDED, Reason.UNKNOWN, ""
        self.load = None

    def unresolved(self, reason: Reason, detail: str, at_ms: int) -> None:
        """There is no address to probe: shown as a probe that could not be made."""
        self.verdict, self.reason, self.detail = Verdict.INCONCLUSIVE, reason, detail
        self.last_at_ms = at_ms

    def cause_text(self) -> str:
        """Such as `http-web: HTTP 503, expected 200 (3 of 3 probes failed)`."""
        name = self.config.monitor_name or self.config.monitor_id
        what = (self.detail or self.reason.value)[:DETAIL_CHARACTERS]
        failed, probes = failures(self.rule, self.outcomes, self.held)
        if self.verdict is ANNOUNCED:
            return f"{name}: {what}"
        if self.verdict is SUCCEEDED:
            return f"{name}: {what} ({probes - failed} of {probes} probes succeeded)"
        return f"{name}: {what} ({failed} of {probes} probes failed)"

    def alerts(self, service_id: EntityId) -> tuple[Alert, ...]:
        """What there is to tell people of this binding; one that does not count tells nothing."""
        kind = self.take_alert()
        if kind is None or not self.config.counts:
            return ()
        return (Alert(service_id, self.config.monitor_id, kind, self.alert_text(kind), self.last_at_ms),)

    def alert_text(self, kind: AlertKind) -> str:
        """Such as `http-web: HTTP 503, expected 200 (5 probes failed in a row)`."""
        name = self.config.monitor_name or self.config.monitor_id
        if kind is AlertKind.PROBES_FAILED:
            what = (self.detail or self.reason.value)[:DETAIL_CHARACTERS]
            return f"{name}: {what} ({newest_failures(self.outcomes)} probes failed in a row)"
        side = "above" if kind is AlertKind.RESPONSE_SLOW else "no longer above"
        return f"{name}: response time {self.response_time_us / 1000:g} ms, {side} {self.slow_above_us / 1000:g} ms"

    def view(self) -> BindingState:
        """The binding as a value, for the record."""
        outcomes = self.outcomes
        return BindingState(
            self.config.monitor_id,
            self.state,
            outcomes.to_bytes((outcomes.bit_length() + 7) // 8, "big"),
            self.held,
            self.sequence,
            self.run,
            self.count,
            self.verdict,
            self.reason,
            self.detail,
            self.response_time_us,
            self.last_at_ms,
            self.failures,
            self.slow,
            self.config.counts,
            self.load,
        )


def new_bindings(
    configs: tuple[BindingConfig, ...], before: dict[EntityId, BindingFold], held: dict[EntityId, BindingState]
) -> dict[EntityId, BindingFold]:
    """The bindings as configured now: kept where they were, from the record where it has them, else new."""
    after: dict[EntityId, BindingFold] = {}
    for config in configs:
        binding = before.get(config.monitor_id)
        if binding is None:
            binding = BindingFold(config, held.get(config.monitor_id))
        elif binding.config != config:
            binding.configure(config)
        after[config.monitor_id] = binding
    return after
