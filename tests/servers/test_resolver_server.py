"""The resolver of names against a real DNS server: TTLs, changes of address, and every way in which DNS is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from connectors.resolver.answers import Answer, NoAnswer, Outcome, Question
from connectors.resolver.lookup import DEADLINE_S, DnsLookup
from connectors.resolver.resolver import Resolver
from schemas.identifiers import EntityId
from schemas.probes import Reason
from tests.servers.named import NameServer, name_server
from tests.waiting import wait_until

WEB, WEB6 = Question("web.test", "A", 1_000), Question("web.test", "AAAA", 1_000)
SERVICE = EntityId("5-0")
DEADLINE_OF_TEST_S = 15.0


@pytest.fixture
def dns() -> Iterator[NameServer]:
    with name_server() as server:
        server.zone.addresses["web.test"] = (["10.0.0.5", "10.0.0.6", "2001:db8::5"], 30)
        yield server


def asked(server: NameServer | str, question: Question = WEB) -> Outcome:
    async def ask() -> Outcome:
        lookup = DnsLookup([server if isinstance(server, str) else server.address])
        try:
            return await lookup.ask(question)
        finally:
            await lookup.close()

    return asyncio.run(ask())


def test_D4_a_and_aaaa_are_asked_for_apart(dns: NameServer) -> None:
    assert asked(dns) == Answer(("10.0.0.5", "10.0.0.6"), 30)
    assert asked(dns, WEB6) == Answer(("2001:db8::5",), 30)
    assert dns.zone.asked == ["web.test/A", "web.test/AAAA"]


def test_D4_an_alias_counts_with_the_smallest_ttl(dns: NameServer) -> None:
    dns.zone.aliases["www.test"] = ("web.test", 7)
    assert asked(dns, Question("www.test")) == Answer(("10.0.0.5", "10.0.0.6"), 7)


def test_D4_no_record_of_the_family_is_said(dns: NameServer) -> None:
    dns.zone.addresses["v4.test"] = (["10.0.0.9"], 30)
    outcome = asked(dns, Question("v4.test", "AAAA"))
    assert outcome == NoAnswer(Reason.UNRESOLVED, "the name has no AAAA record")


@pytest.mark.parametrize("code", ["NXDOMAIN", "SERVFAIL", "REFUSED"])
def test_F14_what_the_server_says_instead_of_an_address_is_told(dns: NameServer, code: str) -> None:
    dns.zone.errors["web.test"] = code
    outcome = asked(dns)
    assert isinstance(outcome, NoAnswer)
    assert (outcome.reason, f"({code})" in outcome.detail) == (Reason.UNRESOLVED, True)


def test_F14_a_silent_server_is_a_timeout_within_the_deadline(dns: NameServer) -> None:
    dns.zone.silent = True
    began_s = time.monotonic()
    outcome = asked(dns)
    assert outcome == NoAnswer(Reason.TIMEOUT_RESOLVE, "no DNS server answered in time")
    assert time.monotonic() - began_s < DEADLINE_S + 1.0


def test_F14_a_dead_server_is_told(dns: NameServer) -> None:
    dns.die()
    outcome = asked(dns.address)
    assert isinstance(outcome, NoAnswer)
    assert outcome.reason in (Reason.TIMEOUT_RESOLVE, Reason.UNRESOLVED)


def test_D4_the_second_server_answers_when_the_first_is_dead(dns: NameServer) -> None:
    with name_server() as dead:
        dead.die()

        async def ask() -> Outcome:
            lookup = DnsLookup([dead.address, dns.address])
            outcome = await lookup.ask(WEB)
            await lookup.close()
            return outcome

        assert isinstance(asyncio.run(ask()), Answer)


@asynccontextmanager
async def watched(dns: NameServer) -> AsyncIterator[list[Outcome]]:
    heard: list[Outcome] = []
    resolver = Resolver(DnsLookup([dns.address]), lambda _service, _question, outcome: heard.append(outcome))
    resolver.watch(SERVICE, WEB)
    try:
        yield heard
    finally:
        await resolver.close()


async def until(condition: Callable[[], bool]) -> None:
    await asyncio.to_thread(wait_until, condition, DEADLINE_OF_TEST_S, "what DNS says now")


def test_D4_the_ttl_says_when_a_change_is_seen(dns: NameServer) -> None:
    async def run() -> None:
        dns.zone.addresses["web.test"] = (["10.0.0.5"], 1)
        async with watched(dns) as heard:
            await until(lambda: len(heard) == 1)
            first_s = time.monotonic()
            dns.zone.addresses["web.test"] = (["10.0.0.6"], 60)
            await until(lambda: len(heard) == 2)
            assert 0.9 < time.monotonic() - first_s < 2.0
            assert heard == [Answer(("10.0.0.5",), 1), Answer(("10.0.0.6",), 60)]
            assert dns.zone.asked == ["web.test/A"] * 2

    asyncio.run(run())


def test_F14_dns_that_goes_away_and_comes_back_is_heard(dns: NameServer) -> None:
    async def run() -> None:
        dns.zone.addresses["web.test"] = (["10.0.0.5"], 1)
        async with watched(dns) as heard:
            await until(lambda: len(heard) == 1)
            dns.zone.silent = True
            await until(lambda: isinstance(heard[-1], NoAnswer))
            dns.zone.silent = False
            await until(lambda: isinstance(heard[-1], Answer))

    asyncio.run(run())
