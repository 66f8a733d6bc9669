"""What one run of a fault came to, and what many runs of it come to together.

Rule: a fault that never took effect is a violation of its own. Seconds are pooled over runs before the percentiles; of
every other figure the row of the fault says what counts: the largest, the smallest, the sum.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Figures = Mapping[str, Callable[[Sequence[float]], float]]
"""Name of a figure -> what counts of all its samples."""

NEVER = "the fault never took effect"


@dataclass(slots=True)
class Tally:
    """One run."""

    effects: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    samples: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def took_effect(self, what: str) -> None:
        """The fault was seen to be there."""
        self.effects.append(what)

    def require(self, held: bool, otherwise: str) -> None:
        """Note a violation unless it held."""
        if not held:
            self.violations.append(otherwise)

    def took(self, seconds: Iterable[float], limit_s: float, what: str) -> None:
        """Note how long it took, and a violation for what took longer than it may."""
        found = list(seconds)
        self.seconds += found
        late = [one for one in found if one > limit_s]
        if late:
            self.violations.append(f"{what}: {len(late)} of {len(found)} over {limit_s:g} s, the worst {max(late):.2f}")

    def note(self, figure: str, value: float) -> None:
        """One sample of a figure."""
        self.samples[figure].append(value)

    def close(self) -> None:
        """The run is over."""
        if not self.effects:
            self.violations.append(NEVER)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile; of few values the 99th is the greatest. None of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def summary(tallies: Sequence[Tally], figures: Figures) -> dict[str, Any]:
    """All runs of one fault, as the JSON object has them."""
    seconds = [one for tally in tallies for one in tally.seconds]
    found: dict[str, Any] = {
        "runs": len(tallies),
        "took_effect": sum(bool(tally.effects) for tally in tallies),
        "violations": sum(len(tally.violations) for tally in tallies),
        "p50_s": rounded(percentile(seconds, 0.5)),
        "p99_s": rounded(percentile(seconds, 0.99)),
    }
    for name, counts in figures.items():
        samples = [one for tally in tallies for one in tally.samples.get(name, ())]
        found[name] = rounded(counts(samples)) if samples else None
    return found


def p99(values: Sequence[float]) -> float:
    """For a table of figures."""
    return percentile(values, 0.99) or 0.0


def rounded(value: float | None) -> float | None:
    """To the millisecond, where it is seconds."""
    return None if value is None else round(value, 3)
