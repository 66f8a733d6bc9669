"""Recorded probes through other retries and thresholds (U-6): which outages would have been, and how much later.

Rule: the recorded probes go twice, one by one, through the fold of production: as it was configured, and as asked. The
first time is the proof: it must give the outages that were really told. What the log cannot know is said of each line:
a DOWN service is probed only once in its `down_time`, so what asks for more failures than the recorded settings did is
found too late here, or not at all. Second opinions and changes of address are not replayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import ProbeRun
from schemas.states import ServiceState, State
from streams.answers.probes_then import Probe
from streams.folding.doubt import wakes_at_ms
from streams.folding.events import NO_SOURCE, Sender, ServiceConfig
from streams.folding.service import ServiceFold

REPLAYED = ("retries", "failure_retries", "success_retries", "threshold", "flap_changes", "flap_window")
"""What the fold decides by. Every other setting changes what is probed, and the log has no such probes."""

PROVEN_MS = 1_000
"""A batch with several runs is told at its last one's time, the replay takes them one by one."""

NODE, INCARNATION = NodeId("replay"), "replay"


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in state DOWN, epoch milliseconds; `to_ms` None: it lasted to the end."""

    from_ms: int
    to_ms: int | None

    def meets(self, other: Outage) -> bool:
        """Whether the two have an instant in common."""
        ends, others = self.to_ms, other.to_ms
        return (others is None or self.from_ms <= others) and (ends is None or other.from_ms <= ends)


@dataclass(frozen=True, slots=True)
class Compared:
    """An outage with the recorded settings, and what it becomes with the others; `found` None: it is not noticed.

    `sure` is off where the answer rests on probes that were not made.
    """

    recorded: Outage
    found: Outage | None
    sure: bool

    @property
    def later_ms(self) -> int | None:
        """How much later it is noticed."""
        return None if self.found is None else self.found.from_ms - self.recorded.from_ms


@dataclass(frozen=True, slots=True)
class Configured:
    """A service as configured from an instant on, as it was and as asked; None: it was not there."""

    from_ms: int
    recorded: ServiceConfig | None
    asked: ServiceConfig | None


@dataclass(frozen=True, slots=True)
class Backtest:
    """`proven` of the `told` outages came out again, within a second; `added` come with the other settings."""

    probes: int
    placed: int
    outages: tuple[Compared, ...]
    added: tuple[Outage, ...]
    told: int
    proven: int

    @property
    def avoided(self) -> tuple[Compared, ...]:
        """Outages that are not noticed with the other settings."""
        return tuple(one for one in self.outages if one.found is None)


def backtest(
    probes: Sequence[Probe],
    configs: Sequence[Configured],
    before: ServiceState | None,
    told: Sequence[Outage],
    down_times_ms: dict[EntityId, int],
    from_ms: int = 0,
) -> Backtest:
    """Both replays, and their comparison. `before` is the record at the beginning, `told` the outages in the log,
    `down_times_ms` by monitor how long it is not probed after a DOWN, where that is longer than its interval. Outages
    that ended before `from_ms` are left out.
    """
    recorded = outages_of(probes, [(one.from_ms, one.recorded) for one in configs], before, from_ms)
    asked = outages_of(probes, [(one.from_ms, one.asked) for one in configs], before, from_ms)
    return Backtest(
        probes=len(probes),
        placed=sum(probe.placed for probe in probes),
        outages=tuple(_compared(one, asked, bool(down_times_ms)) for one in recorded),
        added=tuple(one for one in asked if not any(one.meets(other) for other in recorded)),
        told=len(told),
        proven=sum(any(abs(one.from_ms - real.from_ms) < PROVEN_MS for one in recorded) for real in told),
    )


def _compared(recorded: Outage, asked: Sequence[Outage], paused: bool) -> Compared:
    found = next((one for one in asked if one.meets(recorded)), None)
    same = found is not None and found.from_ms <= recorded.from_ms
    return Compared(recorded, found, same or not paused)


def outages_of(
    probes: Iterable[Probe],
    configs: Iterable[tuple[int, ServiceConfig | None]],
    before: ServiceState | None,
    from_ms: int = 0,
) -> list[Outage]:
    """The outages that a fold tells which gets these probes one by one under these configurations."""
    replay = _Replay(before)
    events = sorted(
        [*((at_ms, 0, config) for at_ms, config in configs), *((one.at_ms, 1, one) for one in probes)], key=_order
    )
    for at_ms, _, event in events:
        replay.pass_time(at_ms)
        if isinstance(event, Probe):
            replay.probe(event)
        else:
            replay.configure(event, at_ms)
    return [one for one in outages_in(replay.changes) if one.to_ms is None or one.to_ms >= from_ms]


def _order(event: tuple[int, int, object]) -> tuple[int, int]:
    return event[0], event[1]


class _Replay:
    """A fold, and when its state changed."""

    def __init__(self, before: ServiceState | None) -> None:
        self._before = before
        self._fold: ServiceFold | None = None
        self._reports = 0
        self._view = before.view_id if before else ViewId(0)
        self.changes: list[tuple[int, State]] = [(0, before.state)] if before else []

    def configure(self, config: ServiceConfig | None, at_ms: int) -> None:
        """The configuration from now on."""
        if config is None:
            self._fold = self._before = None
        else:
            if self._fold is None:
                record = replace(self._before, doubt=None) if self._before else None
                self._fold = ServiceFold(config.entity_id, record)
            self._fold.configured(config, NO_SOURCE, at_ms)
        self._note(at_ms)

    def probe(self, probe: Probe) -> None:
        """One probe, as a run of its own."""
        if self._fold is None:
            return
        self._reports += 1
        times = (probe.response_us,) * 3
        run = ProbeRun(
            self._fold.entity_id,
            probe.monitor_id,
            self._reports,
            self._reports,
            probe.verdict,
            probe.reason,
            probe.detail,
            probe.at_ms,
            probe.at_ms,
            1,
            *times,
            "",
            probe.load,
        )
        self._fold.reported(Sender(NODE, INCARNATION, self._view), NODE, (run,), probe.at_ms)
        self._note(probe.at_ms)

    def pass_time(self, at_ms: int) -> None:
        """What time alone changes before an instant."""
        while self._fold is not None:
            due_ms = wakes_at_ms(self._fold)
            if due_ms is None or due_ms > at_ms or not self._fold.due(due_ms):
                return
            self._note(due_ms)

    def _note(self, at_ms: int) -> None:
        record = self._fold.record if self._fold else None
        state = record.state if record else State.UNKNOWN
        if not self.changes or self.changes[-1][1] is not state:
            self.changes.append((at_ms, state))


def outages_in(changes: Sequence[tuple[int, State]]) -> list[Outage]:
    """The times in state DOWN, from (since when, state) pairs."""
    ends: list[int | None] = [*(at_ms for at_ms, _ in changes[1:]), None]
    return [Outage(at_ms, end_ms) for (at_ms, state), end_ms in zip(changes, ends, strict=False) if state is State.DOWN]
