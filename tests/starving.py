"""Processes that are kept from running, by signals: stopped for a while, or given a tenth of the time.

Rule: only processes whose ids the test hands in, which it started itself; when the block is left they run again.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

PERIOD_S = 0.1


def send(pids: Collection[int], number: signal.Signals) -> None:
    """A signal to each that still runs."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@contextmanager
def stopped(pids: Collection[int]) -> Iterator[None]:
    """They do not run at all."""
    send(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        send(pids, signal.SIGCONT)


@contextmanager
def starved(pids: Collection[int], share: float = 0.1) -> Iterator[None]:
    """They run for this share of the time, as in a container with too small a quota."""
    ended = threading.Event()

    def starve() -> None:
        while not ended.is_set():
            send(pids, signal.SIGSTOP)
            ended.wait(PERIOD_S * (1 - share))
            send(pids, signal.SIGCONT)
            ended.wait(PERIOD_S * share)

    thread = threading.Thread(target=starve, name="starve")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        send(pids, signal.SIGCONT)
