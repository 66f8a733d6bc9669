"""One probe of a task kind, through the real prober, table of kinds and loop: what it reports."""

from __future__ import annotations

import asyncio
from pathlib import Path

from connectors.engine.binding import Binding
from connectors.engine.runs import RunReport
from connectors.engine.tasks import TaskProber
from connectors.probes.task_kinds import task_kinds

DEADLINE_S = 15.0


def probe_task(row: Binding, scripts: Path | None = None, probes: int = 1) -> RunReport:
    """The report of the binding's first probe, or of a later one; fails if a task is left running."""
    return asyncio.run(_scene(row, scripts, probes))


async def _scene(row: Binding, scripts: Path | None, probes: int) -> RunReport:
    reports: list[RunReport] = []
    enough = asyncio.Event()

    def take(batch: list[RunReport]) -> None:
        reports.extend(batch)
        if sum(report.run == reports[-1].run for report in reports) >= probes:
            enough.set()

    prober = TaskProber(task_kinds(scripts), take)
    prober.add([row])
    prober.set_probing(on=[row.number])
    try:
        async with asyncio.timeout(DEADLINE_S):
            await enough.wait()
    finally:
        await prober.stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return reports[-1]
