"""Real services of a test, in the test's process: ports of this machine that can be broken and healed at any moment.

One thread with a selector serves them all, so that forty targets cost forty sockets and not forty threads. Each target
notes when it was probed: a gap in being probed is what a handover must not make (T5).
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from contextlib import suppress
from enum import Enum
from itertools import cycle, pairwise
from types import TracebackType
from typing import Self

POLL_S = 0.02
REQUEST_BYTES = 8192


class Ailment(Enum):
    """What is wrong with a target."""

    NONE = "answers 200"
    CLOSED = "nobody listens"
    ERROR = "answers 503"
    SILENT = "accepts and never answers"


class Target:
    """One port. Accepts and hangs up for a TCP probe, answers an HTTP request by its ailment."""

    def __init__(self, farm: Farm, host: str) -> None:
        self._farm, self.host = farm, host
        self.ailment = Ailment.NONE
        self.delay_s = 0.0
        """How long an HTTP answer is kept back, in steps of POLL_S."""
        self.probed_at_s: list[float] = []
        """Monotonic seconds of each connection."""
        self.listener = socket.create_server((host, 0), backlog=256)
        self.port: int = self.listener.getsockname()[1]

    def become(self, ailment: Ailment) -> None:
        """Fall ill, or get well again; done when this returns."""
        self._farm.change(self, ailment)

    def longest_gap_s(self, since_s: float, until_s: float) -> float:
        """The longest time without a probe between two instants of the monotonic clock."""
        times = [since_s, *(at for at in self.probed_at_s if since_s < at < until_s), until_s]
        return max(after - before for before, after in pairwise(times))


class Farm:
    """Every target of a test. Ends with `close`, or when its `with` block is left.

    `hosts` are addresses of this machine, given to the targets in turn.
    """

    def __init__(self, *hosts: str) -> None:
        self._hosts = cycle(hosts or ("127.0.0.1",))
        self._selector = selectors.DefaultSelector()
        self._lock = threading.RLock()
        self._targets: list[Target] = []
        self._delayed: list[tuple[float, socket.socket, bytes]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="targets", daemon=True)
        self._thread.start()

    def target(self) -> Target:
        """A healthy target on a port of its own."""
        target = Target(self, next(self._hosts))
        with self._lock:
            self._targets.append(target)
            self._listen(target)
        return target

    def change(self, target: Target, ailment: Ailment) -> None:
        """Let a target have this ailment."""
        with self._lock:
            was, target.ailment = target.ailment, ailment
            if ailment is Ailment.CLOSED and was is not Ailment.CLOSED:
                self._selector.unregister(target.listener)
                target.listener.close()
            elif ailment is not Ailment.CLOSED and was is Ailment.CLOSED:
                target.listener = socket.create_server((target.host, target.port), backlog=256)
                self._listen(target)

    def close(self) -> None:
        """End every target."""
        self._ended.set()
        self._thread.join()
        for target in self._targets:
            target.listener.close()
        self._selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _listen(self, target: Target) -> None:
        target.listener.setblocking(False)
        self._selector.register(target.listener, selectors.EVENT_READ, target)

    def _serve(self) -> None:
        while not self._ended.is_set():
            events = self._selector.select(POLL_S)
            with self._lock:
                for key, _ in events:
                    with suppress(OSError):
                        self._turn(key)
                self._answer_delayed()

    def _turn(self, key: selectors.SelectorKey) -> None:
        if isinstance(key.data, Target):
            self._accept(key.data)
        else:
            self._answer(key.fileobj, *key.data)  # type: ignore[arg-type]

    def _accept(self, target: Target) -> None:
        if target.ailment is Ailment.CLOSED:
            return  # closed after the selector had told of it
        connection, _ = target.listener.accept()
        target.probed_at_s.append(time.monotonic())
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, (target, bytearray()))

    def _answer(self, connection: socket.socket, target: Target, request: bytearray) -> None:
        """Read on; answer a whole request, and hang up with whoever hangs up."""
        try:
            data = connection.recv(REQUEST_BYTES)
        except OSError:
            data = b""
        request += data
        if data and (b"\r\n\r\n" not in request or target.ailment is Ailment.SILENT):
            return
        self._selector.unregister(connection)
        if data:
            status = "503 Service Unavailable" if target.ailment is Ailment.ERROR else "200 OK"
            answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            if target.delay_s:
                self._delayed.append((time.monotonic() + target.delay_s, connection, answer))
                return
            connection.send(answer)
        connection.close()

    def _answer_delayed(self) -> None:
        due, now_s = self._delayed, time.monotonic()
        self._delayed = [waiting for waiting in due if waiting[0] > now_s]
        for at_s, connection, answer in due:
            if at_s <= now_s:
                with suppress(OSError):
                    connection.send(answer)
                connection.close()
