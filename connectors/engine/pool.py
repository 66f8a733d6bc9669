"""All engines of a node, as the node drives them: one table in, run reports out.

Rule (C-1, C-5, C-12, C-15): this is the node's monitoring master, which collects from the engines and pushes to them.
The source gives that part to engine 0; here it is the node's process, for there the log is, and it outlives any engine;
IPv6 targets stay with engine 0 (C-3). Every engine is sent the whole table, and each finds its own share; so when one
dies or hangs, the others are told who lives, and take its bindings over by the same rule, without a copy. The lost one
is started again later and takes its share back. Reports are numbered here and nowhere else: a binding that moves
between engines keeps one growing sequence and one growing run, whatever each engine counted for itself.
Engines go on while the node's process stands still. So what begins anew begins behind a mark that engines send back:
what was found before it, and is read only now, is nobody's business any more.
Everything runs in the node's asyncio loop, and nothing here blocks it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from functools import partial
from math import inf
from pathlib import Path

from connectors.engine import frames
from connectors.engine.binding import Binding
from connectors.engine.frames import FrameKind
from connectors.engine.limits import EngineLimits
from connectors.engine.passive import PassiveFeed
from connectors.engine.process import EngineProcess
from connectors.engine.runs import RunReport
from connectors.engine.statistics import EngineStatistics
from connectors.engine.tasks import TaskProber
from connectors.probes.policy import NO_RULES, TargetPolicy
from connectors.probes.task_kinds import task_kinds

SILENT_S = 3.0
"""An engine speaks each second; after this long without a word it is taken for stuck, and killed."""

WATCH_S = 0.5
"""How often silence is looked for."""

RESTART_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""How long to wait before a lost engine is started again, by how often it was lost in a row."""

STEADY_S = 60.0
"""An engine that lived this long begins again with the shortest wait."""

FIRST_WORD_S = 30.0
"""A new engine says nothing while it loads itself: under a second, or many of a machine that has no processor to spare,
where killing it and starting another would make that worse.
"""

READY_S = 60.0
"""All engines must have spoken within this time of the pool's start."""


