"""HTTP-INLINE and TCP-INLINE: passive monitors, which never probe but are told what came of real traffic (M-6, M-13).

Rule: whoever tells gives numbers since it told last, and this says how many of them were successes. For HTTP-INLINE a
response counts by its status against `response_codes`; all but 5xx are successes unless they say otherwise, because
real clients are also redirected and ask for what is not there. For TCP-INLINE any response is a success: the
connection served. One telling counts for at most as many outcomes as the binding looks back at, in the same proportion
and evenly mixed: in which order they came nobody knows, and a thousand successes must not hide the failures between
them, nor three failures among a thousand look like three in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from connectors.engine.binding import ParameterValue
from connectors.probes.kinds import PASSIVE_NAMES
from connectors.probes.outcome import UP, Outcome, down
from schemas.probes import Reason

HTTP_INLINE, TCP_INLINE = "HTTP-INLINE", "TCP-INLINE"


@dataclass(frozen=True, slots=True)
class Statuses:
    """So many responses with a status from `low` to `high`; a proxy that only counts classes says 500 to 599."""

    low: int
    high: int
    count: int

    def __str__(self) -> str:
        return f"{self.low // 100}xx" if self.high > self.low else str(self.low)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What came of real traffic to one service since the last time. `reason` and `detail` are of the failures."""

    successes: int = 0
    failures: int = 0
    reason: Reason = Reason.BAD_RESPONSE
    detail: str = ""
    response_us: int = 0
    statuses: tuple[Statuses, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """The same, judged by a monitor: how many were successes, how many were not, and what the latter are told as."""

    successes: int
    failures: int
    failure: Outcome

    def outcomes(self, most: int) -> Iterator[Outcome]:
        """At most `most` outcomes in the same proportion, evenly mixed."""
        total, failures = self.successes + self.failures, self.failures
        if total > most:
            total, failures = most, (failures * most + total // 2) // total
        for place in range(total):
            failed = (place + 1) * failures // total > place * failures // total
            yield self.failure if failed else UP


@dataclass(frozen=True, slots=True)
class PassiveKind:
    """A row of the table of passive kinds: its name, its parameters' defaults, and how it counts."""

    name: str
    parameters: Mapping[str, ParameterValue]
    tally: Callable[[Mapping[str, object], Traffic], Tally]


def tcp_tally(_settings: Mapping[str, object], traffic: Traffic) -> Tally:
    """Every response stands for a connection that served."""
    responses = sum(status.count for status in traffic.statuses)
    return Tally(traffic.successes + responses, traffic.failures, told_failure(traffic))


def http_tally(settings: Mapping[str, object], traffic: Traffic) -> Tally:
    """Each response by its status. A class counts as a success if one of its codes is expected."""
    ranges = settings["response_codes"]
    assert isinstance(ranges, tuple)
    bad = [one for one in traffic.statuses if not any(low <= one.high and high >= one.low for low, high in ranges)]
    failed = sum(one.count for one in bad)
    good = sum(one.count for one in traffic.statuses) - failed
    failure = told_failure(traffic)
    if failed > traffic.failures:
        most = max(bad, key=lambda one: one.count)
        expected = ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)
        failure = down(Reason.BAD_STATUS, f"real traffic was answered with HTTP {most}, expected {expected}")
    return Tally(traffic.successes + good, traffic.failures + failed, failure)


def told_failure(traffic: Traffic) -> Outcome:
    """A failure in the words of whoever told of it."""
    return down(traffic.reason, traffic.detail or "real traffic failed")


PASSIVE: dict[str, PassiveKind] = {
    kind.name: kind
    for kind in (
        PassiveKind(HTTP_INLINE, {"response_codes": ((100, 499),)}, http_tally),
        PassiveKind(TCP_INLINE, {}, tcp_tally),
    )
}
assert tuple(PASSIVE) == PASSIVE_NAMES, "the names that engines know and the table of passive kinds differ"
