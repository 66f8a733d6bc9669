"""UDP probes: one connected non-blocking socket each, driven by epoll events.

Rule: the socket is connected, so the kernel drops what others send to it and tells what ICMP says of the target: port
unreachable is REFUSED. With IP_RECVERR it tells also of an unreachable host or network, which is the only way to learn
that a kind which takes silence for success speaks into the void. Each probe has a fresh local port, so that a late
answer to the last probe cannot count for this one. A datagram is at most 64 KB, and only READS of them are read before
the neighbours' turn.
"""

from __future__ import annotations

from select import EPOLLERR, EPOLLET, EPOLLIN, epoll
from socket import (
    AF_INET,
    IPPROTO_IP,
    IPPROTO_IPV6,
    SO_ERROR,
    SOCK_CLOEXEC,
    SOCK_DGRAM,
    SOCK_NONBLOCK,
    SOL_SOCKET,
    SocketType,
)

from connectors.engine.entry import TALKING, Entry
from connectors.engine.stream import first_local_port, is_self_connection
from connectors.engine.transport import Engine
from connectors.probes.contract import Step
from connectors.probes.outcome import Outcome, down, from_errno
from connectors.probes.source import unopened
from schemas.probes import Reason

DATAGRAM = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC
WANTED = EPOLLIN | EPOLLET
READ_BYTES = 65_535
READS = 16
"""Datagrams in one go; a target that sends faster than we read must not hold up its neighbours."""
IP_RECVERR = 11
IPV6_RECVERR = 25


class DatagramTransport:
    """All UDP probes in flight of one engine."""

    def __init__(self, engine: Engine, poller: epoll) -> None:
        self._engine = engine
        self._handlers = engine.handlers
        self._poller = poller
        self._flights: dict[int, Entry] = {}
        self._local_ports = first_local_port()

    def launch(self, entry: Entry) -> None:
        """Open a socket, say the first thing."""
        conversation = entry.conversation
        if conversation is None:
            raise RuntimeError(f"binding {entry.number} has no conversation and was launched: give it its fault first")
        try:
            sock = opened(entry)
        except OSError as error:
            self._engine.unanswered(entry, unopened(error, entry.source_ip))
            return
        entry.sock = sock
        entry.stage = TALKING
        fd = sock.fileno()
        self._flights[fd] = entry
        if not self._reach(entry, sock):
            return
        self._handlers[fd] = self.on_event
        self._poller.register(fd, WANTED)
        self._step(entry, sock, conversation.connected())

    def abandon(self, entry: Entry) -> None:
        """Close and forget the socket."""
        sock = entry.sock
        if sock is not None:
            self._flights.pop(sock.fileno(), None)
            self._handlers.pop(sock.fileno(), None)
            entry.sock = None
            sock.close()

    def on_event(self, fd: int, event: int) -> None:
        """Epoll has something for the probe with this socket."""
        entry = self._flights[fd]
        try:
            self._hear(entry, event)
        except Exception as error:
            self._engine.broken(entry, error)

    def _reach(self, entry: Entry, sock: SocketType) -> bool:
        """Set the socket's one target; whether that worked."""
        level, name = (IPPROTO_IP, IP_RECVERR) if entry.family == AF_INET else (IPPROTO_IPV6, IPV6_RECVERR)
        sock.setsockopt(level, name, 1)
        error_number = sock.connect_ex(entry.address)
        if error_number:
            self._end(entry, from_errno(error_number, f"send to {entry.binding.target}"))
            return False
        if entry.address[1] >= self._local_ports and is_self_connection(sock):
            self._end(entry, down(Reason.REFUSED, f"send to {entry.binding.target}: nobody listens there"))
            return False
        return True

    def _hear(self, entry: Entry, event: int) -> None:
        sock, conversation = entry.sock, entry.conversation
        if sock is None or conversation is None:
            raise RuntimeError(f"event for binding {entry.number}, which has no probe in flight: a socket leaked")
        for _ in range(READS):
            try:
                data = sock.recv(READ_BYTES)
            except BlockingIOError:
                self._hear_error(entry, sock, event)
                return
            except OSError as error:
                self._end(entry, from_errno(error.errno or 0, f"send to {entry.binding.target}"))
                return
            # An empty datagram says nothing that a conversation could judge.
            if data and not self._step(entry, sock, conversation.received(data)):
                return
        self._poller.modify(sock.fileno(), WANTED)

    def _hear_error(self, entry: Entry, sock: SocketType, event: int) -> None:
        """The kernel keeps some errors of the target apart from what is read."""
        error_number = sock.getsockopt(SOL_SOCKET, SO_ERROR) if event & EPOLLERR else 0
        if error_number:
            self._end(entry, from_errno(error_number, f"send to {entry.binding.target}"))

    def _step(self, entry: Entry, sock: SocketType, step: Step) -> bool:
        """Do what the conversation wants; whether the probe goes on."""
        if isinstance(step, Outcome):
            self._end(entry, step)
            return False
        if step is None:
            return True
        try:
            sock.send(step)
        except OSError as error:
            self._end(entry, from_errno(error.errno or 0, f"send to {entry.binding.target}"))
            return False
        return True

    def _end(self, entry: Entry, outcome: Outcome) -> None:
        self.abandon(entry)
        self._engine.answered(entry, outcome)


def opened(entry: Entry) -> SocketType:
    """A socket that leaves from the entry's source, if it has one. Raises OSError."""
    sock = SocketType(entry.family, DATAGRAM)
    if entry.source_ip:
        try:
            sock.bind((entry.source_ip, 0))
        except OSError:
            sock.close()
            raise
    return sock