class EnginePool:
    """The engines of a node. Use it from the node's asyncio loop only.

    `on_reports(reports)` is called for each batch, oldest first; `on_engine_lost(engine, why)` when one died or hung.
    `targets` are the rules of what may be probed; an engine has them before its first binding.
    `scripts` is the folder of scripts that USER monitors may name; None: they are off.
    """

    def __init__(
        self,
        engines: int,
        on_reports: Callable[[list[RunReport]], None],
        on_engine_lost: Callable[[int, str], None] | None = None,
        limits: EngineLimits | None = None,
        targets: TargetPolicy = NO_RULES,
        scripts: Path | None = None,
    ) -> None:
        if engines < 1:
            raise ValueError(f"{engines} engines cannot probe anything: give at least 1")
        self.engines = engines
        self.statistics: dict[int, EngineStatistics] = {}
        """What each living engine last said of itself, once a second."""
        self._on_reports = on_reports
        self._on_engine_lost = on_engine_lost
        self._limits = limits or EngineLimits()
        self._targets = targets
        self.tasks = TaskProber(task_kinds(scripts), partial(self._report, os.getpid()))
        """Probes the kinds that no engine does, in this process."""
        self.passive = PassiveFeed(partial(self._report, os.getpid()))
        """Is told what came of real traffic, for the kinds that nobody probes."""
        self._living: dict[int, EngineProcess] = {}
        self._bindings: dict[int, Binding] = {}
        self._mark = 0
        self._probing: dict[int, int] = {}
        """Bindings that engines probe: the mark sent before each was begun."""
        self._stamps: dict[int, tuple[int, int, int]] = {}
        """By binding: the pid and run an engine last reported, and the run as numbered here."""
        self._sequence = self._runs = 0
        """Both grow for the pool's life: a replaced binding has a new number, and must not begin again at 1."""
        self._losses: dict[int, int] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._ready = asyncio.Event()
        self._watched_s = 0.0

    @property
    def alive(self) -> list[int]:
        """The engines that live and have spoken, ascending."""
        return sorted(self._living.keys() & self.statistics.keys())

    @property
    def pids(self) -> dict[int, int]:
        """The process id of each living engine."""
        return {index: engine.pid for index, engine in sorted(self._living.items())}

    async def start(self) -> None:
        """Start every engine and wait until all have spoken. Raises TimeoutError, with none left running, if not."""
        for index in range(self.engines):
            self._launch(index)
        self._watched_s = asyncio.get_running_loop().time()
        self._later(WATCH_S, self._watch)
        try:
            async with asyncio.timeout(READY_S):
                await self._ready.wait()
        except TimeoutError as error:
            missing = sorted(set(range(self.engines)) - set(self.statistics))
            await self.stop()
            raise TimeoutError(f"engines {missing} did not start within {READY_S:g} s: see their stderr") from error

    async def stop(self) -> None:
        """End every engine. Nothing is reported after this."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for engine in self._living.values():
            engine.kill()
        self._living.clear()
        await self.tasks.stop()
        await self.passive.stop()

    def add(self, bindings: Iterable[Binding]) -> None:
        """Add or replace bindings in every engine's table. A new one is not probed until `set_probing`.

        Engines are sent those of task and passive kinds too (C-1), but never told to probe them.
        """
        rows = list(bindings)
        self._bindings.update((binding.number, binding) for binding in rows)
        self.tasks.add(rows)
        self.passive.add(rows)
        self._tell(frames.encode_bindings(rows))

    def remove(self, numbers: Iterable[int]) -> None:
        """Drop bindings. Give their numbers to no other: a report of the old one may still be on its way."""
        gone = [number for number in numbers if self._bindings.pop(number, None) is not None]
        for number in gone:
            self._stamps.pop(number, None)
            self._probing.pop(number, None)
        self.tasks.remove(gone)
        self.passive.remove(gone)
        self._tell(frames.encode_numbers(FrameKind.REMOVE, gone))

    def set_probing(self, on: Iterable[int] = (), off: Iterable[int] = (), resumed: Iterable[int] = ()) -> None:
        """Begin and cease to probe bindings (M-14); what already is as asked goes on undisturbed. Of what
        ceases nothing more is reported, and of what begins nothing that was found before.

        `resumed` begin too, but another node has just probed them: their first probes spread over up to 10 s.
        """
        on, off, resumed = list(on), list(off), list(resumed)
        self.tasks.set_probing(on, off, resumed)
        self.passive.set_probing(on, off, resumed)
        begin, cease, resume = self._engines_own(on), self._engines_own(off), self._engines_own(resumed)
        for number in cease:
            self._probing.pop(number, None)
        if cease:
            self._tell(frames.encode_numbers(FrameKind.PROBE_OFF, cease))
        begun = {*begin, *resume} - self._probing.keys()
        if begun:
            self._mark += 1
            self._probing.update(dict.fromkeys(begun, self._mark))
            self._tell(frames.encode_numbers(FrameKind.MARK, [self._mark]))
        if begin:
            self._tell(frames.encode_numbers(FrameKind.PROBE_ON, begin))
        if resume:
            self._tell(frames.encode_numbers(FrameKind.PROBE_RESUME, resume))

    def expect_up(self, numbers: Iterable[int]) -> None:
        """What is begun next is known to succeed: it is told soon if it does not, and in its time if it does."""
        ours = self._engines_own(list(numbers))
        if ours:
            self._tell(frames.encode_numbers(FrameKind.EXPECT_UP, ours))

    def _engines_own(self, numbers: list[int]) -> list[int]:
        ours, tasks, passive = self._bindings, self.tasks, self.passive
        return [number for number in numbers if number in ours and number not in tasks and number not in passive]

    def _tell(self, data: bytes) -> None:
        for engine in list(self._living.values()):
            engine.send(data)

    def _launch(self, index: int) -> None:
        """Start an engine with the whole table. It gets its share when it has spoken: nothing waits for it."""
        engine = EngineProcess(index, self.engines, self._limits.open_sockets, self._heard, self._lost)
        self._living[index] = engine
        engine.marked = self._mark
        engine.send(frames.encode_targets(self._targets))
        engine.send(frames.encode_bindings(list(self._bindings.values())))
        engine.send(frames.encode_numbers(FrameKind.PROBE_ON, self._probing))

    def _heard(self, engine: EngineProcess, kind: FrameKind, body: bytes) -> None:
        if kind is FrameKind.REPORTS:
            self._report(engine.pid, self._since_begun(engine.marked, frames.decode_reports(body)))
            return
        if kind is FrameKind.MARK:
            (engine.marked,) = frames.decode_numbers(body)
            return
        first = engine.index not in self.statistics
        self.statistics[engine.index] = frames.decode_statistics(body)
        if first and len(self.statistics) == self.engines:
            self._ready.set()
        if first and self._ready.is_set():
            self._share_out()

    def _report(self, pid: int, reports: list[RunReport]) -> None:
        """Hand on what an engine, or this process itself, says of bindings that are still there."""
        known = [self._stamp(pid, report) for report in reports if report.number in self._bindings]
        if known:
            self._on_reports(known)

    def _since_begun(self, marked: int, reports: list[RunReport]) -> list[RunReport]:
        """Those of bindings that are probed, found after they were last begun, by an engine that sent this mark."""
        begun = self._probing
        return [one for one in reports if begun.get(one.number, inf) <= marked]

    def _share_out(self) -> None:
        """Tell every engine who lives."""
        self._tell(frames.encode_numbers(FrameKind.ALIVE, self.alive))

    def _stamp(self, pid: int, report: RunReport) -> RunReport:
        """The report with the pool's numbers: another engine's run, or another run, is a new run here."""
        known_pid, known_run, run = self._stamps.get(report.number, (0, 0, 0))
        if (pid, report.run) != (known_pid, known_run):
            self._runs += 1
            run = self._runs
            self._stamps[report.number] = (pid, report.run, run)
        self._sequence += 1
        return RunReport(
            report.number,
            self._sequence,
            run,
            report.verdict,
            report.reason,
            report.detail,
            report.first_at_ms,
            report.last_at_ms,
            report.count,
            report.response_min_us,
            report.response_avg_us,
            report.response_max_us,
            report.load,
            report.mss,
        )

    def _lost(self, engine: EngineProcess, why: str) -> None:
        """An engine is gone: the others take over, and it is started again later."""
        if self._living.get(engine.index) is not engine:
            return
        engine.kill()
        del self._living[engine.index]
        self.statistics.pop(engine.index, None)
        if self._ready.is_set():
            self._share_out()
        self._launch_later(engine.index, asyncio.get_running_loop().time() - engine.started_s, why)

    def _launch_later(self, index: int, lived_s: float, why: str) -> None:
        losses = 0 if lived_s > STEADY_S else self._losses.get(index, 0)
        self._losses[index] = losses + 1
        self._later(RESTART_S[min(losses, len(RESTART_S) - 1)], lambda: self._launch_again(index))
        if self._on_engine_lost is not None:
            self._on_engine_lost(index, why)

    def _launch_again(self, index: int) -> None:
        """Start a lost engine; where the system gives no process or descriptor now, later."""
        try:
            self._launch(index)
        except OSError as error:
            self._launch_later(index, 0.0, f"it cannot be started: {error.strerror}")

    def _watch(self) -> None:
        """Look for silent engines, unless this loop itself was held up: then what they said is only now being read."""
        now_s = asyncio.get_running_loop().time()
        held_up = now_s - self._watched_s > WATCH_S + 1
        self._watched_s = now_s
        if not held_up:
            for engine in list(self._living.values()):
                most_s = SILENT_S if engine.index in self.statistics else FIRST_WORD_S
                if now_s - engine.heard_s > most_s:
                    self._lost(engine, f"it was silent for {most_s:g} s")
        self._later(WATCH_S, self._watch)

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Call once after a delay, unless the pool is stopped before."""

        def act() -> None:
            self._timers.discard(timer)
            action()

        timer = asyncio.get_running_loop().call_later(delay_s, act)
        self._timers.add(timer)
