"""A small network of a test's own: hosts on one switch, each a network namespace; links that can be cut and healed.

Rule: nothing of it is in the machine's own network: links, addresses and the switch are inside the namespaces, whose
names no one else has, and they are removed by name afterwards. A host is cut off by taking its plug out of the switch:
its own link stays up and it hears nothing, as where a cable breaks behind the next switch. What must cross the border
(a broker of the test session on the machine's loopback) crosses it through a relay; see `relay`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from uuid import uuid4

Value = TypeVar("Value")

CLONE_NEWNET = 0x40000000
NAMESPACES = Path("/run/netns")
SWITCH = "switch"
PORT = "net0"
"""What a host calls its link; the switch calls it by the host's name."""
FIRST_ADDRESS = 10


class CannotMakeNetworks(Exception):
    """This process may not make namespaces; the message says the mend."""


class Network:
    """Hosts by name, in the order given. Use it in a `with` block: leaving it removes every namespace."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts
        self._tag = f"wb{uuid4().hex[:8]}"
        self._made: list[str] = []

    def __enter__(self) -> Self:
        require_root()
        try:
            self._make_switch()
            for host in self.hosts:
                self._plug_in(host)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Remove what was made, by name."""
        while self._made:
            ip("netns", "del", self._made.pop())

    def namespace(self, host: str) -> str:
        """The name that `ip netns` knows the host by."""
        return f"{self._tag}-{host}"

    def prefix(self, host: str) -> tuple[str, ...]:
        """What to put before a command line so that it runs on the host."""
        return ("ip", "netns", "exec", self.namespace(host))

    def address(self, host: str) -> str:
        """The host's IPv4 address."""
        return f"10.77.0.{FIRST_ADDRESS + self.hosts.index(host)}"

    def address6(self, host: str) -> str:
        """The host's IPv6 address."""
        return f"fd77::{FIRST_ADDRESS + self.hosts.index(host)}"

    def cut(self, *hosts: str) -> None:
        """These hosts hear nobody on the switch, and nobody hears them."""
        for host in hosts:
            self._ip(SWITCH, "link", "set", host, "nomaster")

    def heal(self, *hosts: str) -> None:
        """They are back."""
        for host in hosts:
            self._ip(SWITCH, "link", "set", host, "master", SWITCH)

    def run(self, host: str, *command: str) -> str:
        """Run a command on a host; what it wrote. Raises CalledProcessError."""
        return output([*self.prefix(host), *command])

    def within(self, host: str, action: Callable[[], Value]) -> Value:
        """What `action` returns, run by a thread that is on the host: a socket made so belongs there for good."""
        return within(NAMESPACES / self.namespace(host), action)

    def _make_switch(self) -> None:
        self._add(SWITCH)
        self._ip(SWITCH, "link", "add", SWITCH, "type", "bridge")
        self._ip(SWITCH, "link", "set", SWITCH, "up")

    def _plug_in(self, host: str) -> None:
        self._add(host)
        self._ip(host, "link", "set", "lo", "up")
        peer = ("peer", "name", host, "netns", self.namespace(SWITCH))
        self._ip(host, "link", "add", PORT, "type", "veth", *peer)
        self._ip(host, "address", "add", f"{self.address(host)}/24", "dev", PORT)
        self._ip(host, "address", "add", f"{self.address6(host)}/64", "dev", PORT, "nodad")
        self._ip(host, "link", "set", PORT, "up")
        self._ip(SWITCH, "link", "set", host, "up", "master", SWITCH)

    def _add(self, host: str) -> None:
        ip("netns", "add", self.namespace(host))
        self._made.append(self.namespace(host))

    def _ip(self, host: str, *words: str) -> None:
        ip("-n", self.namespace(host), *words)


def require_root() -> None:
    """Raises CannotMakeNetworks, with the mend, where no namespace can be made."""
    if os.geteuid() != 0:
        raise CannotMakeNetworks("network namespaces need root: run these tests as root, in a container if need be")
    if shutil.which("ip") is None:
        raise CannotMakeNetworks("there is no `ip` command: install the package iproute2")


def within(namespace: Path, action: Callable[[], Value]) -> Value:
    """Run `action` on a thread of its own that has entered the namespace; the thread ends there."""
    done: list[Value] = []
    failed: list[BaseException] = []

    def enter_and_act() -> None:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            with namespace.open() as handle:
                if libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
            done.append(action())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=enter_and_act, name=f"in-{namespace.name}")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def ip(*words: str) -> None:
    """Run `ip` with these words."""
    output(["ip", *words])


def output(command: Sequence[str]) -> str:
    """What a command writes. Raises CalledProcessError with what it complained of."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr.strip())
    return done.stdout
