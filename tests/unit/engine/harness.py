"""One engine's loop inside the test, driven turn by turn through its real socket, frames and epoll."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any

from connectors.engine import frames
from connectors.engine.binding import Binding
from connectors.engine.entry import IDLE
from connectors.engine.frames import FrameKind, FrameReader
from connectors.engine.loop import ProbeLoop
from connectors.engine.runs import RunReport
from connectors.engine.schedule import FIRST_WITHIN_MS, spread_of
from connectors.engine.statistics import EngineStatistics
from schemas.identifiers import EntityId

DEADLINE_S = 10.0


def binding(number: int = 1, kind: str = "TCP", port: int = 80, **settings: Any) -> Binding:
    """A binding with what the test does not care about filled in; unknown names are the kind's parameters."""
    fields: dict[str, Any] = {
        "ip": "127.0.0.1",
        "interval_ms": 60_000,
        "timeout_ms": 1000,
        "window": 3,
        "down_time_ms": 0,
    }
    fields |= {"service_name": f"service{number}", "monitor_name": f"monitor{number}"}
    own = {name: settings.pop(name) for name in list(settings) if name in frames.BINDING_FIELDS}
    ids: dict[str, Any] = {"service_id": EntityId(f"{number}-0"), "monitor_id": monitor_id(number)}
    return Binding(number=number, kind=kind, port=port, parameters=settings, **ids, **(fields | own))


@cache
def monitor_id(number: int) -> EntityId:
    """An id with which the first probe comes within 20 ms, for the few bindings that a test waits for."""
    ids = (EntityId(f"{number}-{index}") for index in count(1))
    return next(found for found in ids if number > 10 or spread_of(f"{number}-0/{found}") % FIRST_WITHIN_MS < 20)


class Harness:
    """An engine and the node's end of its socket."""

    def __init__(self, index: int = 0, engines: int = 1, open_sockets: int = 1000) -> None:
        self.far, near = socket.socketpair()
        self.far.setblocking(False)
        self.loop = ProbeLoop(index, engines, near, open_sockets)
        self.reports: list[RunReport] = []
        self.statistics: list[EngineStatistics] = []
        self._near = near
        self._reader = FrameReader()
        self.tell(frames.encode_numbers(FrameKind.ALIVE, range(engines)))

    def tell(self, data: bytes) -> None:
        """Send frames as the node does, and let the engine read them."""
        while data:
            data = data[self.far.send(data) :]
            self.turn()

    def probe(self, *bindings: Binding) -> None:
        """Add bindings and begin to probe them."""
        self.tell(frames.encode_bindings(bindings))
        self.tell(frames.encode_numbers(FrameKind.PROBE_ON, [row.number for row in bindings]))

    def turn(self) -> None:
        """One turn of the engine, and take what it said."""
        self.loop.turn()
        try:
            data = self.far.recv(1 << 20)
        except BlockingIOError:
            return
        for kind, body in self._reader.feed(data):
            if kind is FrameKind.REPORTS:
                self.reports += frames.decode_reports(body)
            else:
                self.statistics.append(frames.decode_statistics(body))

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Turn until the condition holds."""
        limit = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < limit, f"not within {DEADLINE_S:g} s: {what}; reports {self.reports}"
            self.turn()

    def until_idle(self) -> None:
        """Turn, without reading what the engine says, until no probe is in flight."""
        while any(entry.stage is not IDLE for entry in self.loop.table.entries.values()):
            self.loop.turn()

    def first(self, row: Binding) -> RunReport:
        """Probe one binding and return the report of its first probe."""
        self.probe(row)
        self.until(lambda: self.of(row.number), "a report")
        return self.of(row.number)[0]

    def of(self, number: int) -> list[RunReport]:
        """The reports of one binding so far."""
        return [report for report in self.reports if report.number == number]

    def elapsed_ms(self, number: int) -> float:
        """Time since the binding's latest probe began."""
        return (time.monotonic_ns() - self.loop.table.entries[number].started_ns) / 1e6

    def close(self) -> None:
        """Hang up, and see the engine end."""
        self.far.shutdown(socket.SHUT_WR)
        self.until(lambda: self.loop.uplink.closed, "the engine ends when its node is gone")
        self.far.close()
        self._near.close()


@contextmanager
def engine(index: int = 0, engines: int = 1, open_sockets: int = 1000) -> Iterator[Harness]:
    """An engine for one test."""
    harness = Harness(index, engines, open_sockets)
    try:
        yield harness
    finally:
        harness.close()


def numbers(rows: Iterable[RunReport]) -> list[int]:
    """The bindings that reports speak of."""
    return [row.number for row in rows]
