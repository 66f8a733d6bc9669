"""DRTM: a time-out that is learnt from the target's own response times (M-19).

Rule: the first LEARNED_PROBES answers are given `response_timeout` and averaged; from then on the time-out is their
average + `deviation`, and the average follows each further answer by an eighth of the difference, as TCP's round-trip
time does (RFC 6298, section 2). When the target is DOWN, everything is learnt anew. Never longer than `longest_ms`,
for a probe must end before the next one begins. Pure. Why not learn anew at each failure: an answer beyond the learnt
time-out is what this is to notice, and forgetting at the first would give the second one all the time it wants.
"""

from __future__ import annotations

from connectors.engine.binding import Binding
from connectors.probes.outcome import Outcome, down
from schemas.probes import Verdict

LEARNED_PROBES = 5
FOLLOWED_SHARE = 8


def dynamic_timeout(binding: Binding) -> DynamicTimeout | None:
    """The learner of a DRTM binding; None for every other. Its longest is what still ends before the next probe."""
    if not binding.deviation_ms:
        return None
    longest_ms = max(1, binding.interval_ms - 1) if binding.interval_ms else binding.timeout_ms + binding.deviation_ms
    return DynamicTimeout(binding.timeout_ms, binding.deviation_ms, longest_ms)


class DynamicTimeout:
    """The learnt time-out of one binding; `timeout_ms` is what the next probe is given. Mutable, in one engine only."""

    __slots__ = ("_average_us", "_deviation_ms", "_longest_ms", "_response_timeout_ms", "_seen", "timeout_ms")

    def __init__(self, response_timeout_ms: int, deviation_ms: int, longest_ms: int) -> None:
        self._response_timeout_ms = response_timeout_ms
        self._deviation_ms = deviation_ms
        self._longest_ms = longest_ms
        self.forget()

    def forget(self) -> None:
        """Learn from the beginning."""
        self._seen = self._average_us = 0
        self.timeout_ms = self._response_timeout_ms

    def observe(self, verdict: Verdict, response_us: int, is_down: bool) -> int:
        """Take a probe's outcome; `is_down` if failures have made the target DOWN. The time-out from now on, in ms.

        A success without a response time (0) is silence that counts as one, and teaches nothing.
        """
        if is_down:
            self.forget()
        elif verdict is Verdict.UP and response_us:
            self._learn(response_us)
        return self.timeout_ms

    def explained(self, outcome: Outcome) -> Outcome:
        """An overdue probe's outcome, with the time that it was really given, and why; a success stays what it is."""
        if self._seen < LEARNED_PROBES or outcome.verdict is not Verdict.DOWN:
            return outcome
        learnt = f"average of {self._average_us / 1000:.1f} ms + deviation of {self._deviation_ms} ms"
        return down(outcome.reason, f"no answer within the learnt time-out of {self.timeout_ms} ms ({learnt})")

    def _learn(self, response_us: int) -> None:
        self._seen += 1
        share = self._seen if self._seen <= LEARNED_PROBES else FOLLOWED_SHARE
        self._average_us += (response_us - self._average_us) // share
        if self._seen >= LEARNED_PROBES:
            average_ms = -(-self._average_us // 1000)
            self.timeout_ms = min(average_ms + self._deviation_ms, self._longest_ms)
