"""A second, deliberately dumb judgement of a binding: lists and counting, one outcome at a time."""

from __future__ import annotations

from schemas.limits import OUTCOMES
from schemas.states import BindingVerdict
from streams.folding.history import Rule


class DumbHistory:
    """Outcomes oldest first, True = failed."""

    def __init__(self) -> None:
        self.state = BindingVerdict.UNKNOWN
        self.outcomes: list[bool] = []

    def push(self, rule: Rule, failed: bool) -> None:
        self.outcomes = [*self.outcomes, failed][-OUTCOMES:]
        failures = sum(self.outcomes[-rule.retries :])
        needed = min(rule.failure_retries, rule.retries) if rule.failure_retries else rule.retries
        newest = self.outcomes[-rule.success_retries :]
        if failed and failures >= needed:
            self.state = BindingVerdict.DOWN
        elif not failed and len(newest) == rule.success_retries and not any(newest):
            if self.state is not BindingVerdict.UP:
                while any(self.outcomes):
                    self.outcomes.pop(0)
            self.state = BindingVerdict.UP
