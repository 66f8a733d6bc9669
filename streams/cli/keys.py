"""Single keys from a terminal, by name: what `top` and the demo's board have in common.

Rule: the terminal is given back as it was, whatever happens. An escape sequence is one key, and a lone escape is one
too: what follows it within the same reading belongs to it, since a terminal sends a sequence in one piece. Keys that
have no name here are left out, not passed on as letters that nobody pressed.
"""

from __future__ import annotations

import os
import re
import select
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SEQUENCES = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1b[F": "end",
    "\x1bOH": "home",
    "\x1bOF": "end",
    "\x1b[1~": "home",
    "\x1b[4~": "end",
}
PLAIN = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    " ": "space",
    "\x03": "interrupt",
    "\x04": "interrupt",
    "\x1b": "escape",
}
READ_BYTES = 256
_KEY = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])|.", re.DOTALL)


@contextmanager
def raw_keys(terminal: int) -> Iterator[Callable[[float], str]]:
    """Keys without echo; answers what was pressed within a time, as text. The terminal's mode comes back at the end."""
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield lambda wait_s: pressed(terminal, wait_s)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def pressed(terminal: int, wait_s: float) -> str:
    """What was pressed within a time; nothing if nothing was."""
    ready, _, _ = select.select([terminal], [], [], wait_s)
    if not ready:
        return ""
    data = os.read(terminal, READ_BYTES)
    return data.decode(errors="replace") if data else "\x04"


def named(text: str) -> list[str]:
    """The keys in a text that a terminal sent: `up`, `enter`, `a`."""
    found = (SEQUENCES.get(key) or PLAIN.get(key) or key for key in _KEY.findall(text))
    return [key for key in found if not key.startswith("\x1b")]
