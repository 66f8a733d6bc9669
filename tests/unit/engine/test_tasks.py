"""The prober of task kinds keeps the promises of an engine: one in flight, deadlines, runs, limits, nothing left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from connectors.engine.binding import Binding
from connectors.engine.pool import EnginePool
from connectors.engine.runs import RunReport
from connectors.engine.schedule import phase_ms, spread_of
from connectors.engine.tasks import TaskProber
from connectors.probes.contract import TaskKind, Timed
from connectors.probes.outcome import UP, Outcome, down
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding
from tests.waiting import wait_until

Run = Callable[[Binding], Awaitable[Outcome | Timed]]
LATE = down(Reason.TIMEOUT_BODY, "too late")


class Probe:
    """A task that does what the test says."""

    def __init__(self, row: Binding, run: Run) -> None:
        self._row = row
        self._run = run

    async def run(self) -> Outcome | Timed:
        return await self._run(self._row)

    def overdue(self) -> Outcome:
        return LATE


class Scene:
    """A prober with one kind, ODD, and what it reported."""

    def __init__(self, run: Run, limit: int = 100) -> None:
        self.reports: list[RunReport] = []
        self.batches = 0
        kinds = {"ODD": TaskKind("ODD", {}, lambda row: Probe(row, run))}
        self.prober = TaskProber(kinds, self._take, limit)

    def _take(self, reports: list[RunReport]) -> None:
        self.batches += 1
        self.reports += reports

    def probe(self, *rows: Binding) -> None:
        self.prober.add(rows)
        self.prober.set_probing(on=[row.number for row in rows])

    async def until(self, condition: Callable[[], object], what: str) -> None:
        await asyncio.to_thread(wait_until, condition, 10.0, what)

    async def first(self, row: Binding) -> RunReport:
        self.probe(row)
        await self.until(lambda: self.reports, "a report")
        return self.reports[0]


def odd(number: int = 1, **settings: Any) -> Binding:
    return binding(number, "ODD", **settings)


def play(run: Run, act: Callable[[Scene], Awaitable[None]], limit: int = 100) -> None:
    """Act on a scene, and see that no task is left."""

    async def scene() -> None:
        stage = Scene(run, limit)
        try:
            await act(stage)
        finally:
            await stage.prober.stop()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left

    asyncio.run(scene())


async def fine(_: Binding) -> Outcome:
    return UP


async def endless(_: Binding) -> Outcome:
    await asyncio.Event().wait()
    return UP


def test_outcomes_are_runs_as_an_engine_reports_them() -> None:
    async def act(scene: Scene) -> None:
        scene.probe(odd(interval_ms=20, window=10**6))
        await scene.until(lambda: len(scene.reports) > 4, "reports")
        assert {(report.verdict, report.run, report.sequence) for report in scene.reports} == {(Verdict.UP, 1, 0)}
        assert [report.count for report in scene.reports[:4]] == [1, 2, 3, 4]

    play(fine, act)


def test_the_schedule_is_a_grid_and_does_not_drift() -> None:
    begun: list[int] = []
    stages: list[Scene] = []

    async def note(row: Binding) -> Outcome:
        begun.append(stages[0].prober._rows[row.number].due_ms)
        return UP

    async def act(scene: Scene) -> None:
        stages.append(scene)
        scene.probe(odd(interval_ms=100))
        await scene.until(lambda: len(begun) > 6, "probes")
        assert {(due_ms - phase_ms(100, spread_of(odd().schedule_key))) % 100 for due_ms in begun} == {0}
        assert begun == sorted(set(begun))

    play(note, act)


def test_an_interval_of_0_is_one_probe() -> None:
    async def act(scene: Scene) -> None:
        await scene.first(odd(interval_ms=0))
        assert scene.prober.statistics.probes == 1
        scene.probe(odd(2, interval_ms=20))
        await scene.until(lambda: scene.prober.statistics.probes > 5, "time passes")
        assert len([report for report in scene.reports if report.number == 1]) == 1

    play(fine, act)


def test_the_deadline_cancels_awaits_and_asks_what_was_missing() -> None:
    ended: list[bool] = []

    async def tidy(row: Binding) -> Outcome:
        try:
            return await endless(row)
        finally:
            ended.append(True)

    async def act(scene: Scene) -> None:
        began_s = time.monotonic()
        report = await scene.first(odd(timeout_ms=200))
        assert (report.verdict, report.reason, report.detail) == (Verdict.DOWN, Reason.TIMEOUT_BODY, "too late")
        assert (ended, report.response_max_us) == ([True], 0)
        assert 0.2 <= time.monotonic() - began_s < 1.5

    play(tidy, act)


def test_an_answer_that_came_while_the_node_was_held_up_counts() -> None:
    async def held_up(_: Binding) -> Outcome:
        hold_up(0.3)
        return UP

    async def act(scene: Scene) -> None:
        report = await scene.first(odd(timeout_ms=100))
        assert report.verdict is Verdict.UP

    play(held_up, act)


def hold_up(seconds: float) -> None:
    """Keep the loop from running, as a long computation does."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        sum(range(1000))


