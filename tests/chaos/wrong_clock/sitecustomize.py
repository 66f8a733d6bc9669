"""Python imports this by itself where its folder is on PYTHONPATH: the wall clock of the process, and of the engines
that it starts, is wrong by as many seconds as the file holds that WATCHBILL_CHAOS_CLOCK names.

Rule: `time.time` and `time.time_ns` alone: what monotonic clocks say stays true, as when a machine's date is set. Why
not libfaketime: it makes Python's sleeps fail when the offset changes. librdkafka, being C, keeps the true time.
"""

from __future__ import annotations

import os
import threading
import time

POLL_S = 0.05
FILE = os.environ.get("WATCHBILL_CHAOS_CLOCK")
true_time_ns = time.time_ns
offset_ns = 0


def follow(path: str) -> None:
    """Take over the offset whenever the file says another."""
    global offset_ns
    never = threading.Event()
    while not never.wait(POLL_S):
        with open(path, encoding="ascii") as file:
            text = file.read().strip()
        if text:
            offset_ns = int(text) * 1_000_000_000


def wrong_time_ns() -> int:
    """What the wrong clock says."""
    return true_time_ns() + offset_ns


def wrong_time() -> float:
    """In seconds."""
    return wrong_time_ns() / 1e9


if FILE is not None:
    time.time, time.time_ns = wrong_time, wrong_time_ns
    threading.Thread(target=follow, args=(FILE,), name="wrong-clock", daemon=True).start()
