"""Step 7a: what the last outcomes of one binding say of it, after retries (M-18).

Rule: a failure alone can bring a binding DOWN, and does so when `failure_retries` of the last `retries` outcomes failed
(0 = all of them); a success alone can bring it UP, and does so when the last `success_retries` outcomes all succeeded.
On becoming UP it forgets everything before the successes that made it UP: else "6 of 10" would turn it DOWN again at
the first failure, for failures that were already answered for. On becoming DOWN nothing needs forgetting, because only
the newest successes lead out of it.

Outcomes are bits of one integer, newest in bit 0, 1 = failed, at most 127. So a run of a thousand equal probes is one
shift, and gives exactly what a thousand single pushes give: within a run of failures their number in the window only
grows, and within a run of successes so does the number of the newest ones. Why not a deque: 30 times slower, and it
would have to be turned into bytes for the record anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from schemas.limits import OUTCOMES
from schemas.states import BindingVerdict

ALL_OUTCOMES = (1 << OUTCOMES) - 1

UNKNOWN, UP, DOWN = BindingVerdict.UNKNOWN, BindingVerdict.UP, BindingVerdict.DOWN


@dataclass(frozen=True, slots=True)
class Rule:
    """How many outcomes decide. `retries` 1-127, `failure_retries` 0 (all) to 32, `success_retries` 1-32."""

    retries: int = 3
    failure_retries: int = 0
    success_retries: int = 1
    failures_needed: int = field(init=False, repr=False)
    failure_window: int = field(init=False, repr=False)
    success_window: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "failures_needed", min(self.failure_retries or self.retries, self.retries))
        object.__setattr__(self, "failure_window", (1 << self.retries) - 1)
        object.__setattr__(self, "success_window", (1 << self.success_retries) - 1)


@lru_cache(maxsize=1024)
def rule_of(retries: int, failure_retries: int, success_retries: int) -> Rule:
    """The rule of a binding; most of a hundred thousand bindings share one."""
    return Rule(retries, failure_retries, success_retries)


def push(outcomes: int, held: int, failed: bool, times: int) -> tuple[int, int]:
    """The window after `times` more equal outcomes: (outcomes, how many it holds)."""
    if times >= OUTCOMES:
        return (ALL_OUTCOMES if failed else 0), OUTCOMES
    outcomes <<= times
    if failed:
        outcomes |= (1 << times) - 1
    held += times
    return (outcomes, held) if held <= OUTCOMES else (outcomes & ALL_OUTCOMES, OUTCOMES)


def judge(rule: Rule, state: BindingVerdict, outcomes: int, held: int) -> tuple[BindingVerdict, int, int]:
    """What the window says: (state, outcomes, held). Judging again changes nothing."""
    if not held:
        return state, outcomes, held
    if outcomes & 1:
        if state is not DOWN and (outcomes & rule.failure_window).bit_count() >= rule.failures_needed:
            return DOWN, outcomes, held
    elif state is not UP and held >= rule.success_retries and not outcomes & rule.success_window:
        return UP, 0, newest_successes(outcomes, held)
    return state, outcomes, held


def newest_successes(outcomes: int, held: int) -> int:
    """How many outcomes have succeeded since the last failure."""
    return (outcomes & -outcomes).bit_length() - 1 if outcomes else held


def newest_failures(outcomes: int) -> int:
    """How many outcomes have failed since the last success."""
    return (~outcomes & (outcomes + 1)).bit_length() - 1


def failures(rule: Rule, outcomes: int, held: int) -> tuple[int, int]:
    """(failed, of how many) among the last `retries` outcomes: what a person is told."""
    return (outcomes & rule.failure_window).bit_count(), min(held, rule.retries)


@dataclass(frozen=True, slots=True)
class History:
    """A binding's window and judgement as one value: for back-tests (U-6) and tests. The fold keeps the parts apart."""

    state: BindingVerdict = UNKNOWN
    outcomes: int = 0
    held: int = 0

    def push(self, rule: Rule, failed: bool, times: int = 1) -> History:
        """The history after `times` more equal outcomes, judged."""
        if times <= 0:
            return self
        return History(*judge(rule, self.state, *push(self.outcomes, self.held, failed, times)))
