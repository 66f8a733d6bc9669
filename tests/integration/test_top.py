"""`watchbill top` in a real pseudo-terminal, on a real Kafka: what a person sees, what keys do, what is left behind."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pyte

from connectors.kafka.producer import OwnProducer
from connectors.replica.base import default_access
from infra.kafka.broker import Broker
from schemas.codec import encode
from schemas.identifiers import EntityId, partition_of
from schemas.states import State
from schemas.topics import SERVICE_STATES, topic_name
from tests.unit.cli_show.samples import state
from tests.waiting import wait_until

SEEN_S = 60.0
NORMAL_SCREEN, CURSOR = b"\x1b[?1049l", b"\x1b[?25h"


class Terminal:
    """A pseudo-terminal with a program in it, and its screen as a person sees it."""

    def __init__(self, columns: int, lines: int) -> None:
        self.master, self.slave = pty.openpty()
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.written = b""
        self.before = termios.tcgetattr(self.slave)
        self.resize(columns, lines)

    def resize(self, columns: int, lines: int) -> None:
        """Another size, as when somebody pulls at the window."""
        self.screen.resize(lines, columns)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def look(self) -> list[str]:
        """The lines of the screen, after all that was written so far."""
        while select.select([self.master], [], [], 0)[0]:
            data = os.read(self.master, 65_536)
            self.written += data
            self.stream.feed(data)
        return list(self.screen.display)

    def press(self, text: str) -> None:
        """Keys, as a terminal sends them."""
        os.write(self.master, text.encode())

    def see(self, *texts: str) -> list[str]:
        """The screen, once it has all of these texts."""
        wait_until(lambda: all(text in "\n".join(self.look()) for text in texts), SEEN_S, f"{texts} on the screen")
        return self.look()

    def colours(self) -> set[str]:
        """Every colour on the screen but the terminal's own."""
        cells = (cell for line in self.screen.buffer.values() for cell in line.values())
        return {cell.fg for cell in cells} - {"default"}


def take_terminal() -> None:
    """In the program's process: the terminal becomes its own, so that ctrl-c and a resize reach it as signals."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def top(broker: Broker, cluster: str, **environment: str) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    """The program in a terminal of 80 by 24."""
    terminal = Terminal(80, 24)
    command = [sys.executable, "-m", "streams.cli.main", "top", "--bootstrap", broker.bootstrap, "--cluster", cluster]
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    ends = {"stdin": terminal.slave, "stdout": terminal.slave, "stderr": terminal.slave}
    environment = {**plain, "TERM": "xterm-256color", **environment}
    with subprocess.Popen(
        command, **ends, env=environment, start_new_session=True, preexec_fn=take_terminal
    ) as running:
        try:
            yield terminal, running
        finally:
            running.kill()
            running.wait(SEEN_S)
            os.close(terminal.master)
            os.close(terminal.slave)


def ended(terminal: Terminal, running: subprocess.Popen[bytes]) -> int:
    """The exit code of a program that ends by itself; its terminal is as it was."""
    wait_until(lambda: (terminal.look(), running.poll())[1] is not None, SEEN_S, "top ended")
    terminal.look()
    assert NORMAL_SCREEN in terminal.written
    assert terminal.written.rfind(CURSOR) > 0
    assert termios.tcgetattr(terminal.slave) == terminal.before
    return running.wait()


def test_U_what_a_person_sees_and_what_keys_do(broker: Broker, filled: str) -> None:
    with top(broker, filled) as (terminal, running):
        lines = terminal.see("1,000 services", "U 1,000 UP", "worst first")
        assert "nodes  b0 1,000" in lines[2]
        assert lines[4].startswith("U UP      api")
        assert terminal.colours()
        terminal.press("/web\r")
        assert terminal.see("(1 shown)")[4].startswith("U UP      web")
        service = EntityId("1-0")
        changed = replace(state(State.DOWN), sequence=9)
        producer = OwnProducer(default_access(broker.bootstrap, "test"), delivery_timeout_ms=20_000)
        producer.send(topic_name(filled, SERVICE_STATES), partition_of(service), service.encode(), encode(changed))
        assert producer.close(20.0) == 0
        assert terminal.see("D 1 DOWN")[4].startswith("D DOWN    web")
        terminal.press("\r")
        terminal.see("web (id 1-0)", "owner", "http: refused", "enter back")
        terminal.press("\x1b")
        terminal.see("worst first")
        terminal.resize(100, 30)
        wait_until(lambda: "q end" in terminal.look()[29], SEEN_S, "the foot at the foot of the larger terminal")
        terminal.press("?")
        terminal.see("only what is not UP", "G GOING")
        terminal.press("?\x1bsg")
        lines = terminal.see("name  1/1000", "D 1 DOWN")
        assert lines[4].startswith("U UP      api")
        terminal.press("q")
        assert ended(terminal, running) == 0


def test_NO_COLOR_is_heeded_and_the_terminal_comes_back(broker: Broker, filled: str) -> None:
    """However it is ended; ctrl-z ends nothing."""
    for how in ("\x1aq", "\x03", signal.SIGTERM):
        with top(broker, filled, NO_COLOR="1") as (terminal, running):
            terminal.see("U 1,000 UP", "U UP      api")
            assert terminal.colours() == set()
            if isinstance(how, str):
                terminal.press(how)
            else:
                running.send_signal(how)
            assert ended(terminal, running) == 0


def test_without_a_terminal_it_says_what_to_ask_instead(broker: Broker) -> None:
    command = [sys.executable, "-m", "streams.cli.main", "top", "--bootstrap", broker.bootstrap]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "watchbill stat" in ran.stderr
