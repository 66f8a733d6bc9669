"""Engines and targets: who is probed when, and what the target says, as its timeline has it.

Rule: runs and instants are the product's (`RunLength`, `first_due_ms`); only the socket is missing. Engines are
processes of their own: a blocked loop does not stop them, nor need what stops the node; their reports wait. A target
that a node cannot reach times out there and there alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.engine.binding import Binding
from connectors.engine.runs import RunLength, RunReport
from connectors.engine.schedule import FIRST_WITHIN_MS, RESUME_WITHIN_MS, first_due_ms, spread_of
from connectors.probes.outcome import UP, Outcome
from schemas.identifiers import EntityId
from schemas.probes import Reason, Verdict
from tests.simulation.world import Handle, Machine, World

REFUSED = Outcome(Verdict.DOWN, Reason.REFUSED, "connection refused")
TIMEOUT = Outcome(Verdict.DOWN, Reason.TIMEOUT_CONNECT, "no answer")


class Targets:
    """What is true of each target, by its port, and who probes it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.turns: dict[int, list[float]] = defaultdict(list)
        """Instants at which a target turns, in order; it begins UP."""
        self.cut: set[str] = set()
        """Machines that reach no target now."""
        self.probers: dict[EntityId, set[str]] = defaultdict(set)
        self.on_probers: Callable[[EntityId, Machine, bool], None] = lambda *_: None

    def is_up(self, port: int, at_s: float) -> bool:
        return bisect_right(self.turns[port], at_s) % 2 == 0

    def probe(self, machine: Machine, port: int) -> Outcome:
        if machine.name in self.cut:
            self.world.counted["probe cut off"] += 1
            return TIMEOUT
        return UP if self.is_up(port, self.world.now_s) else REFUSED


@dataclass(slots=True)
class _Entry:
    """One binding of the table."""

    binding: Binding
    run: RunLength
    spread: int
    probing: bool = False
    due: Handle | None = None
    downs: int = 0


@dataclass(slots=True)
class _Unsent:
    """Reports of one tick."""

    reports: list[RunReport] = field(default_factory=list)
    asked: bool = False


class EngineProcess:
    """Engines of a machine, as events have them."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def perform(self, handle: Handle) -> None:
        machine = self._machine
        if machine.alive and machine.frozen and not machine.engines_go_on:
            machine.wait(handle)
        elif machine.alive:
            machine.enter(handle.call, *handle.arguments)


class SimEngines:
    """`EnginePool`: the methods that a node calls. `targets`, and `late_s` if its loop is to be slow to come to them,
    are set on the class by the run.
    """

    targets: Targets
    late_s: float = 0.0
    passive: Any = None

    def __init__(
        self, engines: int, on_reports: Callable[[list[RunReport]], None], on_lost: Any, *, targets: Any, scripts: Any
    ) -> None:
        self.machine = Machine.current
        self._process = EngineProcess(self.machine)
        self._on_reports = on_reports
        self._table: dict[int, _Entry] = {}
        self._sequence = 0
        self._runs: dict[tuple[int, int], int] = {}
        """The pool's numbers of runs, by binding and the run within it."""
        self._running = False
        self._unsent = _Unsent()
        self._of_service: dict[EntityId, int] = defaultdict(int)
        self.machine.on_end.append(self._all_off)

    async def start(self) -> None:
        self._running = True
        for entry in self._table.values():
            if entry.probing:
                self._begin(entry, FIRST_WITHIN_MS)

    async def stop(self) -> None:
        self._running = False
        self._all_off()

    def add(self, bindings: Iterable[Binding]) -> None:
        for binding in bindings:
            spread = spread_of(binding.schedule_key)
            run = RunLength(binding.number, binding.window, spread, binding.up_window)
            self._table[binding.number] = _Entry(binding, run, spread)

    def remove(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            entry = self._table.pop(number, None)
            if entry is not None and entry.probing:
                self._switch(entry, False, True)

    def expect_up(self, numbers: Iterable[int]) -> None:
        """Reports go with the next tick here, expected or not."""

    def set_probing(self, on: Iterable[int] = (), off: Iterable[int] = (), resumed: Iterable[int] = ()) -> None:
        for numbers, probing, within_ms in (
            (off, False, 0),
            (on, True, FIRST_WITHIN_MS),
            (resumed, True, RESUME_WITHIN_MS),
        ):
            for number in numbers:
                entry = self._table.get(number)
                if entry is None or entry.probing is probing:
                    continue
                self._switch(entry, probing, False)
                if probing:
                    self._unsent.reports = [one for one in self._unsent.reports if one.number != number]
                if probing and self._running:
                    self._begin(entry, within_ms)

    def _switch(self, entry: _Entry, probing: bool, gone: bool) -> None:
        entry.probing = probing
        if entry.due is not None:
            entry.due.cancel()
            entry.due = None
        if not probing:
            entry.run.interrupt()
        service = entry.binding.service_id
        self._of_service[service] += 1 if probing else -1
        if self._of_service[service] == (1 if probing else 0):
            self._note(service, probing, gone)

    def _note(self, service: EntityId, probing: bool, gone: bool) -> None:
        probers, machine = self.targets.probers[service], self.machine
        if probing:
            probers.add(machine.name)
        else:
            probers.discard(machine.name)
        machine.world.trace(machine.name, f"{'begins' if probing else 'ceases'} to probe {service}")
        self.targets.on_probers(service, machine, gone)

    def _begin(self, entry: _Entry, within_ms: int) -> None:
        world = self.machine.world
        due_ms = first_due_ms(0, entry.binding.interval_ms, entry.spread, within_ms)
        entry.due = world.at(due_ms / 1000, self._probe, entry, machine=self._process)

    def _probe(self, entry: _Entry) -> None:
        binding, machine = entry.binding, self.machine
        outcome = self.targets.probe(machine, binding.port)
        entry.downs = entry.downs + 1 if outcome.verdict is Verdict.DOWN else 0
        reports = entry.run.observe(outcome, 500, machine.now_ms())
        if reports:
            self._report(reports)
        down = binding.down_time_ms > binding.interval_ms and entry.downs >= (binding.down_after or binding.window)
        wait_ms = binding.down_time_ms if down else binding.interval_ms
        entry.due = machine.world.at(wait_ms / 1000, self._probe, entry, machine=self._process)

    def _report(self, reports: list[RunReport]) -> None:
        for report in reports:
            self._sequence += 1
            run = self._runs.setdefault((report.number, report.run), len(self._runs) + 1)
            self._unsent.reports.append(replace(report, sequence=self._sequence, run=run))
        if not self._unsent.asked:
            self._unsent.asked = True
            self.machine.loop.call_soon_threadsafe(self._read)

    def _read(self) -> None:
        """The loop comes to the engines' socket: at once, or after other things where it has slept."""
        if self.late_s:
            self.machine.loop.call_later(self.machine.world.between(0, self.late_s), self._tell)
        else:
            self._tell()

    def _tell(self) -> None:
        reports, self._unsent = self._unsent.reports, _Unsent()
        known = [one for one in reports if (entry := self._table.get(one.number)) is not None and entry.probing]
        if known:
            self._on_reports(known)

    def _all_off(self) -> None:
        self._running = False
        for entry in self._table.values():
            if entry.due is not None:
                entry.due.cancel()
        for service, count in self._of_service.items():
            if count:
                self._of_service[service] = 0
                self._note(service, False, False)
