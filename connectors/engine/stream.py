"""TCP connections of probes: one non-blocking socket each, driven by epoll events.

Rule: a successful probe costs two system calls, one to connect and one to dissolve the connection, beside what it says
and hears, and no exception: `sockets.py` says how. Sockets are registered once, edge-triggered for both directions, so
that going from connecting to reading costs no call; hence a read goes on until the kernel has nothing more. The
handshake's last ACK waits for the first thing said; a probe that waits for a greeting sends it by TCP_QUICKACK.
"""

from __future__ import annotations

from contextlib import suppress
from errno import EINPROGRESS
from pathlib import Path
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, epoll
from socket import IPPROTO_TCP, SO_ERROR, SOL_SOCKET, TCP_MAXSEG, SocketType
from socket import TCP_QUICKACK as QUICKACK
from time import monotonic_ns

from connectors.engine.entry import CONNECTING, TALKING, Entry
from connectors.engine.sockets import WANTED, StreamSockets
from connectors.engine.tls import TlsConversation
from connectors.engine.transport import Engine
from connectors.probes.contract import Step
from connectors.probes.outcome import Outcome, down, from_errno
from connectors.probes.source import unopened
from schemas.probes import Reason, Verdict

UP = Verdict.UP
BROKEN = EPOLLERR | EPOLLHUP
READ_BYTES = 4096
READS = 16
"""Reads in one go; a target that sends faster than we read must not hold up its neighbours."""


class StreamTransport:
    """All TCP probes in flight of one engine."""

    def __init__(self, engine: Engine, poller: epoll) -> None:
        self._engine = engine
        self._handlers = engine.handlers
        self._poller = poller
        self._sockets = StreamSockets(poller)
        self.flights: dict[int, Entry] = {}
        self._local_ports = first_local_port()

    def launch(self, entry: Entry) -> None:
        """Open a socket and begin to connect."""
        source_ip = entry.source_ip
        try:
            sock = self._sockets.take_bound(entry.family, source_ip) if source_ip else self._sockets.take(entry.family)
        except OSError as error:
            self._engine.unanswered(entry, unopened(error, source_ip))
            return
        entry.sock = sock
        entry.stage = CONNECTING
        error_number = sock.connect_ex(entry.address)
        if error_number not in (0, EINPROGRESS):
            self._end(entry, from_errno(error_number, f"connect to {entry.binding.target}"))
            return
        self.flights[sock.fileno()] = entry

    def abandon(self, entry: Entry) -> None:
        """Reset the connection, forget the socket."""
        self._let_go(entry, False)

    def _let_go(self, entry: Entry, went_well: bool) -> None:
        sock = entry.sock
        if sock is None:
            return
        self.flights.pop(sock.fileno(), None)
        entry.sock = None
        entry.unsent = b""
        if went_well and not entry.source_ip:
            self._sockets.give_back(entry.family, sock)
        else:
            sock.close()
        if entry.layer is not None:
            entry.layer.release()

    def on_event(self, entry: Entry, event: int) -> None:
        """Epoll has something for this probe."""
        sock, conversation = entry.sock, entry.conversation
        if sock is None or conversation is None:
            raise RuntimeError(f"event for binding {entry.number}, which has no probe in flight: a socket leaked")
        if entry.stage is CONNECTING:
            if event & BROKEN:
                error_number = sock.getsockopt(SOL_SOCKET, SO_ERROR)
                if error_number:
                    self._end(entry, from_errno(error_number, f"connect to {entry.binding.target}"))
                    return
            if not event & EPOLLOUT:
                return
            if entry.address[1] >= self._local_ports and is_self_connection(sock):
                self._end(entry, down(Reason.REFUSED, f"connect to {entry.binding.target}: nobody listens there"))
                return
            entry.stage = TALKING
            step = conversation.connected()
            if step is None:  # the target speaks first, and would wait for the handshake's last ACK: 200 ms
                sock.setsockopt(IPPROTO_TCP, QUICKACK, 1)
            elif not self._step(entry, step):
                return
        elif entry.unsent and event & EPOLLOUT and not self._send(entry, entry.unsent):
            return
        if event & (EPOLLIN | BROKEN):
            self._read(entry, sock)

    def _step(self, entry: Entry, step: Step) -> bool:
        """Do what the conversation wants; whether the probe goes on."""
        if isinstance(step, Outcome):
            if entry.layer is not None:
                self._part(entry, entry.layer)
            self._end(entry, step)
            return False
        if step is None:
            return True
        if entry.parter is not None and entry.parter.parting is not None:
            entry.parted_ns = entry.parted_ns or monotonic_ns()
        return self._send(entry, entry.unsent + step)

    def _part(self, entry: Entry, layer: TlsConversation) -> None:
        """Say the last words of TLS before the reset, as far as they go: servers log a handshake that is cut off."""
        words = layer.last_words()
        if words and not entry.unsent and entry.sock is not None:
            with suppress(OSError):
                entry.sock.send(words)

    def _send(self, entry: Entry, data: bytes) -> bool:
        sock = entry.sock
        if sock is None:
            return False
        try:
            entry.unsent = data[sock.send(data) :]
        except BlockingIOError:
            entry.unsent = data
        except OSError as error:
            self._end(entry, broken_off(entry, error, "send the request"))
            return False
        return True

    def _read(self, entry: Entry, sock: SocketType) -> None:
        conversation = entry.conversation
        if conversation is None:
            return
        for _ in range(READS):
            try:
                data = sock.recv(READ_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                self._end(entry, broken_off(entry, error, "read the answer"))
                return
            if not data:
                self._end(entry, conversation.closed())
                return
            if not self._step(entry, conversation.received(data)):
                return
        self._poller.modify(sock.fileno(), WANTED)

    def _end(self, entry: Entry, outcome: Outcome) -> None:
        if outcome.verdict is UP and entry.run.verdict is not UP and entry.sock is not None:
            entry.run.mss = entry.sock.getsockopt(IPPROTO_TCP, TCP_MAXSEG)  # once a run: it costs a call (S-1)
        self._let_go(entry, outcome.verdict is UP)
        self._engine.answered(entry, outcome)


def broken_off(entry: Entry, error: OSError, doing: str) -> Outcome:
    """The connection broke in the middle: in the handshake, while doing this, or after all was said."""
    if entry.parter is not None and entry.parter.parting is not None:
        return entry.parter.parting
    number = error.errno or 0
    return from_errno(number, doing) if entry.layer is None else entry.layer.failed(number, doing)


def is_self_connection(sock: SocketType) -> bool:
    """Whether the kernel gave the socket the very port it connects to: then it speaks with itself, and nobody listens.

    TCP allows it (simultaneous open, RFC 9293, section 3.5), and it happens to one in 28,000 probes of a closed port of
    this machine, if that port is among those the kernel gives out.
    """
    return bool(sock.getsockname() == sock.getpeername())


def first_local_port() -> int:
    """The lowest port that the kernel gives to outgoing connections."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 1024
