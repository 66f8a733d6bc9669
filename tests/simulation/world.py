"""Simulated time: one queue of events, one source of chance, and machines on which processes run, stop and end.

Rule: an event belongs to a machine or to nobody. What belongs to a machine that is stopped (SIGSTOP) waits until it
goes on, in order; what belongs to one that ended is dropped. A machine has threads and one event loop: a blocked loop
holds up the loop's events alone. Each machine has an asyncio loop of its own, whose time is this queue, so the
product's coroutines run as they are. Nothing here reads a clock, a salted hash or another generator.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from asyncio import events
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

EPOCH_MS = 1_700_000_000_000
POLL_S = 0.005


class Handle:
    """An event in the queue."""

    __slots__ = ("arguments", "at_s", "call", "dropped", "machine", "on_loop")

    def __init__(
        self, at_s: float, machine: Process | None, on_loop: bool, call: Callable[..., Any], arguments: Any
    ) -> None:
        self.at_s, self.machine, self.on_loop, self.call, self.arguments = at_s, machine, on_loop, call, arguments
        self.dropped = False

    def cancel(self) -> None:
        self.dropped = True

    def cancelled(self) -> bool:
        return self.dropped


class Process(Protocol):
    """What an event may belong to."""

    def perform(self, handle: Handle) -> None: ...


class World:
    """The queue. `now_s` is the true time; `counted` counts what happened, faults above all."""

    def __init__(self, seed: int, traced: bool = False) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.now_s = 0.0
        self.events = 0
        self.counted: Counter[str] = Counter()
        self.traced = traced
        self.lines: list[str] = []
        self.broken: list[str] = []
        """What failed in the product's own code: an exception that nobody took."""
        self._queue: list[tuple[float, int, Handle]] = []
        self._number = 0

    def at(self, delay_s: float, call: Callable[..., Any], *arguments: Any, machine: Process | None = None) -> Handle:
        """An event in a while, on a machine's threads or on nobody's."""
        handle = Handle(self.now_s + delay_s, machine, False, call, arguments)
        self.push(handle)
        return handle

    def push(self, handle: Handle) -> None:
        self._number += 1
        heapq.heappush(self._queue, (handle.at_s, self._number, handle))

    def between(self, low: float, high: float) -> float:
        """A number by chance."""
        return low + (high - low) * self.random.random()

    def chance(self, likelihood: float) -> bool:
        return self.random.random() < likelihood

    def run(self, until_s: float) -> None:
        """Everything that happens until then."""
        try:
            self._run(until_s)
        finally:
            Machine.current = None  # type: ignore[assignment]
            events._set_running_loop(None)

    def _run(self, until_s: float) -> None:
        queue, pop = self._queue, heapq.heappop
        while queue and queue[0][0] <= until_s:
            at_s, _, handle = pop(queue)
            if handle.dropped:
                continue
            if at_s > self.now_s:
                self.now_s = at_s
            self.events += 1
            machine = handle.machine
            if machine is None:
                handle.call(*handle.arguments)
            else:
                machine.perform(handle)
        self.now_s = until_s

    def trace(self, who: str, text: str) -> None:
        """A line for people."""
        if self.traced:
            self.lines.append(f"{self.now_s:9.4f}  {who:<6} {text}")


