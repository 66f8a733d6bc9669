"""The engine's end of the socket to its node: commands come in, reports and statistics go out.

Rule: reports gather for a tick of 10 ms, so a thousand changes at once are one frame and one wake-up of the node; those
from which nothing can follow wait for company (`significance.py`). A node that does not read fills a bounded outbox,
and the engine then begins no more probes: it delays, it drops nothing. When the node's end closes, the engine ends,
whatever became of the node.
"""

from __future__ import annotations

from collections.abc import Callable
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, epoll
from socket import socket

from connectors.engine.frames import FrameKind, FrameReader, encode_reports
from connectors.engine.limits import OUTBOX_BYTES
from connectors.engine.significance import ReportList

READ_BYTES = 128 * 1024
"""Taken in one turn, about two frames of bindings: probing goes on in between."""


class Uplink:
    """The node, seen from the engine. `obey` is told each command."""

    def __init__(self, control: socket, poller: epoll, obey: Callable[[FrameKind, bytes], None]) -> None:
        control.setblocking(False)
        self.closed = False
        """The node has closed its end, or is gone."""
        self.gathered = ReportList()
        """What the node must still be told."""
        self._control = control
        self._poller = poller
        self._obey = obey
        self._reader = FrameReader()
        self._outbox = bytearray()
        self._blocked = False
        poller.register(control.fileno(), EPOLLIN)

    @property
    def full(self) -> bool:
        """The node has not read for so long that no probe may begin."""
        return len(self._outbox) > OUTBOX_BYTES

    def on_event(self, _fd: int, event: int) -> None:
        """Epoll has something for the socket."""
        if event & EPOLLOUT:
            self._write()
        if event & (EPOLLIN | EPOLLHUP | EPOLLERR):
            self._read()

    def flush(self, now_ms: int) -> None:
        """Send what was gathered, if its tick has come."""
        due_ms = self.gathered.due_ms()
        if due_ms is not None and now_ms >= due_ms:
            self.send(encode_reports(self.gathered.take(now_ms)))

    def flush_all(self, now_ms: int) -> None:
        """Send what was gathered at once: another engine may report of the same bindings next, and comes after."""
        if self.gathered.due_ms() is not None:
            self.send(encode_reports(self.gathered.take(now_ms)))

    def send(self, data: bytes) -> None:
        """Send bytes now, or as soon as the node reads."""
        self._outbox += data
        if not self._blocked:
            self._write()

    def _write(self) -> None:
        try:
            while self._outbox:
                del self._outbox[: self._control.send(self._outbox)]
        except BlockingIOError:
            self._blocked = True
            self._poller.modify(self._control.fileno(), EPOLLIN | EPOLLOUT)
            return
        except OSError:
            self.closed = True
            return
        if self._blocked:
            self._blocked = False
            self._poller.modify(self._control.fileno(), EPOLLIN)

    def _read(self) -> None:
        try:
            data = self._control.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return
        for kind, body in self._reader.feed(data):
            self._obey(kind, body)