def test_at_most_one_in_flight_and_what_is_passed_over_is_counted() -> None:
    running, most = 0, 0

    async def slow(_: Binding) -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await asyncio.Event().wait()
        finally:
            running -= 1
        return UP

    async def act(scene: Scene) -> None:
        scene.probe(odd(interval_ms=20, timeout_ms=300, window=10**6))
        await scene.until(lambda: len(scene.reports) > 1, "two probes")
        assert (most, scene.prober.statistics.in_flight <= 1) == (1, True)
        assert scene.prober.statistics.skipped > 10

    play(slow, act)


def test_beyond_the_limit_probes_wait_and_all_have_their_turn() -> None:
    gate = asyncio.Event()

    async def gated(_: Binding) -> Outcome:
        await gate.wait()
        return UP

    async def act(scene: Scene) -> None:
        scene.probe(*[odd(number, interval_ms=0, timeout_ms=10_000) for number in range(1, 11)])
        await scene.until(lambda: scene.prober.statistics.waiting == 7, "seven wait")
        seen = scene.prober.statistics
        assert (seen.in_flight, seen.bindings, seen.scheduled, seen.probes) == (3, 10, 10, 3)
        await scene.until(lambda: scene.prober.statistics.lag_ms > 100, "their lateness is told")
        gate.set()
        await scene.until(lambda: len(scene.reports) == 10, "all are probed")
        assert {report.number for report in scene.reports} == set(range(1, 11))

    play(gated, act, limit=3)


def test_a_bug_in_a_kind_is_inconclusive_and_names_the_kind() -> None:
    async def buggy(_: Binding) -> Outcome:
        raise KeyError("a secret it holds")

    async def act(scene: Scene) -> None:
        report = await scene.first(odd())
        assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
        assert report.detail.startswith("probe kind ODD broke: KeyError at test_tasks.py:")

    play(buggy, act)


def test_a_task_that_cancels_itself_is_a_bug_too() -> None:
    async def quitter(_: Binding) -> Outcome:
        raise asyncio.CancelledError

    async def act(scene: Scene) -> None:
        assert (await scene.first(odd())).detail == "probe kind ODD broke: it cancelled itself"

    play(quitter, act)


def test_M7_a_kind_may_give_its_own_response_time() -> None:
    async def timed(_: Binding) -> Timed:
        return Timed(UP, 123_456)

    async def act(scene: Scene) -> None:
        report = await scene.first(odd())
        assert (report.response_min_us, report.response_avg_us, report.response_max_us) == (123_456,) * 3

    play(timed, act)


def test_M14_off_cancels_and_reports_nothing() -> None:
    begun, ended = [], []

    async def noted(row: Binding) -> Outcome:
        begun.append(row.number)
        try:
            return await endless(row)
        finally:
            ended.append(row.number)

    async def act(scene: Scene) -> None:
        scene.probe(odd(timeout_ms=60_000))
        await scene.until(lambda: begun, "it runs")
        scene.prober.set_probing(off=[1])
        await scene.until(lambda: ended and not scene.prober.statistics.in_flight, "it is cancelled")
        assert (scene.reports, scene.prober.statistics.scheduled) == ([], 0)
        scene.prober.set_probing(on=[1])
        await scene.until(lambda: len(begun) == 2, "it runs again")
        scene.prober.remove([1])
        await scene.until(lambda: len(ended) == 2, "it is cancelled again")
        assert 1 not in scene.prober

    play(noted, act)


def test_a_replaced_binding_keeps_its_flag_and_its_runs_grow() -> None:
    async def act(scene: Scene) -> None:
        scene.probe(odd(interval_ms=20, window=10**6))
        await scene.until(lambda: scene.reports, "a report")
        scene.prober.add([odd(interval_ms=30, window=10**6)])
        await scene.until(lambda: scene.reports[-1].run == 2, "a new run")

    play(fine, act)


