"""The demo with somebody before it: progress, then the live board and its keys; or lines, where nobody looks.

Rule: the terminal is given back as it was, whatever happens: its mode, its screen and its cursor. A picture is drawn
five times a second and only as a whole, so nothing flickers. Without a terminal on standard output, each event is a
line; the demo then runs until it is interrupted.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from streams.cli.board import draw
from streams.cli.board_demo import take
from streams.cli.board_history import History
from streams.cli.keys import raw_keys
from streams.cli.show_words import time_text

if TYPE_CHECKING:
    from infra.demo.demo import Demo

PICTURE_S = 0.2
MESSAGE_S = 4.0
LINES_S = 0.1
PICTURE_WIDTH, PICTURE_HEIGHT = 110, 30
FONT_FROM_ELSEWHERE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""A picture must not make its reader's browser ask another host for a font; any monospace will do."""
PICTURE_DEADLINE_S = 30.0
PICTURE_HISTORY_MS = 12_000


def attend(demo: Demo, picture: Path | None) -> None:
    """Starts the demo and shows it until it is ended; with `picture`, writes one and returns."""
    demo.start()
    history = follow(demo)
    if picture is not None:
        write_picture(demo, history, picture)
    elif sys.stdout.isatty() and sys.stdin.isatty():
        _board(demo, history)
    else:
        _lines(history)


def follow(demo: Demo) -> History:
    """A history that hears of everything from now on."""
    history = History()
    history.begin(demo.witness.states.on_change(history.changed).values())
    demo.witness.on_view = history.view
    demo.witness.on_node = history.node
    demo.on_act = lambda text: history.act(time.time_ns() // 1_000_000, "demo", text)
    return history


def _lines(history: History) -> None:
    shown = 0
    while True:
        new = history.told - shown
        for event in history.events(new):
            print(f"{time_text(event.at_ms)}  {event.subject:<10} {event.text}", flush=True)
        shown += new
        time.sleep(LINES_S)


def _board(demo: Demo, history: History) -> None:
    console = Console()
    keys = Keys(demo)
    with raw_keys(sys.stdin.fileno()) as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while not keys.ended:
            snapshot = take(demo, history, keys.chosen, keys.message)
            live.update(draw(snapshot, console.width, console.height), refresh=True)
            for key in pressed(PICTURE_S):
                keys.press(key)


class Keys:
    """What each key does. `message` is what the last one brought, for a moment."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._told, self._told_s = "", 0.0
        self.chosen, self.ended = 0, False

    @property
    def message(self) -> str:
        """The answer to the last key, for MESSAGE_S."""
        return self._told if time.monotonic() - self._told_s < MESSAGE_S else ""

    def press(self, key: str) -> None:
        """Acts on one key; an unknown one does nothing."""
        names = list(self._demo.services.targets)
        if key in ("q", "\x03", "\x04"):
            self.ended = True
        elif key.isdigit() and 1 <= int(key) <= len(names):
            self.chosen, self._told = int(key) - 1, ""
        elif key in "bhkts":
            self._act(key, names[self.chosen])

    def _act(self, key: str, name: str) -> None:
        from infra.demo.crew import NODE_IDS, NotNow
        from infra.demo.demo import Act

        state = self._demo.witness.states.by_name(name)
        owner = "" if state is None else state.owner
        idle = next((node for node in NODE_IDS if not self._demo.crew.is_alive(node)), NODE_IDS[0])
        act, subject = {
            "b": (Act.BREAK, name),
            "h": (Act.HEAL, name),
            "k": (Act.KILL, owner),
            "t": (Act.TERM, owner),
            "s": (Act.START, idle),
        }[key]
        try:
            self._tell(self._demo.act(act, subject))
        except NotNow as error:
            self._tell(str(error))

    def _tell(self, text: str) -> None:
        self._told, self._told_s = text, time.monotonic()


def write_picture(demo: Demo, history: History, path: Path) -> None:
    """A picture of a run in which something happened: a service is broken, a node killed, another takes over."""
    from infra.demo.demo import Act

    demo.act(Act.BREAK, "cart")
    demo.wait(demo.as_expected, PICTURE_DEADLINE_S, "cart seen DOWN")
    last_ms = time.time_ns() // 1_000_000 + PICTURE_HISTORY_MS
    demo.wait(lambda: time.time_ns() // 1_000_000 > last_ms, PICTURE_DEADLINE_S, "some history for the strips")
    state = demo.witness.states.by_name("web-1")
    if state is not None:
        demo.act(Act.KILL, state.owner)
    demo.wait(demo.as_expected, PICTURE_DEADLINE_S, "the killed node's services taken over")
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=PICTURE_WIDTH, height=PICTURE_HEIGHT, file=nowhere, force_terminal=True)
        console.print(draw(take(demo, history, 0, ""), PICTURE_WIDTH, PICTURE_HEIGHT - 1))
        svg = console.export_svg(title="watchbill demo")
        path.write_text(FONT_FROM_ELSEWHERE.sub("", svg), encoding="utf-8")
