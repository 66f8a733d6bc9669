"""An engine process: `python -m connectors.engine --fd N --index I --engines N --open-sockets N --parent PID`.

Rule: it is started fresh, never forked from a process that has threads; it lives exactly as long as its node. The
node's end of the socket closing ends it, and should the node be killed in between, the kernel's parent-death signal
does. Ctrl-C in the terminal is the node's to handle; SIGTERM ends it at once, for it has nothing to save.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import socket
import sys

from connectors.engine.limits import usable_sockets
from connectors.engine.loop import ProbeLoop

PR_SET_PDEATHSIG = 1
PR_SET_TIMERSLACK = 29
TIMER_SLACK_NS = 1000
"""How late the kernel may wake an engine for its convenience; 50 us by default, a twentieth of 1 ms."""


def prctl(option: int, value: int) -> None:
    """Set a property of this process, prctl(2)."""
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGKILL when the node ends; end now if it already has."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


def main() -> None:
    """Probe until the node is gone."""
    parser = argparse.ArgumentParser(prog="connectors.engine", description="A probing engine of a Watchbill node.")
    for name in ("fd", "index", "engines", "open-sockets", "parent"):
        parser.add_argument(f"--{name}", type=int, required=True)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent(arguments.parent)
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS)
    control = socket.socket(fileno=arguments.fd)
    ProbeLoop(arguments.index, arguments.engines, control, usable_sockets(arguments.open_sockets)).run()


if __name__ == "__main__":
    main()
