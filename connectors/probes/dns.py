"""DNS: the target is up if it answers a query, and with a known address where one is given (M-6, M-8).

Rule: every probe has a c-ares channel of its own. A channel that is kept answers the second probe from its cache, and
the server that died meanwhile would be UP for an hour. The channel sends once and to this server only; hosts files and
search lists play no part. The codes of a refusal (NXDOMAIN, SERVFAIL, REFUSED), an answer without the record, and no
answer at all are told apart. Why not aiodns here: it starts a thread, an inotify watch and four descriptors for each
channel, of which Linux allows 128; the same c-ares, fed by this loop, costs 25 µs and one socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

import pycares
from pycares import errno

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.contract import TaskKind
from connectors.probes.outcome import UP, Outcome, down, inconclusive
from schemas.probes import Reason

QUERY_TYPES = {
    "ADDRESS": pycares.QUERY_TYPE_A,
    "AAAA": pycares.QUERY_TYPE_AAAA,
    "ZONE": pycares.QUERY_TYPE_SOA,
    "CNAME": pycares.QUERY_TYPE_CNAME,
    "MX": pycares.QUERY_TYPE_MX,
    "NS": pycares.QUERY_TYPE_NS,
    "PTR": pycares.QUERY_TYPE_PTR,
    "SRV": pycares.QUERY_TYPE_SRV,
    "TXT": pycares.QUERY_TYPE_TXT,
}
"""NetScaler's first three, and what else a server is asked for."""

DEFAULTS: Mapping[str, ParameterValue] = {"query": "", "query_type": "ADDRESS", "ip_address": ()}
"""`ip_address`: one of these must be in the answer; empty: any record of the type will do."""

SHOWN = 4
"""Addresses of a wrong answer that a detail names."""

REFUSALS = {
    errno.ARES_ENOTFOUND: (Reason.BAD_STATUS, "NXDOMAIN: no such name"),
    errno.ARES_ESERVFAIL: (Reason.BAD_STATUS, "SERVFAIL: the server failed"),
    errno.ARES_EREFUSED: (Reason.BAD_STATUS, "REFUSED: the server does not answer this for us"),
    errno.ARES_ENOTIMP: (Reason.BAD_STATUS, "NOTIMP: the server does not know this kind of query"),
    errno.ARES_EFORMERR: (Reason.BAD_STATUS, "FORMERR: the server does not understand the query"),
    errno.ARES_ENODATA: (Reason.MISMATCH, "an answer without such a record"),
    errno.ARES_EBADRESP: (Reason.BAD_RESPONSE, "no well-formed DNS answer"),
    errno.ARES_ECONNREFUSED: (Reason.REFUSED, "nobody listens there, or no way leads there"),
    errno.ARES_ETIMEOUT: (Reason.TIMEOUT_FIRST_BYTE, "no answer"),
}
"""What speaks of the target. Every other error of c-ares is ours."""

Address = IPv4Address | IPv6Address


