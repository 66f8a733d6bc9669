"""A row of the task prober's table: a binding of a task kind, whether it is probed here, and its probe in flight.

Rule: it holds what an engine's row holds of schedule, runs, down time and learnt time-outs, and by the same names; what
an engine's row holds of sockets and transports a task has for itself. Mutable, and only inside the prober.
"""

from __future__ import annotations

import asyncio

from connectors.engine.binding import Binding
from connectors.engine.entry import NEVER
from connectors.engine.learning import dynamic_timeout
from connectors.engine.run_kinds import run_of
from connectors.engine.schedule import phase_ms, spread_of
from connectors.probes.contract import Task
from connectors.probes.outcome import Outcome
from schemas.probes import Verdict


class TaskRow:
    """One binding of a task kind."""

    __slots__ = (
        "binding",
        "down_after",
        "downs",
        "due_ms",
        "failing",
        "flight",
        "learning",
        "phase_ms",
        "probing",
        "run",
        "spread",
        "task",
        "timeout_ms",
    )

    def __init__(self, binding: Binding, task: Task | Outcome) -> None:
        self.binding = binding
        self.task = task
        """An outcome says why it cannot be probed at all."""
        self.spread = spread_of(binding.schedule_key)
        self.phase_ms = phase_ms(binding.interval_ms, self.spread)
        self.run = run_of(binding, self.spread)
        self.timeout_ms = binding.timeout_ms
        self.learning = dynamic_timeout(binding)
        """What sets `timeout_ms` anew after each probe (M-19); None where it stays."""
        self.failing = Verdict.UP if binding.reverse else Verdict.DOWN
        self.down_after = binding.down_after or binding.window
        self.downs = 0
        """Failures in a row."""
        self.probing = False
        """This node is the one that probes it (M-14)."""
        self.due_ms = NEVER
        self.flight: asyncio.Task[None] | None = None

    def observe(self, outcome: Outcome, response_us: int) -> int:
        """Take a probe's outcome; the pause in ms if the target is DOWN and is to be left alone for a while, else 0."""
        self.downs = self.downs + 1 if outcome.verdict is self.failing else 0
        is_down = self.downs >= self.down_after
        if self.learning is not None:
            self.timeout_ms = self.learning.observe(outcome.verdict, response_us, is_down)
        binding = self.binding
        return binding.down_time_ms if is_down and binding.down_time_ms > binding.interval_ms > 0 else 0
