"""The pool and its engines as real processes: reports, loss and return of an engine, and no process left behind."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connectors.engine import pool
from connectors.engine.binding import Binding
from connectors.engine.placement import owner_engine
from connectors.engine.pool import EnginePool
from connectors.engine.runs import RunReport
from schemas.probes import Verdict
from tests.unit.engine.harness import binding
from tests.unit.engine.servers import serving, silent
from tests.waiting import let_pass, wait_until


class Node:
    """What a node keeps of its pool."""

    def __init__(self) -> None:
        self.reports: list[RunReport] = []
        self.lost: list[tuple[int, str]] = []
        self.pool: EnginePool

    async def until(self, condition: Callable[[], object], what: str, deadline_s: float = 15.0) -> None:
        """Wait without holding up the loop."""
        await asyncio.to_thread(wait_until, condition, deadline_s, what)

    def in_run(self, run: int) -> set[int]:
        """The bindings that have had this many runs."""
        runs: dict[int, set[int]] = {}
        for report in self.reports:
            runs.setdefault(report.number, set()).add(report.run)
        return {number for number, had in runs.items() if len(had) >= run}

    def latest(self) -> dict[int, RunReport]:
        """The last report of each binding."""
        return {report.number: report for report in self.reports}


@asynccontextmanager
async def pool_of(engines: int) -> AsyncIterator[Node]:
    node = Node()
    node.pool = EnginePool(engines, node.reports.extend, lambda index, why: node.lost.append((index, why)))
    await node.pool.start()
    try:
        yield node
    finally:
        await node.pool.stop()


def rows(port: int, count: int = 20) -> list[Binding]:
    """Bindings that spread over the engines, each probed every 50 ms and reported each time."""
    return [binding(n, port=port, service_name="s", interval_ms=50, window=10**6) for n in range(1, count + 1)]


def is_running(pid: int) -> bool:
    """Whether the process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def probing(node: Node, port: int) -> None:
    node.pool.add(rows(port))
    node.pool.set_probing(on=range(1, 21))
    await node.until(lambda: len(node.latest()) == 20, "every binding is probed")


def test_F3_what_engines_found_before_a_service_was_lost_is_not_told_when_it_is_back() -> None:
    """The node sleeps while its engines do not: what they say meanwhile is read when it wakes, under its new duty."""

    async def scene() -> None:
        async with pool_of(2) as node:
            with serving(silent) as port:
                await probing(node, port)
                node.pool.set_probing(off=range(16, 21))
                await node.until(lambda: sum(s.scheduled for s in node.pool.statistics.values()) == 15, "five rest")
                let_pass(0.3)  # the loop stands still
            node.pool.set_probing(off=range(1, 16))
            node.pool.set_probing(on=range(1, 21))
            node.reports.clear()
            for _ in range(5):
                await node.until(lambda: len(node.latest()) == 20, "all are told")
                assert {report.verdict for report in node.reports} == {Verdict.DOWN}
                node.pool.set_probing(on=range(1, 21))  # nothing begins anew by that: nothing of it is lost
                node.reports.clear()

    asyncio.run(scene())


def test_C12_reports_of_all_engines_in_one_growing_sequence() -> None:
    async def scene() -> None:
        with serving(silent) as port:
            async with pool_of(2) as node:
                await probing(node, port)
                assert {report.verdict for report in node.reports} == {Verdict.UP}
                sequences = [report.sequence for report in node.reports]
                assert sequences == sorted(set(sequences))
                await node.until(lambda: sum(s.scheduled for s in node.pool.statistics.values()) == 20, "statistics")
                assert [s.bindings for s in node.pool.statistics.values()] == [20, 20]

    asyncio.run(scene())


def test_C15_a_killed_engines_bindings_move_and_come_back() -> None:
    async def scene() -> None:
        with serving(silent) as port:
            async with pool_of(2) as node:
                await probing(node, port)
                moved = {row.number for row in rows(port) if owner_engine(row, 2) == 1}
                killed_s = time.monotonic()
                os.kill(node.pool.pids[1], signal.SIGKILL)
                await node.until(lambda: node.lost, "the loss is seen")
                assert node.pool.alive == [0]
                await node.until(lambda: node.in_run(2) >= moved, "the other probes them")
                assert time.monotonic() - killed_s < 5
                await node.until(lambda: node.pool.alive == [0, 1], "it is started again")
                await node.until(lambda: node.in_run(3) == moved, "and takes its share back")
                assert node.lost == [(1, "it ended")]

    asyncio.run(scene())


def test_C15_a_stuck_engine_is_killed_and_its_bindings_move() -> None:
    async def scene() -> None:
        with serving(silent) as port:
            async with pool_of(2) as node:
                await probing(node, port)
                stuck = node.pool.pids[0]
                os.kill(stuck, signal.SIGSTOP)
                await node.until(lambda: node.lost, "the silence is noticed")
                assert node.lost == [(0, "it was silent for 3 s")]
                assert not is_running(stuck)
                seen = len(node.reports)
                await node.until(lambda: len({r.number for r in node.reports[seen:]}) == 20, "all go on")

    asyncio.run(scene())


