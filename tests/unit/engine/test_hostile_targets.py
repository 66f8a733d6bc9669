"""F14: no target can make the engine late, big or wrong, neither one by one nor 500 at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import psutil

from connectors.engine.binding import Binding
from connectors.engine.pool import EnginePool
from connectors.engine.runs import RunReport
from connectors.engine.tls import client_context
from connectors.probes.outcome import DETAIL_BYTES
from schemas.probes import Verdict
from tests.unit.engine.harness import binding
from tests.unit.engine.hostile import HOSTILE, HostileServers, hostile_servers
from tests.waiting import wait_until

TIMEOUT_MS = 1000
TOLERANCE_MS = TIMEOUT_MS // 10
MANY = 500
GOOD_MS = 1500
ROUNDS = 4
GROWTH_MB = 64
"""500 probes at once may each hold 64 KB of an answer, and TLS its buffers."""
LAG_MS = 400
"""The most that a probe may begin late while 500 targets misbehave, on two cores that others use too."""
MB = 1 << 20


@dataclass
class Attacked:
    """One engine under attack, watched."""

    pool: EnginePool
    reports: list[RunReport]
    peak: int = 0
    lags_ms: list[int] = field(default_factory=list)

    def of(self, number: int) -> list[RunReport]:
        return [report for report in self.reports if report.number == number]

    async def until(self, condition: Callable[[], object], deadline_s: float, what: str) -> None:
        """Wait without holding up the loop, and watch the engine's memory and lag."""

        def watched() -> object:
            self.peak = max(self.peak, self.rss())
            self.lags_ms.append(self.pool.statistics[0].lag_ms)
            return condition()

        await asyncio.to_thread(wait_until, watched, deadline_s, what)

    def rss(self) -> int:
        return int(psutil.Process(self.pool.pids[0]).memory_info().rss)

    def descriptors(self) -> int:
        return int(psutil.Process(self.pool.pids[0]).num_fds())


@asynccontextmanager
async def attacked() -> AsyncIterator[Attacked]:
    reports: list[RunReport] = []
    lost: list[str] = []
    pool = EnginePool(1, reports.extend, lambda _, why: lost.append(why))
    await pool.start()
    found = Attacked(pool, reports)
    try:
        yield found
        assert not lost
    finally:
        await pool.stop()


def hostile_bindings(servers: HostileServers, count: int, interval_ms: int) -> list[Binding]:
    """So many, in turn over the table."""
    rows = [HOSTILE[place % len(HOSTILE)] for place in range(count)]
    times = {"interval_ms": interval_ms, "timeout_ms": TIMEOUT_MS}
    return [
        binding(number, kind=row.kind, port=servers.ports[row.name], **times, **row.settings)
        for number, row in enumerate(rows, 1)
    ]


def test_F14_each_hostile_target_gets_its_verdict_in_time_and_costs_little() -> None:
    asyncio.run(one_by_one())


async def one_by_one() -> None:
    with hostile_servers() as servers:
        async with attacked() as engine:
            rows = hostile_bindings(servers, len(HOSTILE), 60_000)
            before, descriptors = engine.rss(), engine.descriptors()
            engine.pool.add(rows)
            engine.pool.set_probing(on=[row.number for row in rows])
            await engine.until(
                lambda: {r.number for r in engine.reports} == {r.number for r in rows}, 10, "all verdicts"
            )
            await engine.until(lambda: all(servers.accepted_ms.values()), 10, "their servers know of it, too")
            print(f"\n{'hostile target':36} {'kind':9} {'reason':18} {'after':>8}  detail")
            wrong = [fault for row in rows for fault in judged(servers, engine, row)]
            print(f"memory +{(engine.peak - before) / MB:.1f} MB, lag at most {max(engine.lags_ms)} ms")
            await engine.until(lambda: engine.descriptors() <= descriptors + 1, 2, "every socket closed")
    assert not wrong, "\n".join(wrong)
    assert not servers.faults
    assert engine.peak - before < GROWTH_MB * MB


