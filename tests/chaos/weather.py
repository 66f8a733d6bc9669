"""Targets that fall ill and get well again while a fault goes on, and the exact times at which they did.

Rule: what a target is, is decided here alone, so that the truth is known: a false DOWN and a missed one can be told. A
target stays as it is for `hold_s`, longer than it may take to be noticed; at most a quarter are ill at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from streams.audit.truth import Turn
from tests.integration.targets import Ailment, Target

PACE_S = (0.2, 0.8)
ILL_AT_ONCE = 0.25
AILMENTS = (Ailment.ERROR, Ailment.SILENT)
"""Both accept a probe, and so note it: a gap between two is nobody's but the cluster's."""


def wall_ms() -> int:
    """The clock of the records."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Weather:
    """The targets of a world, by service."""

    targets: Mapping[str, Target]
    random: Random
    hold_s: float
    _turns: dict[str, list[Turn]] = field(default_factory=dict)
    _changed_s: dict[str, float] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def begin(self) -> None:
        """A new run: all are well, and what was before is nobody's to judge."""
        with self._lock:
            self._turns = {name: [Turn(wall_ms(), True)] for name in self.targets}
            self._changed_s = {}

    def ill(self, name: str, ailment: Ailment = Ailment.ERROR) -> None:
        """Break a target."""
        with self._lock:
            self._turn(name, Turn(wall_ms(), False))
            self.targets[name].become(ailment)

    def well(self, name: str) -> None:
        """Mend a target."""
        with self._lock:
            self.targets[name].become(Ailment.NONE)
            self._turn(name, Turn(wall_ms(), True))

    def is_ill(self, name: str) -> bool:
        """Whether a target is ill now."""
        with self._lock:
            return name in self._turns and not self._turns[name][-1].well

    def turns(self) -> dict[str, tuple[Turn, ...]]:
        """All that was since the run began, by service."""
        with self._lock:
            return {name: tuple(turns) for name, turns in self._turns.items()}

    def _turn(self, name: str, turn: Turn) -> None:
        turns = self._turns.setdefault(name, [])
        if not turns or turns[-1].well != turn.well:
            turns.append(turn)
        self._changed_s[name] = time.monotonic()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Within the block, targets fall ill and get well by themselves; behind it all are well."""
        ended = threading.Event()
        thread = threading.Thread(target=self._change_until, args=(ended,), name="weather", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            for name in self.targets:
                if self.is_ill(name):
                    self.well(name)

    def _change_until(self, ended: threading.Event) -> None:
        while not ended.wait(self.random.uniform(*PACE_S)):
            now_s = time.monotonic()
            free = [name for name in self.targets if now_s - self._changed_s.get(name, 0.0) > self.hold_s]
            ill = [name for name in self.targets if self.is_ill(name)]
            if len(ill) >= ILL_AT_ONCE * len(self.targets):
                free = [name for name in free if name in ill]
            if not free:
                continue
            name = self.random.choice(free)
            if name in ill:
                self.well(name)
            else:
                self.ill(name, self.random.choice(AILMENTS))
