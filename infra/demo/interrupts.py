"""Ctrl-C, SIGTERM and a closed terminal, turned into one exception at a moment when nothing is half started.

Rule: while something is `held` (a process is being made and noted down) a signal waits until it is noted, so that
whoever ends everything knows of everything. During the end signals change nothing: the end is bounded in time and must
not be cut short by an impatient second Ctrl-C, which would leave processes behind.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked for the end. `number` is the signal. A BaseException, so that no handler of errors takes it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Interrupts:
    """Within its `with` block a signal raises Stopped in the main thread; the handlers of before come back after it."""

    def __init__(self) -> None:
        self._asked: int | None = None
        self._holds = 0
        self._ending = False
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._take) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal that comes within is raised at the end of the block."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
        self._raise_asked()

    def end(self) -> None:
        """From now on signals are only noted."""
        self._ending = True

    def _take(self, number: int, _: FrameType | None) -> None:
        self._asked = number
        self._raise_asked()

    def _raise_asked(self) -> None:
        if self._asked is not None and not self._holds and not self._ending:
            number, self._asked = self._asked, None
            raise Stopped(number)
