"""The feed of passive monitors: runs from tellings, silence, and whose word counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from connectors.engine.passive import PassiveFeed
from connectors.engine.runs import RunReport
from connectors.probes.inline import Traffic
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding

DEADLINE_S = 10.0
ROW = binding(7, kind="TCP-INLINE", interval_ms=60_000)
Talk = Callable[[PassiveFeed, list[RunReport], asyncio.Event], Awaitable[None]]


def fed(talk: Talk) -> list[RunReport]:
    """What was reported while `talk` had the feed."""

    async def scene() -> list[RunReport]:
        reports: list[RunReport] = []
        spoken = asyncio.Event()

        def take(batch: list[RunReport]) -> None:
            reports.extend(batch)
            spoken.set()

        feed = PassiveFeed(take)
        feed.add([ROW])
        feed.set_probing(on=[7])
        async with asyncio.timeout(DEADLINE_S):
            await talk(feed, reports, spoken)
        await feed.stop()
        return reports

    return asyncio.run(scene())


def told(reports: list[RunReport]) -> list[tuple[int, Verdict, Reason, int]]:
    return [(report.run, report.verdict, report.reason, report.count) for report in reports]


def test_M13_tellings_become_runs() -> None:
    async def talk(feed: PassiveFeed, _reports: list[RunReport], _spoken: asyncio.Event) -> None:
        assert feed.feed(7, Traffic(2, 0, response_us=400))
        assert feed.feed(7, Traffic(500, 0, response_us=600))
        assert feed.feed(7, Traffic(500, 0))
        assert feed.feed(7, Traffic(0, 50, Reason.RESET, "reset by the target"))

    up, down = (Verdict.UP, Reason.OK), (Verdict.DOWN, Reason.RESET)
    reports = fed(talk)
    assert told(reports) == [(1, *up, 2), (1, *up, 3), (1, *up, 8), (2, *down, 3)]
    assert (reports[0].response_avg_us, reports[-1].detail) == (400, "reset by the target")


def test_a_telling_of_nothing_is_no_news() -> None:
    async def talk(feed: PassiveFeed, _reports: list[RunReport], _spoken: asyncio.Event) -> None:
        assert feed.feed(7, Traffic())

    assert fed(talk) == []


def test_M13_M14_only_what_this_node_probes_counts_here() -> None:
    async def talk(feed: PassiveFeed, _reports: list[RunReport], _spoken: asyncio.Event) -> None:
        assert not feed.feed(8, Traffic(1, 0))
        feed.set_probing(off=[7])
        assert not feed.feed(7, Traffic(1, 0))
        feed.set_probing(resumed=[7])
        assert feed.feed(7, Traffic(1, 0))
        feed.remove([7])
        assert 7 not in feed
        feed.add([binding(7, kind="TCP")])
        assert 7 not in feed

    assert told(fed(talk)) == [(1, Verdict.UP, Reason.OK, 1)]


def test_M13_silence_is_inconclusive_and_ends_with_the_next_telling() -> None:
    async def talk(feed: PassiveFeed, reports: list[RunReport], spoken: asyncio.Event) -> None:
        feed.add([binding(7, kind="TCP-INLINE", interval_ms=100, window=2)])
        feed.feed(7, Traffic(1, 0))
        spoken.clear()
        await spoken.wait()
        assert (reports[-1].verdict, reports[-1].detail) == (
            Verdict.INCONCLUSIVE,
            "no traffic was reported for 0.2 s",
        )
        feed.feed(7, Traffic(0, 1))

    assert [row[1] for row in told(fed(talk))] == [Verdict.UP, Verdict.INCONCLUSIVE, Verdict.DOWN]


def test_a_binding_that_is_replaced_goes_on_with_its_runs() -> None:
    async def talk(feed: PassiveFeed, _reports: list[RunReport], _spoken: asyncio.Event) -> None:
        feed.feed(7, Traffic(1, 0))
        feed.add([binding(7, kind="HTTP-INLINE", interval_ms=60_000)])
        feed.feed(7, Traffic(1, 0))

    assert [row[0] for row in told(fed(talk))] == [1, 2]
