"""How a verb that runs until it is told to end hears of it.

Rule: a handler sets an event and nothing more; an exception out of it can be lost in the code that it comes up in. Who
waits on an asyncio loop has the loop's own handlers instead.
"""

from __future__ import annotations

import signal
import threading


def told_to_end() -> threading.Event:
    """Set by SIGTERM or SIGINT from now on. The main thread's to call."""
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    return told