def judged(servers: HostileServers, engine: Attacked, row: Binding) -> list[str]:
    """One line of the table, and what is wrong with it."""
    wanted, report = HOSTILE[row.number - 1], engine.of(row.number)[0]
    after_ms = report.first_at_ms - servers.accepted_ms[wanted.name][0]
    print(f"{wanted.name:36} {wanted.kind:9} {report.reason.value:18} {after_ms:5.0f} ms  {report.detail[:90]}")
    faults = []
    if report.verdict is not Verdict.DOWN or report.reason not in wanted.reasons:
        faults.append(f"{report.verdict.value} {report.reason.value}, not DOWN for {wanted.reasons}: {report.detail}")
    if not report.detail.isprintable() or len(report.detail.encode()) > DETAIL_BYTES:
        faults.append(f"a detail that must not be shown: {report.detail!r}")
    late_ms = after_ms - TIMEOUT_MS
    if wanted.at_deadline and not -TOLERANCE_MS < late_ms < TOLERANCE_MS + engine.pool.statistics[0].stalled_ms:
        faults.append(f"a verdict after {after_ms:.0f} ms, not at the deadline of {TIMEOUT_MS} ms")
    if not wanted.at_deadline and after_ms > TIMEOUT_MS / 2:
        faults.append(f"a verdict after {after_ms:.0f} ms, though nothing was to be waited for")
    return [f"{wanted.name}: {fault}" for fault in faults]


def test_F14_500_hostile_targets_do_not_disturb_500_good_ones() -> None:
    asyncio.run(side_by_side())


async def side_by_side() -> None:
    with hostile_servers() as servers:
        async with attacked() as engine:
            bad = hostile_bindings(servers, MANY, 1_500)
            good = [
                binding(
                    MANY + place,
                    "HTTP",
                    servers.good_port,
                    interval_ms=GOOD_MS,
                    timeout_ms=GOOD_MS - 1,
                    http_request=f"HEAD /{place}",
                )
                for place in range(1, MANY + 1)
            ]
            engine.pool.add(bad + good)
            engine.pool.set_probing(on=[row.number for row in bad + good])
            await engine.until(
                lambda: rounds(servers) >= 2 and len({r.number for r in engine.reports}) == 2 * MANY, 12, "1st round"
            )
            before = engine.rss()
            engine.peak, first = 0, rounds(servers)
            engine.lags_ms.clear()
            await engine.until(lambda: rounds(servers) >= first + ROUNDS, 15, f"{ROUNDS} more rounds")
            statistics = engine.pool.statistics[0]
            verdicts = Counter((r.number > MANY, r.verdict) for r in engine.reports)
    lateness_ms = sorted(
        abs((after - before) * 1000 - GOOD_MS)
        for times in servers.asked_s.values()
        for before, after in pairwise(times[1:])
    )
    p50_ms, p99_ms = (lateness_ms[len(lateness_ms) * share // 100] for share in (50, 99))
    growth = engine.peak - before
    print(f"\n{MANY} hostile beside {MANY} good targets: {statistics.probes} probes, {statistics.cpu_ms} ms of CPU")
    print(f"good: off their time p50 {p50_ms:.1f}, p99 {p99_ms:.1f} ms")
    print(f"engine: lag at most {max(engine.lags_ms)} ms, memory {before / MB:.1f} MB, +{growth / MB:.1f} MB")
    assert verdicts[(True, Verdict.UP)] >= MANY
    assert {key for key in verdicts if key[0]} <= {(True, Verdict.UP), (True, Verdict.DOWN)}
    assert verdicts[(True, Verdict.DOWN)] <= MANY // 50, "the process that serves them all may starve for a moment"
    assert {key for key in verdicts if not key[0]} == {(False, Verdict.DOWN)}
    assert len(servers.asked_s) == MANY
    assert max(engine.lags_ms) < LAG_MS
    assert p50_ms < LAG_MS  # the server that takes the time is one process on two cores
    assert growth < GROWTH_MB * MB


def rounds(servers: HostileServers) -> int:
    """How often every good target was asked."""
    return min((len(times) for times in servers.asked_s.values()), default=0) if len(servers.asked_s) >= MANY else 0


def test_F14_no_target_can_choose_the_dear_arithmetic_of_finite_fields() -> None:
    offered = {each["kea"] for each in client_context(False, "", ()).get_ciphers()}
    assert "kx-ecdhe" in offered
    assert "kx-rsa" in offered
    assert "kx-dhe" not in offered