def test_C15_an_engine_that_has_not_spoken_yet_is_given_time_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SILENT_S", 2.0)

    async def scene() -> None:
        node = Node()
        node.pool = EnginePool(1, node.reports.extend, lambda index, why: node.lost.append((index, why)))
        starting = asyncio.create_task(node.pool.start())
        try:
            await node.until(lambda: node.pool.pids, "there is a process")
            slow = node.pool.pids[0]
            os.kill(slow, signal.SIGSTOP)
            assert not node.pool.statistics
            await asyncio.to_thread(let_pass, 2.0 + 3 * pool.WATCH_S)
            assert node.lost == []
            os.kill(slow, signal.SIGCONT)
            await starting
            assert node.pool.pids == {0: slow}
        finally:
            await node.pool.stop()

    asyncio.run(scene())


def test_C15_an_engine_that_never_speaks_is_killed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "FIRST_WORD_S", 1.0)

    async def scene() -> None:
        node = Node()
        node.pool = EnginePool(1, node.reports.extend, lambda index, why: node.lost.append((index, why)))
        starting = asyncio.create_task(node.pool.start())
        try:
            await node.until(lambda: node.pool.pids, "there is a process")
            os.kill(node.pool.pids[0], signal.SIGSTOP)
            await node.until(lambda: node.lost, "its silence is noticed")
            assert node.lost == [(0, "it was silent for 1 s")]
            await starting
        finally:
            await node.pool.stop()

    asyncio.run(scene())


def test_C15_an_engine_that_cannot_be_started_again_now_is_tried_later() -> None:
    async def scene() -> None:
        async with pool_of(1) as node:
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            os.kill(node.pool.pids[0], signal.SIGKILL)
            await node.until(lambda: node.lost, "the loss is seen")
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
            try:
                await node.until(lambda: len(node.lost) > 1, "there is no descriptor for it")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            assert node.lost[1] == (0, "it cannot be started: Too many open files")
            await node.until(lambda: node.pool.alive == [0], "it is started after all")

    asyncio.run(scene())


def test_M14_off_means_silence_and_remove_forgets() -> None:
    async def scene() -> None:
        with serving(silent) as port:
            async with pool_of(2) as node:
                await probing(node, port)
                node.pool.set_probing(off=range(1, 20))
                await node.until(lambda: sum(s.scheduled for s in node.pool.statistics.values()) == 1, "only one left")
                seen = len(node.reports)
                await node.until(lambda: len(node.reports) > seen + 5, "it goes on")
                assert {report.number for report in node.reports[seen:]} == {20}
                node.pool.remove(range(1, 21))
                await node.until(lambda: sum(s.bindings for s in node.pool.statistics.values()) == 0, "empty tables")

    asyncio.run(scene())


def test_control_c_is_the_nodes_to_handle_and_SIGTERM_ends() -> None:
    async def scene() -> None:
        async with pool_of(1) as node:
            pid = node.pool.pids[0]
            os.kill(pid, signal.SIGINT)
            before = node.pool.statistics[0].cpu_ms
            await node.until(lambda: node.pool.statistics[0].cpu_ms > before, "it goes on")
            os.kill(pid, signal.SIGTERM)
            await node.until(lambda: node.lost, "it ended")

    asyncio.run(scene())


def test_stop_leaves_no_process() -> None:
    async def scene() -> list[int]:
        async with pool_of(2) as node:
            return list(node.pool.pids.values())

    assert not [pid for pid in asyncio.run(scene()) if is_running(pid)]


NODE_THAT_DIES = """
    import asyncio
    from connectors.engine.pool import EnginePool
    async def main():
        pool = EnginePool(2, lambda reports: None)
        await pool.start()
        print(*pool.pids.values(), flush=True)
        await asyncio.Event().wait()
    asyncio.run(main())
"""


def test_engines_end_with_a_node_that_is_killed() -> None:
    command = [sys.executable, "-c", textwrap.dedent(NODE_THAT_DIES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        pids = [int(pid) for pid in node.stdout.readline().split()]
        assert len(pids) == 2
        node.kill()
    wait_until(lambda: not any(map(is_running, pids)), 5, "both engines end")


def test_a_table_of_10000_bindings_is_sent_without_holding_up_the_node() -> None:
    async def scene() -> None:
        async with pool_of(2) as node:
            table = [binding(number, interval_ms=3_600_000, service_name="s") for number in range(10_000)]
            began_s = time.process_time()
            node.pool.add(table)
            node.pool.set_probing(on=range(10_000))
            assert time.process_time() - began_s < 3.0, "0.1 s; a message for each takes tens"
            await node.until(
                lambda: [s.bindings for s in node.pool.statistics.values()] == [10_000] * 2, "both have it"
            )
            node.pool.remove(range(10_000))

    asyncio.run(scene())