class DnsTask:
    """One query a probe."""

    def __init__(self, binding: Binding) -> None:
        settings = {**DEFAULTS, **binding.parameters}
        if not 0 < binding.port < 65536:
            raise ValueError(f"port {binding.port} of {binding.service_name} is not a DNS port: give 1 to 65535")
        self._name = str(settings["query"])
        if not self._name or not self._name.isascii() or not self._name.isprintable():
            raise ValueError(f"query {self._name!r} is no name to ask for: give one such as example.org")
        self._type_name = str(settings["query_type"])
        if self._type_name not in QUERY_TYPES:
            raise ValueError(f"query_type {self._type_name!r} is not one of {', '.join(QUERY_TYPES)}")
        self._type = QUERY_TYPES[self._type_name]
        self._expected = _addresses(settings["ip_address"])
        if self._expected and self._type_name not in ("ADDRESS", "AAAA"):
            raise ValueError(f"ip_address is given, but a {self._type_name} record has none: leave it out")
        self._target, self._source_ip = binding.target, binding.source_ip
        self._timeout_ms = binding.timeout_ms

    async def run(self) -> Outcome:
        """One query."""
        question = Question(self._target, self._source_ip, self._timeout_ms)
        try:
            status, records = await question.ask(self._name, self._type)
        except pycares.AresError as error:
            return inconclusive(Reason.LOCAL_ERROR, f"query {self._name} cannot be sent: {error.args[-1]}")
        finally:
            question.close()
        if status is not None:
            return self._refused(status)
        found = [record for record in records if record.type == self._type]
        if not found:
            return self._refused(errno.ARES_ENODATA)
        return self._matched(found) if self._expected else UP

    def overdue(self) -> Outcome:
        """No answer."""
        return down(Reason.TIMEOUT_FIRST_BYTE, f"{self._asked}: no answer within {self._timeout_ms} ms")

    @property
    def _asked(self) -> str:
        return f"query {self._type_name} of {self._name}"

    def _refused(self, status: int) -> Outcome:
        reason, text = REFUSALS.get(status, (None, errno.errorcode.get(status, "unknown error")))
        if reason is None:
            return inconclusive(Reason.LOCAL_ERROR, f"{self._asked}: {text}")
        return down(reason, f"{self._asked}: {text}")

    def _matched(self, records: list[pycares.DNSRecord]) -> Outcome:
        """Whether one of the answer's addresses is one of those that are known."""
        data = [record.data for record in records]
        got = [ip_address(each.addr) for each in data if isinstance(each, pycares.ARecordData | pycares.AAAARecordData)]
        if any(address in self._expected for address in got):
            return UP
        shown, expected = ", ".join(map(str, got[:SHOWN])), " or ".join(map(str, self._expected))
        more = f" and {len(got) - SHOWN} more" if len(got) > SHOWN else ""
        return down(Reason.MISMATCH, f"{self._asked}: expected {expected}, got {shown}{more}")


class Question:
    """A channel for one query, and its sockets in this loop. Close it, whatever came of it."""

    def __init__(self, server: str, source_ip: str, timeout_ms: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets: set[int] = set()
        self._closed = False
        self._answer: asyncio.Future[tuple[int | None, list[pycares.DNSRecord]]] = self._loop.create_future()
        self._channel = pycares.Channel(
            servers=[server],
            tries=1,
            timeout=timeout_ms / 1000 + 1,  # the prober's deadline comes first
            flags=pycares.ARES_FLAG_NOSEARCH,
            local_ip=source_ip or None,
            sock_state_cb=self._socket_changed,
        )

    async def ask(self, name: str, query_type: int) -> tuple[int | None, list[pycares.DNSRecord]]:
        """The error, or None and the answer's records. Raises AresError if the query cannot be made."""
        self._channel.query(name, query_type, callback=self._answered)
        return await self._answer

    def close(self) -> None:
        """Cancel what is under way, and let go of the sockets before c-ares closes them, in a thread of its own."""
        self._answer.cancel()
        self._channel.cancel()
        self._closed = True
        for fd in list(self._sockets):
            self._forget(fd)
        self._channel.close()

    def _answered(self, result: pycares.DNSResult | None, status: int | None) -> None:
        if not self._answer.done():
            self._answer.set_result((status, result.answer if result is not None else []))

    def _socket_changed(self, fd: int, readable: bool, writable: bool) -> None:
        """c-ares wants to be told of this descriptor from now on; neither: it closes it."""
        if self._closed:
            return
        self._forget(fd)
        if readable:
            self._loop.add_reader(fd, self._channel.process_fd, fd, pycares.ARES_SOCKET_BAD)
        if writable:
            self._loop.add_writer(fd, self._channel.process_fd, pycares.ARES_SOCKET_BAD, fd)
        if readable or writable:
            self._sockets.add(fd)

    def _forget(self, fd: int) -> None:
        self._sockets.discard(fd)
        self._loop.remove_reader(fd)
        self._loop.remove_writer(fd)


def _addresses(value: ParameterValue) -> tuple[Address, ...]:
    """The expected addresses. Raises ValueError with the one that is none."""
    if not isinstance(value, tuple):
        raise ValueError(f"ip_address {value!r} is not a list of addresses: write it like ('10.0.0.1', '10.0.0.2')")
    return tuple([ip_address(str(each)) for each in value])


DNS = TaskKind("DNS", DEFAULTS, DnsTask)
