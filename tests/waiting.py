"""Waits for a condition with a deadline: the only place in the tests where time passes by itself.

A sleep is either too short on a busy machine or too long on every other. A condition is asked again and again
instead, and a deadline that passes says what was awaited and what was last seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")
POLL_S = 0.02


def wait_until(condition: Callable[[], Value], deadline_s: float, what: str) -> Value:
    """The first truthy value of `condition`. Fails the test after `deadline_s` seconds, naming `what`."""
    limit = time.monotonic() + deadline_s
    while not (seen := condition()):
        if time.monotonic() > limit:
            raise AssertionError(f"not within {deadline_s:g} s: {what}; last seen: {seen!r}")
        time.sleep(POLL_S)
    return seen


def let_pass(duration_s: float) -> None:
    """Let time pass, where time itself is what happens: a fault that lasts, a pause between two."""
    time.sleep(max(0.0, duration_s))