def test_down_time_is_a_pause_after_the_window_of_failures() -> None:
    async def dead(_: Binding) -> Outcome:
        return LATE

    async def act(scene: Scene) -> None:
        scene.probe(odd(1, interval_ms=20, window=3, down_time_ms=3_600_000), odd(2, interval_ms=20, window=3))
        await scene.until(lambda: scene.prober.statistics.probes > 20, "probes of the other")
        assert [report.count for report in scene.reports if report.number == 1] == [1, 2, 3]

    play(dead, act)


def test_ten_thousand_bindings_are_spread_and_resumed_ones_more() -> None:
    begun: list[int] = []

    async def note(row: Binding) -> Outcome:
        begun.append(row.number)
        return UP

    async def act(scene: Scene) -> None:
        rows = [odd(number, interval_ms=60_000) for number in range(100, 10_100)]
        scene.prober.add(rows)
        scene.prober.set_probing(resumed=[row.number for row in rows])
        await scene.until(lambda: len(begun) > 500, "some are probed")
        assert len(begun) < 6000
        assert scene.batches < len(begun)

    play(note, act)


def test_an_unknown_parameter_and_a_refused_address_are_values() -> None:
    async def act(scene: Scene) -> None:
        report = await scene.first(odd(colour="red"))
        assert report.detail == "ODD has no parameter colour: it has none"
        scene.probe(odd(2, ip="224.0.0.1"))
        await scene.until(lambda: len(scene.reports) == 2, "the other")
        assert (scene.reports[1].verdict, scene.reports[1].reason) == (Verdict.INCONCLUSIVE, Reason.NO_PERMISSION)

    play(fine, act)


def test_a_task_that_does_not_let_itself_be_cancelled_is_told(monkeypatch: Any) -> None:
    monkeypatch.setattr("connectors.engine.task_flight.CLEANUP_S", 0.1)
    release = asyncio.Event()

    async def stubborn(_: Binding) -> Outcome:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return UP

    async def act(scene: Scene) -> None:
        report = await scene.first(odd(interval_ms=50, timeout_ms=50, window=10**6))
        assert report.detail == "probe kind ODD broke: it still runs 0.1 s after it was cancelled"
        await scene.until(lambda: scene.prober.statistics.skipped > 3, "the binding waits")
        assert scene.prober.statistics.probes == 1
        release.set()
        await scene.until(lambda: scene.prober.statistics.probes > 1, "and goes on when it has ended")

    play(stubborn, act)


def test_C1_engines_hold_rows_of_task_kinds_and_the_pool_drives_both() -> None:
    async def scene() -> None:
        reports: list[RunReport] = []
        pool = EnginePool(1, reports.extend)
        await pool.start()
        try:
            rows = [binding(1, "PING", port=0), binding(2, "USER", script_name="a"), binding(3, "GOPHER")]
            pool.add(rows)
            pool.set_probing(on=[1, 2, 3])
            await asyncio.to_thread(wait_until, lambda: {r.number for r in reports} == {1, 2, 3}, 10.0, "three reports")
            await asyncio.to_thread(wait_until, lambda: pool.statistics[0].bindings == 3, 5.0, "the whole table")
            assert (pool.statistics[0].scheduled, pool.tasks.statistics.scheduled) == (2, 1)
            told = {report.number: report.detail for report in reports}
            assert told[2].startswith("scripts are off on this node")
            assert told[3].endswith("DNS, FTP, USER")
            assert len({report.sequence for report in reports}) == len(reports)
            assert len({report.run for report in reports}) == 3
            pool.remove([2])
            assert pool.tasks.statistics.bindings == 0
        finally:
            await pool.stop()

    asyncio.run(scene())


def test_M19_a_learnt_time_out_holds_for_tasks_too() -> None:
    probes = 0

    async def stuck_at_last(row: Binding) -> Outcome:
        nonlocal probes
        probes += 1
        return UP if probes <= 5 else await endless(row)

    async def act(scene: Scene) -> None:
        scene.probe(replace(odd(interval_ms=400, timeout_ms=390, window=10**6), deviation_ms=60))
        await scene.until(lambda: scene.reports and scene.reports[-1].verdict is Verdict.DOWN, "it is overdue")
        assert "no answer within the learnt time-out of 6" in scene.reports[-1].detail

    play(stuck_at_last, act)


def test_M18_with_reverse_the_down_time_follows_successes() -> None:
    async def act(scene: Scene) -> None:
        row = odd(1, interval_ms=20, window=1, down_time_ms=3_600_000)
        scene.probe(replace(row, up_window=3, down_after=3, reverse=True), odd(2, interval_ms=20))
        await scene.until(lambda: scene.prober.statistics.probes > 20, "probes of the other")
        assert [report.count for report in scene.reports if report.number == 1] == [1, 2, 3]

    play(fine, act)
