"""ICMP echo probes: one shared socket per engine and address family, and one for each source address that is given.

Rule: a ping socket (SOCK_DGRAM) if the system lets this user have one, else a raw socket; if neither is permitted, each
probe says so with the cure and counts against nobody. The socket is asked for again at each probe until it is granted,
so that the cure works without a restart. Why shared: a socket per ping would cost four system calls more, and a raw
socket hears every other one's replies.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from errno import EACCES, EPERM
from select import EPOLLERR, EPOLLIN, epoll
from struct import Struct

from connectors.engine import icmp
from connectors.engine.entry import TALKING, Entry
from connectors.engine.transport import Engine
from connectors.probes.outcome import Outcome, down, from_errno, inconclusive
from connectors.probes.source import unopened
from schemas.probes import Reason

SOL_RAW = 255
ICMP_FILTER = 1
ICMP6_FILTER = 1
IP_RECVERR = 11
IPV6_RECVERR = 25
MSG_ERRQUEUE = 0x2000
EXTENDED_ERROR = Struct("=IBBBB")
"""errno, origin, type, code, padding."""
BUFFER_BYTES = 1024 * 1024
PACKET_BYTES = 2048
READS = 256
SOURCES = 32
"""Sockets at once. Beyond it one whose source has no ping in flight is closed; if there is none, the probe says so."""
SEQUENCES = 65_536
LOW_BITS = SEQUENCES - 1
CURE = "permit it with `sysctl -w net.ipv4.ping_group_range='0 2147483647'`, or give the process CAP_NET_RAW"
V4_TYPES = ~(1 << icmp.V4.reply | 1 << icmp.V4.unreachable) & 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class EchoSocket:
    """One family's socket. A ping socket's identifier is its own; a raw socket shares with the whole machine."""

    sock: socket.socket
    dialect: icmp.Dialect
    raw: bool
    identifier: int


class EchoTransport:
    """All pings in flight of one engine."""

    def __init__(self, engine: Engine, poller: epoll) -> None:
        self._engine = engine
        self._poller = poller
        self._sockets: dict[tuple[int, str], EchoSocket] = {}
        """By address family and source address."""
        self._flights: dict[int, Entry] = {}

    def launch(self, entry: Entry) -> None:
        """Send one request."""
        key = int(entry.family), entry.source_ip
        echo = self._sockets.get(key) or self._open(*key)
        if isinstance(echo, Outcome):
            self._engine.unanswered(entry, echo)
            return
        if len(self._flights) >= SEQUENCES - 1:
            self._engine.unanswered(entry, inconclusive(Reason.LOCAL_ERROR, f"{SEQUENCES} pings are in flight"))
            return
        conversation = entry.conversation
        payload = conversation.connected() if conversation is not None else None
        if not isinstance(payload, bytes):
            raise TypeError(f"kind {entry.binding.kind} runs on ICMP echo and gave no payload to send: return bytes")
        entry.sequence = token = self._new_token()
        sequence = token & LOW_BITS
        entry.stage = TALKING
        self._flights[sequence] = entry
        self._send(echo, entry, sequence, payload)

    def abandon(self, entry: Entry) -> None:
        """Forget the request."""
        sequence = entry.sequence & LOW_BITS
        if self._flights.get(sequence) is entry:
            del self._flights[sequence]

    def on_event(self, fd: int, event: int) -> None:
        """Replies, or errors about requests, lie at a socket."""
        for echo in self._sockets.values():
            if echo.sock.fileno() == fd:
                if event & EPOLLERR:
                    self._read_errors(echo)
                self._read(echo)

    def _new_token(self) -> int:
        """Eight bytes that no other target can guess from its own, or it could answer for its neighbour.

        The low 16 bits are the sequence, which no other flight has.
        """
        token = int.from_bytes(os.urandom(8), "big")
        while token & LOW_BITS in self._flights:
            token = token & ~LOW_BITS | token + 1 & LOW_BITS
        return token

    def _send(self, echo: EchoSocket, entry: Entry, sequence: int, payload: bytes) -> None:
        packet = icmp.request(echo.dialect, echo.identifier, sequence, entry.sequence, payload)
        try:
            echo.sock.sendto(packet, (entry.binding.ip, 0))
        except OSError as error:
            self._end(entry, from_errno(error.errno or 0, f"send an ICMP echo request to {entry.binding.ip}"))

    def _end(self, entry: Entry, outcome: Outcome) -> None:
        self.abandon(entry)
        self._engine.answered(entry, outcome)

    def _read(self, echo: EchoSocket) -> None:
        for _ in range(READS):
            try:
                packet = echo.sock.recv(PACKET_BYTES)
            except BlockingIOError:
                return
            except OSError:
                continue  # an error about one request, which the error queue explains; the next packet is behind it
            if echo.raw and echo.dialect is icmp.V4:
                packet = icmp.without_ip_header(packet)
            answer = icmp.parse(echo.dialect, packet)
            if answer is not None and (not echo.raw or answer.identifier == echo.identifier):
                self._hear(answer)

    def _hear(self, answer: icmp.Answer) -> None:
        entry = self._flights.get(answer.sequence)
        if entry is None or entry.conversation is None:
            return
        if answer.unreachable and answer.token in (None, entry.sequence):
            self._end(entry, down(Reason.UNREACHABLE, f"{entry.binding.ip} is unreachable: {answer.unreachable}"))
        elif answer.token == entry.sequence:
            step = entry.conversation.received(answer.payload)
            if isinstance(step, Outcome):
                self._end(entry, step)

    def _read_errors(self, echo: EchoSocket) -> None:
        """A ping socket gets unreachable messages here: the request's head, and why."""
        for _ in range(READS):
            try:
                head, ancillary, _, _ = echo.sock.recvmsg(PACKET_BYTES, 512, MSG_ERRQUEUE)
            except OSError:
                return
            for _, _, data in ancillary:
                self._hear_error(head, data)

    def _hear_error(self, head: bytes, data: bytes) -> None:
        if len(data) < EXTENDED_ERROR.size or len(head) < icmp.ECHO.size:
            return
        number = EXTENDED_ERROR.unpack_from(data)[0]
        sequence = icmp.ECHO.unpack_from(head)[4]
        entry = self._flights.get(sequence)
        if entry is not None and number and icmp.token_of(head) in (None, entry.sequence):
            self._end(entry, from_errno(number, f"ICMP echo to {entry.binding.ip}"))

    def _open(self, family: int, source_ip: str) -> EchoSocket | Outcome:
        """Get the family's socket for this source, or the outcome that says why there is none."""
        if source_ip and len(self._sockets) >= SOURCES and not self._close_idle():
            return inconclusive(Reason.LOCAL_ERROR, f"pings from {SOURCES} addresses are in flight: use fewer of them")
        v4 = family == socket.AF_INET
        protocol = socket.IPPROTO_ICMP if v4 else socket.IPPROTO_ICMPV6
        for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
            try:
                sock = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
            except OSError as error:
                failure = error.errno or 0
                continue
            return self._adopt(family, sock, kind == socket.SOCK_RAW, source_ip)
        if failure in (EACCES, EPERM):
            return inconclusive(Reason.NO_PERMISSION, f"this process may not send ICMP: {CURE}")
        return from_errno(failure, "open an ICMP socket")

    def _adopt(self, family: int, sock: socket.socket, raw: bool, source_ip: str) -> EchoSocket | Outcome:
        v4 = family == socket.AF_INET
        if source_ip:
            try:
                sock.bind((source_ip, 0))
            except OSError as error:
                sock.close()
                return unopened(error, source_ip)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        if raw:
            self._filter(sock, v4)
        else:
            level, name = (socket.IPPROTO_IP, IP_RECVERR) if v4 else (socket.IPPROTO_IPV6, IPV6_RECVERR)
            sock.setsockopt(level, name, 1)
        echo = EchoSocket(sock, icmp.V4 if v4 else icmp.V6, raw, os.getpid() & 0xFFFF)
        self._sockets[family, source_ip] = echo
        self._engine.handlers[sock.fileno()] = self.on_event
        self._poller.register(sock.fileno(), EPOLLIN)
        return echo

    def _close_idle(self) -> bool:
        """Close a socket with a source from which no ping is in flight; whether there was one."""
        busy = {(int(entry.family), entry.source_ip) for entry in self._flights.values()}
        idle = next((key for key in self._sockets if key[1] and key not in busy), None)
        if idle is None:
            return False
        sock = self._sockets.pop(idle).sock
        del self._engine.handlers[sock.fileno()]
        sock.close()
        return True

    @staticmethod
    def _filter(sock: socket.socket, v4: bool) -> None:
        """Let only replies and unreachable messages through: the kernel drops the rest of the machine's ICMP for us."""
        if v4:
            sock.setsockopt(SOL_RAW, ICMP_FILTER, V4_TYPES.to_bytes(4, "little"))
            return
        passed = 1 << icmp.V6.reply | 1 << icmp.V6.unreachable
        sock.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, (~passed & (2**256 - 1)).to_bytes(32, "little"))
