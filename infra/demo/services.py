"""The demo's eight services: one thread with one event loop that serves them all, and the switch to break each.

Rule: a broken service stays broken until it is healed, and what breaks it differs from time to time, in turn. One
service flaps by itself, unless somebody has broken it by hand. Ports lie below the kernel's ephemeral range: on
loopback a probe of a closed ephemeral port can now and then connect to itself, and see a service that is not there.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any

from infra.demo.target import AILMENTS, HOST, Ailment, Protocol, Target

SERVICES: Mapping[str, Protocol] = {
    "web-1": Protocol.HTTP,
    "web-2": Protocol.HTTP,
    "api": Protocol.HTTP,
    "cart": Protocol.HTTP,
    "login": Protocol.HTTP,
    "mail": Protocol.TCP,
    "database": Protocol.TCP,
    "flapping": Protocol.HTTP,
}
"""Name to protocol, in the order of the board."""
FLAPPING = "flapping"
FLAP_UP_S, FLAP_DOWN_S = 5.0, 3.0

PORTS = range(20_000, 30_000)
PORTS_EACH_RUN = 16
ANSWER_S = 5.0


class Unknown(Exception):
    """No service of that name; the message lists those there are."""


class DemoServices:
    """Eight services, each on a port of its own. All methods may be called from any thread."""

    def __init__(self, seed: int) -> None:
        """`seed` chooses where the search for free ports begins, so that two demos rarely meet."""
        ports = free_ports(seed)
        self.targets = {name: Target(name, protocol, next(ports)) for name, protocol in SERVICES.items()}
        self._turns = {name: turn for turn, name in enumerate(SERVICES)}
        self._by_hand: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="demo-services", daemon=True)

    def start(self) -> None:
        """Every service listens when this returns. Raises OSError when a port was taken meanwhile."""
        self._thread.start()
        self._do(self._open_all())
        asyncio.run_coroutine_threadsafe(self._flap(), self._loop)

    def stop(self) -> None:
        """Closes all ports. May be called twice."""
        if self._thread.is_alive():
            self._do(self._close_all())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(ANSWER_S)

    def break_(self, name: str) -> Ailment:
        """Makes a service ill, in the way that is its turn. Raises Unknown."""
        target = self.target(name)
        choices = AILMENTS[target.protocol]
        ailment = choices[self._turns[name] % len(choices)]
        self._turns[name] += 1
        self._by_hand.add(name)
        self._do(target.become(ailment))
        return ailment

    def heal(self, name: str) -> None:
        """Makes a service well. Raises Unknown."""
        target = self.target(name)
        self._do(target.become(Ailment.NONE))
        self._by_hand.discard(name)

    def target(self, name: str) -> Target:
        """The service of a name. Raises Unknown."""
        if name not in self.targets:
            raise Unknown(f"no service {name!r}: there are {', '.join(self.targets)}")
        return self.targets[name]

    def probes(self) -> int:
        """Connections that all services took so far."""
        return sum(target.probes for target in self.targets.values())

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_S)

    async def _open_all(self) -> None:
        for target in self.targets.values():
            await target.become(Ailment.NONE)

    async def _close_all(self) -> None:
        for target in self.targets.values():
            await target.end()

    async def _flap(self) -> None:
        target = self.targets[FLAPPING]
        for ailment in _alternating():
            await asyncio.sleep(FLAP_DOWN_S if target.ailment is not Ailment.NONE else FLAP_UP_S)
            if FLAPPING not in self._by_hand:
                await target.become(ailment)


def _alternating() -> Iterator[Ailment]:
    while True:
        yield Ailment.ERROR
        yield Ailment.NONE


def free_ports(seed: int) -> Iterator[int]:
    """Ports of 127.0.0.1 that nobody listens on, from a place in PORTS that the seed gives, around once."""
    start = seed * PORTS_EACH_RUN % len(PORTS)
    for offset in range(len(PORTS)):
        port = PORTS[(start + offset) % len(PORTS)]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        yield port
    raise OSError(f"no free port from {PORTS.start} to {PORTS.stop - 1}")
