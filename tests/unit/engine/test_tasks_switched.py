"""Bindings of task kinds that are switched off and on again while their probe has not ended yet."""

from __future__ import annotations

import asyncio

from connectors.engine.binding import Binding
from connectors.probes.outcome import UP, Outcome
from tests.unit.engine.test_tasks import Scene, endless, odd, play


def test_M2_a_probe_due_once_is_made_though_the_last_one_takes_a_while_to_be_cancelled() -> None:
    ended = asyncio.Event()
    begun = []

    async def slow_to_end(row: Binding) -> Outcome:
        begun.append(row.number)
        if len(begun) == 1:
            try:
                return await endless(row)
            finally:
                await ended.wait()
        return UP

    async def act(scene: Scene) -> None:
        scene.probe(odd(interval_ms=0, timeout_ms=60_000))
        await scene.until(lambda: begun, "it runs")
        scene.prober.set_probing(off=[1])
        scene.prober.set_probing(on=[1])
        row = scene.prober._rows[1]
        due_ms = row.due_ms
        await scene.until(lambda: row.due_ms > due_ms, "it is due while the last one ends")
        ended.set()
        await scene.until(lambda: scene.reports, "it is made after all")
        assert (len(begun), scene.reports[0].count) == (2, 1)

    play(slow_to_end, act)


def test_a_probe_that_is_being_cancelled_is_awaited_however_often_it_is_switched_off() -> None:
    ended = asyncio.Event()
    begun = []

    async def slow_to_end(row: Binding) -> Outcome:
        begun.append(row.number)
        try:
            return await endless(row)
        finally:
            await ended.wait()

    async def act(scene: Scene) -> None:
        scene.probe(odd(timeout_ms=60_000))
        await scene.until(lambda: begun, "it runs")
        for _ in range(2):
            scene.prober.set_probing(off=[1])
            await asyncio.sleep(0)
            scene.prober.set_probing(on=[1])
        scene.prober.set_probing(off=[1])
        for _ in range(10):
            await asyncio.sleep(0)
        assert scene.prober.statistics.in_flight == 1, "it still runs"
        ended.set()
        await scene.until(lambda: not scene.prober.statistics.in_flight, "it has ended")

    play(slow_to_end, act)
