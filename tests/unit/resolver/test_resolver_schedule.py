"""When to ask DNS again, which address to take, and the watch over many names, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from connectors.resolver.answers import Answer, NoAnswer, Outcome, Question
from connectors.resolver.resolver import AT_ONCE, Resolver
from connectors.resolver.schedule import MAXIMUM_TTL_S, chosen, wait_ms
from schemas.identifiers import EntityId
from schemas.probes import Reason

WEB, SHOP = EntityId("5-0"), EntityId("5-1")
NAME = Question("web.test", "A", 5_000)
ANSWER = Answer(("10.0.0.5",), 30)
SILENCE = NoAnswer(Reason.TIMEOUT_RESOLVE, "no DNS server answered in time")


@pytest.mark.parametrize(
    ("outcome", "least_ms", "most_ms"),
    [
        (Answer(("10.0.0.5",), 30), 30_000, 33_000),
        (Answer(("10.0.0.5",), 0), 1_000, 1_100),
        (Answer(("10.0.0.5",), 86_400), MAXIMUM_TTL_S * 1_000, MAXIMUM_TTL_S * 1_000 + 5_000),
        (SILENCE, 5_000, 5_500),
    ],
)
def test_D4_the_ttl_is_honoured_within_bounds(outcome: Outcome, least_ms: int, most_ms: int) -> None:
    waits = {wait_ms(Question(f"web{number}.test"), outcome) for number in range(50)}
    assert least_ms <= min(waits) <= max(waits) <= most_ms
    assert len(waits) > 20
    assert wait_ms(NAME, outcome) == wait_ms(NAME, outcome)


def test_D4_an_address_in_use_is_kept_while_dns_gives_it() -> None:
    addresses = ["10.0.0.5", "10.0.0.6", "10.0.0.7"]
    assert chosen(addresses, ["10.0.0.6"], WEB) == "10.0.0.6"
    assert chosen(addresses, ["10.0.0.9", "10.0.0.7"], WEB) == "10.0.0.7"


def test_D4_the_order_of_the_answer_does_not_matter_and_services_spread() -> None:
    addresses = ["10.0.0.5", "10.0.0.6", "10.0.0.7"]
    choices = [chosen(addresses, [], EntityId(f"5-{number}")) for number in range(60)]
    assert choices == [chosen(addresses[::-1], [], EntityId(f"5-{number}")) for number in range(60)]
    assert set(choices) == set(addresses)


class Answers:
    """Answers when it is let; counts what is asked, and how many at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.on_their_way = self.most = 0
        self.let = asyncio.Event()
        self.outcome: Outcome = ANSWER

    async def ask(self, question: Question) -> Outcome:
        self.asked.append(question.name)
        self.on_their_way += 1
        self.most = max(self.most, self.on_their_way)
        await self.let.wait()
        self.on_their_way -= 1
        return self.outcome

    async def close(self) -> None:
        self.let.set()


async def turns(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5.0):
        while not condition():
            await asyncio.sleep(0)


def test_F14_names_that_come_together_are_asked_a_few_at_a_time() -> None:
    async def run() -> None:
        answers, heard = Answers(), list[EntityId]()
        resolver = Resolver(answers, lambda service, _question, _outcome: heard.append(service))
        for number in range(3 * AT_ONCE):
            resolver.watch(EntityId(f"5-{number}"), Question(f"web{number}.test"))
        await turns(lambda: len(answers.asked) == AT_ONCE)
        answers.let.set()
        await turns(lambda: len(heard) == 3 * AT_ONCE)
        assert answers.most == AT_ONCE
        await resolver.close()

    asyncio.run(run())


def test_D2_one_name_of_many_services_is_asked_once_and_all_are_told() -> None:
    async def run() -> None:
        answers, heard = Answers(), list[EntityId]()
        resolver = Resolver(answers, lambda service, _question, _outcome: heard.append(service))
        answers.let.set()
        resolver.watch(WEB, NAME)
        await turns(lambda: heard == [WEB])
        resolver.watch(SHOP, NAME)
        assert heard == [WEB]
        await turns(lambda: heard == [WEB, SHOP])
        assert answers.asked == ["web.test"]
        await resolver.close()

    asyncio.run(run())


def test_D2_who_has_gone_is_not_told_and_a_name_that_nobody_watches_is_not_asked() -> None:
    async def run() -> None:
        answers, heard = Answers(), list[EntityId]()
        resolver = Resolver(answers, lambda service, _question, _outcome: heard.append(service))
        resolver.watch(WEB, NAME)
        resolver.unwatch(WEB, NAME)
        resolver.watch(SHOP, Question("shop.test"))
        resolver.unwatch(WEB, Question("never.test"))
        answers.let.set()
        await turns(lambda: heard == [SHOP])
        assert answers.asked == ["shop.test"]
        await resolver.close()

    asyncio.run(run())


def test_F14_a_fault_of_ours_is_told_and_the_watch_goes_on() -> None:
    class Broken(Answers):
        async def ask(self, question: Question) -> Outcome:
            raise RuntimeError("no sockets left")

    async def run() -> None:
        heard: list[Outcome] = []
        resolver = Resolver(Broken(), lambda _service, _question, outcome: heard.append(outcome))
        resolver.watch(WEB, NAME)
        await turns(lambda: len(heard) == 1)
        assert heard == [NoAnswer(Reason.LOCAL_ERROR, "cannot ask DNS: RuntimeError: no sockets left")]
        await resolver.close()

    asyncio.run(run())
