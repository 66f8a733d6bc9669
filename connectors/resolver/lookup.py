"""One question over the network, with aiodns.

Rule: whatever a name server does, there is an outcome within `DEADLINE_S`, and it is an address or a sentence. Answers
are hostile until read: only addresses of the family asked for count, at most `ADDRESSES` of them. The TTL is the
smallest along the chain of aliases. The client is made at the first question, for most nodes never ask one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import aiodns
from pycares import errno

from connectors.resolver.answers import Answer, NoAnswer, Outcome, Question
from schemas.probes import Reason

TRY_S = 1.0
"""How long one try at one server may take, at first; the resolver's library doubles it for the second try."""
TRIES = 2
DEADLINE_S = 5.0
"""For the whole question, over all servers."""
ADDRESSES = 64

FAMILIES = {"A": 4, "AAAA": 6}

SILENCE = NoAnswer(Reason.TIMEOUT_RESOLVE, "no DNS server answered in time")

SAID = {
    errno.ARES_ENOTFOUND: "no such name (NXDOMAIN)",
    errno.ARES_ESERVFAIL: "the DNS server failed (SERVFAIL)",
    errno.ARES_EREFUSED: "the DNS server refused to answer (REFUSED)",
    errno.ARES_ENOTIMP: "the DNS server cannot answer such a question (NOTIMP)",
    errno.ARES_EFORMERR: "the DNS server did not understand the question (FORMERR)",
    errno.ARES_EBADRESP: "the DNS server's answer cannot be read",
    errno.ARES_EBADNAME: "not a name that DNS can be asked for",
    errno.ARES_ECONNREFUSED: "nobody answers at the DNS server's address",
}
"""By the library's code; others give its own words."""

SILENT = (errno.ARES_ETIMEOUT, errno.ARES_ECANCELLED)


class DnsLookup:
    """Asks the name servers given, such as `127.0.0.1:5353`, or those of /etc/resolv.conf. Use it from one loop."""

    def __init__(self, nameservers: Sequence[str] = ()) -> None:
        self._nameservers = tuple(nameservers)
        self._client: aiodns.DNSResolver | None = None

    async def ask(self, question: Question) -> Outcome:
        """Ask once. Raises nothing of the network's."""
        client = self._client
        if client is None:
            client = self._client = aiodns.DNSResolver(self._nameservers or None, timeout=TRY_S, tries=TRIES)
        try:
            async with asyncio.timeout(DEADLINE_S):
                result = await client.query_dns(question.name, question.query_type)
        except TimeoutError:
            return SILENCE
        except aiodns.error.DNSError as fault:
            return no_answer(question, int(fault.args[0]), str(fault.args[-1]))
        return read_answer(question, result.answer)

    async def close(self) -> None:
        """End every question."""
        if self._client is not None:
            await self._client.close()
            self._client = None


def no_answer(question: Question, code: int, words: str) -> NoAnswer:
    """What an error of the library means."""
    if code in SILENT:
        return SILENCE
    if code == errno.ARES_ENODATA:
        return _none(question)
    return NoAnswer(Reason.UNRESOLVED, SAID.get(code, words))


def read_answer(question: Question, records: Sequence[Any]) -> Outcome:
    """The addresses among the records of an answer."""
    addresses = [_address(record, FAMILIES[question.query_type]) for record in records]
    found = tuple(dict.fromkeys(address for address in addresses if address))[:ADDRESSES]
    if not found:
        return _none(question)
    return Answer(found, max(0, min(int(record.ttl) for record in records)))


def _none(question: Question) -> NoAnswer:
    return NoAnswer(Reason.UNRESOLVED, f"the name has no {question.query_type} record")


def _address(record: Any, version: int) -> str | None:
    text = getattr(record.data, "addr", None)
    if not isinstance(text, str):
        return None  # an alias on the way
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return str(address) if address.version == version else None