class Machine:
    """One process: its loop, its threads, its clocks, and whether it runs."""

    current: Machine = None  # type: ignore[assignment]
    """Whose code runs now."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.alive, self.frozen, self.blocked = True, False, False
        self.wall_offset_ms = 0
        self.boot_offset_s = world.between(10, 1000)
        self.slept_s = 0.0
        """How long the machine was suspended: monotonic time stands still then."""
        self.frozen_count = 0
        self.engines_go_on = False
        """While it is stopped: its engines are processes of their own."""
        self.replay_s = 0.0
        """How long a fetch of the replay takes besides."""
        self.loop = SimLoop(self)
        self.on_end: list[Callable[[], None]] = []
        self.apps: list[Any] = []
        """Faust apps that are members of the group, or want to be."""
        self._waiting: list[Handle] = []

    def perform(self, handle: Handle) -> None:
        """Run an event of this machine, now or when it goes on."""
        if not self.alive:
            return
        if self.frozen or (self.blocked and handle.on_loop):
            self.wait(handle)
            return
        if Machine.current is not self:
            Machine.current = self
            events._set_running_loop(self.loop)
        try:
            handle.call(*handle.arguments)
        except Exception as fault:
            self.fail(f"{type(fault).__name__}: {fault}", fault)

    def wait(self, handle: Handle) -> None:
        """Keep an event until it goes on."""
        self._waiting.append(handle)

    def enter(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Run code of this machine, out of its turn."""
        if Machine.current is not self:
            Machine.current = self
            events._set_running_loop(self.loop)
        try:
            return call(*arguments)
        except Exception as fault:
            self.fail(f"{type(fault).__name__}: {fault}", fault)
            return None

    def fail(self, text: str, fault: BaseException | None = None) -> None:
        """An exception that nobody took."""
        if self.alive:
            place = ""
            trace = fault.__traceback__ if fault else None
            while trace is not None:
                place, trace = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}", trace.tb_next
            self.world.broken.append(f"{self.name}: {text} at {place}")

    def freeze(self) -> None:
        """SIGSTOP."""
        self.frozen, self.frozen_count = True, self.frozen_count + 1

    def go_on(self) -> None:
        """SIGCONT, or the loop's blockade is over."""
        self.frozen = self.blocked = self.engines_go_on = False
        waiting, self._waiting = self._waiting, []
        for handle in waiting:
            if not handle.dropped:
                handle.at_s = self.world.now_s
                self.world.push(handle)

    def end(self, _code: int = 0) -> None:
        """kill -9, or the end of the process."""
        if self.alive:
            self.alive = False
            for call in self.on_end:
                call()

    def boot_clock_s(self) -> float:
        return self.world.now_s + self.boot_offset_s

    def monotonic_s(self) -> float:
        return self.world.now_s + self.boot_offset_s - self.slept_s

    def now_ms(self) -> int:
        return EPOCH_MS + self.wall_offset_ms + int(self.world.now_s * 1000)


class SimLoop(asyncio.AbstractEventLoop):
    """What asyncio's tasks, futures and timers need of a loop, on simulated time."""

    def __init__(self, machine: Machine) -> None:
        self._machine, self._world = machine, machine.world
        self.tasks: list[asyncio.Task[Any]] = []

    def time(self) -> float:
        return self._machine.monotonic_s()

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        handle = Handle(self._world.now_s, self._machine, True, callback, args)
        self._world.push(handle)
        return handle

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> Handle:  # type: ignore[override]
        """From another thread: the loop wakes a little later."""
        handle = Handle(self._world.now_s + 0.0002, self._machine, True, callback, args)
        self._world.push(handle)
        return handle

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Handle:  # type: ignore[override]
        handle = Handle(self._world.now_s + delay, self._machine, True, callback, args)
        self._world.push(handle)
        return handle

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Handle:  # type: ignore[override]
        return self.call_later(max(0.0, when - self.time()), callback, *args)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Any = None) -> asyncio.Task[Any]:  # type: ignore[override]
        task = asyncio.Task(coro, loop=self, name=name)
        self.tasks.append(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """A task is over: an exception that it ends with is nobody's if nobody waits for it."""
        if not task.cancelled() and task.exception() is not None:
            self._machine.fail(f"{task.get_name()} ended with {task.exception()!r}", task.exception())

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """A call on another thread: at once, unless it waits for something."""
        future = self.create_future()
        outcome = func(*args)
        if isinstance(outcome, Polled):
            self._poll(outcome, self._world.now_s + outcome.deadline_s, future)
        else:
            self.call_soon_threadsafe(_settle, future, outcome)
        return future

    def _poll(self, polled: Polled, until_s: float, future: asyncio.Future[Any]) -> None:
        done = polled.done()
        if done or self._world.now_s >= until_s:
            self.call_soon_threadsafe(_settle, future, done)
        else:
            self._world.at(POLL_S, self._poll, polled, until_s, future, machine=self._machine)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        fault = context.get("exception")
        if fault is not None:
            self._machine.fail(f"{context.get('message')}: {type(fault).__name__}: {fault}", fault)


@dataclass(slots=True)
class Polled:
    """A blocking call: it comes back with True once `done`, with False at the deadline."""

    done: Callable[[], bool]
    deadline_s: float


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    if not future.done():
        future.set_result(outcome)
