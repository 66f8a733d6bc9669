"""What a browser that watches is told: the whole, then each change; and what becomes of one that does not keep up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from schemas.identifiers import EntityId
from schemas.states import State
from streams.web import feed as module
from streams.web.feed import CLIENTS, QUEUED_EVENTS, Feed, Full
from streams.web.source import Source
from tests.unit.replica.samples import service_state
from tests.unit.web.fake_source import FakeSource, service
from tests.unit.web.test_pages import Ask, serve

SOON_S = 30.0


@dataclass(frozen=True)
class Event:
    """One event as a browser takes it."""

    name: str
    body: dict[str, Any]
    id: str | None


def event_of(text: bytes) -> Event | None:
    """None for one that only says how soon to come back."""
    fields = dict(line.split(": ", 1) for line in text.decode().strip().splitlines() if ": " in line)
    if "event" not in fields:
        return None
    return Event(fields["event"], json.loads(fields["data"]), fields.get("id"))


class Browser:
    """Reads a feed as an EventSource does."""

    def __init__(self, feed: Feed, last_id: str = "") -> None:
        self.stream: AsyncGenerator[bytes, None] = feed.watch(last_id)
        self.rows: dict[str, dict[str, Any]] = {}
        self.seen: list[str] = []
        self.last_id = last_id

    async def next(self) -> Event | None:
        async with asyncio.timeout(SOON_S):
            text = await anext(self.stream)
        event = None
        for part in text.removeprefix(b"retry: 1000\n\n").split(b"\n\n"):
            event = event_of(part)
            if event is not None:
                self.take(event)
        return event

    def take(self, event: Event) -> None:
        self.seen.append(event.name)
        self.last_id = event.id or self.last_id
        if event.name == "services":
            self.rows |= {row["id"]: row for row in event.body["rows"]}
            for gone in event.body["gone"]:
                self.rows.pop(gone, None)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON_S):
            while not condition():
                await self.next()

    async def until_ready(self) -> None:
        await self.until(lambda: "ready" in self.seen)


async def at_once(work: Callable[[], bytes]) -> bytes:
    await asyncio.sleep(0)
    return work()


def with_feed(source: Source, talk: Callable[[Feed], Awaitable[None]]) -> None:
    async def run() -> None:
        feed = Feed(source, at_once)
        try:
            await talk(feed)
        finally:
            await feed.close()

    asyncio.run(run())


def cluster(count: int) -> FakeSource:
    ids = [f"{number}-0" for number in range(count)]
    return FakeSource(
        services=[service(each, f"s{each}") for each in ids], states={each: service_state(each) for each in ids}
    )


def test_the_whole_comes_first_then_each_change() -> None:
    source = cluster(1_201)

    async def talk(feed: Feed) -> None:
        browser = Browser(feed)
        await browser.until_ready()
        assert browser.seen[:5] == ["whole", "services", "services", "services", "ready"]
        assert len(browser.rows) == 1_201
        source.states = {**source.states, "7-0": service_state("7-0", state=State.DOWN)}
        source.changed.add(EntityId("7-0"))
        await browser.until(lambda: browser.rows["7-0"]["state"] == "DOWN")
        assert browser.seen[-1] == "services"

    with_feed(source, talk)


def test_a_service_that_is_removed_is_gone() -> None:
    source = cluster(3)

    async def talk(feed: Feed) -> None:
        browser = Browser(feed)
        await browser.until_ready()
        source.services = source.services[1:]
        source.changed.add(EntityId("0-0"))
        await browser.until(lambda: "0-0" not in browser.rows)

    with_feed(source, talk)


def test_a_pulse_comes_though_nothing_changes() -> None:
    async def talk(feed: Feed) -> None:
        browser = Browser(feed)
        await browser.until(lambda: browser.seen.count("pulse") == 2)

    with_feed(cluster(1), talk)


def test_one_who_comes_back_is_told_what_he_missed_and_nothing_else() -> None:
    source = cluster(2)

    async def talk(feed: Feed) -> None:
        browser = Browser(feed)
        await browser.until(lambda: "pulse" in browser.seen)
        await browser.stream.aclose()
        other = Browser(feed)
        await other.until_ready()
        source.states = {**source.states, "1-0": service_state("1-0", state=State.DOWN)}
        source.changed.add(EntityId("1-0"))
        await other.until(lambda: other.rows["1-0"]["state"] == "DOWN")
        back = Browser(feed, browser.last_id)
        await back.until(lambda: "1-0" in back.rows)
        assert back.rows["1-0"]["state"] == "DOWN"
        assert "whole" not in back.seen
        assert "0-0" not in back.rows

    with_feed(source, talk)


@pytest.mark.parametrize("last_id", ["", "nonsense", "0-1", "abcd1234-5", "abcd1234-x"])
def test_an_id_that_is_not_known_gets_the_whole(last_id: str) -> None:
    async def talk(feed: Feed) -> None:
        browser = Browser(feed, last_id)
        await browser.until_ready()
        assert browser.seen[0] == "whole"

    with_feed(cluster(1), talk)


def test_one_who_missed_more_than_is_kept_gets_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", 10)

    async def talk(feed: Feed) -> None:
        browser = Browser(feed)
        await browser.until_ready()
        first = browser.last_id
        await browser.until(lambda: browser.seen.count("pulse") == 2)
        back = Browser(feed, first)
        await back.until_ready()
        assert back.seen[0] == "whole"

    with_feed(cluster(1), talk)


def test_what_changes_while_the_whole_is_sent_has_no_id_and_is_not_lost() -> None:
    source = cluster(1_500)

    async def talk(feed: Feed) -> None:
        browser = Browser(feed)
        await browser.next()
        source.states = {**source.states, "0-0": service_state("0-0", state=State.DOWN)}
        source.changed.add(EntityId("0-0"))
        while feed.told == 0:  # the tick works it out while this browser has not read on
            await asyncio.sleep(0)
        await browser.until(lambda: browser.rows.get("0-0", {}).get("state") == "DOWN")
        assert browser.last_id == ""
        await browser.until_ready()
        assert browser.rows["0-0"]["state"] == "DOWN"

    with_feed(source, talk)


def test_one_who_does_not_read_is_let_go_and_the_others_are_not() -> None:
    source = cluster(1)

    async def talk(feed: Feed) -> None:
        slow, quick = Browser(feed), Browser(feed)
        await slow.until_ready()
        await quick.until_ready()
        for number in range(QUEUED_EVENTS + 1):
            source.states = {"0-0": service_state("0-0", sequence=number + 2)}
            source.changed.add(EntityId("0-0"))
            told = feed.told
            await quick.until(lambda told=told: feed.told > told)  # type: ignore[misc]
        with pytest.raises(StopAsyncIteration):
            await slow.next()
        assert feed.clients == 1

    with_feed(source, talk)


def test_no_more_watch_than_may() -> None:
    async def talk(feed: Feed) -> None:
        browsers = [Browser(feed) for _ in range(CLIENTS)]
        for browser in browsers:
            await browser.until_ready()
        with pytest.raises(Full):
            await Browser(feed).next()
        await browsers[0].stream.aclose()
        await Browser(feed).until_ready()

    with_feed(cluster(1), talk)


def test_the_end_of_the_replay_sends_everyone_back_for_the_whole() -> None:
    source = cluster(1)
    source.whole = False

    async def talk(feed: Feed) -> None:
        browser = Browser(feed)
        await browser.until_ready()
        source.whole = True
        with pytest.raises(StopAsyncIteration):
            await browser.until(lambda: False)

    with_feed(source, talk)


def test_a_failure_of_the_source_sends_everyone_back_and_the_next_one_is_served() -> None:
    class Broken(FakeSource):
        broken = False

        def take_changed(self) -> set[EntityId]:
            if self.broken:
                raise RuntimeError("broken on purpose")
            return super().take_changed()

    source = Broken()

    async def talk(feed: Feed) -> None:
        browser = Browser(feed)
        await browser.until_ready()
        source.broken = True
        with pytest.raises(StopAsyncIteration):
            await browser.until(lambda: False)
        source.broken = False
        await Browser(feed).until_ready()

    with_feed(source, talk)


def test_over_http_it_is_a_stream_of_events_and_ends_with_the_node() -> None:
    source = cluster(2)

    async def talk(ask: Ask) -> None:
        status, headers, body = await ask("/api/events", "HEAD")
        assert (status, body) == (200, b"")
        assert headers["Content-Type"] == "text/event-stream"
        assert (await ask("/api/events?x=1"))[0] == 400
        watching = asyncio.create_task(ask("/api/events"))
        done, _ = await asyncio.wait([watching], timeout=0.5)
        assert not done
        source.ends = watching  # type: ignore[attr-defined]

    async def run() -> None:
        await serve(source, talk)
        assert source.closed

    asyncio.run(run())
