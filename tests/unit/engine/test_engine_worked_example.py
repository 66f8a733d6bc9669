"""C-11, the worked example of ¶558-564: 8 cores, 4 services, 20 monitors; each placement and each message.

Eight real engines, each with the whole table, probe real targets. What the example's owner core does with its messages
the fold of each service does here: it adds the weights, tests the threshold, and on a change tells all at once.
¶560 names only two services for core 2 and forgets the first, of which ¶558 gives it a monitor; ¶558 is followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from itertools import count, pairwise

import pytest

from connectors.engine import frames
from connectors.engine.binding import Binding
from connectors.engine.placement import owner_by_range, owner_engine, reference_hash
from connectors.engine.runs import RunReport
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import ProbeRun, Verdict
from schemas.states import State
from streams.folding.events import BindingConfig, Sender, ServiceConfig, Source
from streams.folding.facts import Publish
from streams.folding.service import ServiceFold
from tests.unit.engine.harness import Harness, binding, engine
from tests.unit.engine.servers import serving, silent

CORES = range(1, 9)
PROBED_BY = {1: (1, 2, 5, 6, 8), 2: (2, 3, 4, 6, 7), 3: (1, 3, 4, 5, 8), 4: (2, 4, 5, 7, 8)}
"""Service -> the cores that own its five monitors."""
OWNER_CORE = {1: 1, 2: 3, 3: 5, 4: 7}
"""Service -> the core that owns it."""
NODE, SOURCE = NodeId("b0"), Source("probe-results", 0, 1)


def monitor_name(service_name: str, core: int) -> str:
    """A name that the reference hash puts on this core: cores are counted from 1, engines from 0."""
    names = (f"monitor-{service_name}-{number}" for number in count())
    return next(name for name in names if reference_hash(name, service_name) % len(CORES) == core - 1)


def table(ports: dict[int, int]) -> list[Binding]:
    """The 20 monitors, in the order of services and cores."""
    pairs = [(service, core) for service, cores in PROBED_BY.items() for core in cores]
    rows = []
    for number, (service, core) in enumerate(pairs, 1):
        name = f"service-{service}"
        row = binding(
            number, port=ports[service], interval_ms=50, service_name=name, monitor_name=monitor_name(name, core)
        )
        rows.append(replace(row, service_id=EntityId(f"{service}-0"), monitor_id=EntityId(f"9-{number}")))
    return rows


@contextmanager
def eight_engines(rows: list[Binding]) -> Iterator[dict[int, Harness]]:
    """By core, all with the whole table, all told to probe it."""
    with ExitStack() as stack:
        engines = {core: stack.enter_context(engine(core - 1, len(CORES))) for core in CORES}
        for harness in engines.values():
            harness.probe(*rows)
        yield engines


def service_of(rows: list[Binding], report: RunReport) -> int:
    return int(rows[report.number - 1].service_id.split("-")[0])


def owned(service: int) -> set[int]:
    """The services of a core's own monitors."""
    return {probed for probed, cores in PROBED_BY.items() if service in cores}


def test_C11_every_core_has_all_20_monitors_and_schedules_its_own() -> None:
    rows = table(dict.fromkeys(PROBED_BY, 9))
    with ExitStack() as stack:
        for core in CORES:
            harness = stack.enter_context(engine(core - 1, len(CORES)))
            harness.tell(frames.encode_bindings(rows))
            harness.tell(frames.encode_numbers(frames.FrameKind.PROBE_ON, [row.number for row in rows]))
            entries = harness.loop.table.entries.values()
            schedulable = [entry.binding for entry in entries if entry.schedulable]
            assert len(entries) == 20
            assert {int(row.service_id.split("-")[0]) for row in schedulable} == owned(core)
            assert all(owner_engine(row, len(CORES)) == core - 1 for row in schedulable)
            assert len(schedulable) == len(owned(core))
    assert (owned(1), owned(2), owned(4)) == ({1, 3}, {1, 2, 4}, {2, 3, 4})


@pytest.mark.parametrize("core", CORES)
def test_C11_by_ranges_of_the_hash_value(core: int) -> None:
    assert [owner_by_range(value) + 1 for value in (core * 1000 - 1000, core * 1000 - 1)] == [core, core]


def test_C11_C10_message_by_message() -> None:
    with ExitStack() as stack:
        targets = {service: stack.enter_context(ExitStack()) for service in PROBED_BY}
        rows = table({service: targets[service].enter_context(serving(silent)) for service in PROBED_BY})
        engines = stack.enter_context(eight_engines(rows))
        folds = {service: fold_of(service, rows) for service in PROBED_BY}

        for core, harness in engines.items():
            harness.until(partial(has_told, harness, rows, owned(core)), "its results")
        messages = {(core, service_of(rows, r)) for core, harness in engines.items() for r in harness.reports}
        assert messages == {(core, service) for service, cores in PROBED_BY.items() for core in cores}
        sent_to = {core: {OWNER_CORE[service] for sender, service in messages if sender == core} for core in CORES}
        assert sent_to[1] == {1, 5}
        assert sent_to[4] == {3, 5, 7}
        assert {core for core, service in messages if service == 1} - {OWNER_CORE[1]} == {2, 5, 6, 8}
        assert {core for core, service in messages if service == 3} - {OWNER_CORE[3]} == {1, 3, 4, 8}
        for service, fold in folds.items():
            assert told(fold, rows, service, all_reports(engines)) == [State.UP]

        heard = {core: len(harness.reports) for core, harness in engines.items()}
        targets[2].close()
        for core in PROBED_BY[2]:
            harness = engines[core]
            harness.until(partial(is_down, harness, rows), "three failures in a row of service 2")
        later = [report for core, harness in engines.items() for report in harness.reports[heard[core] :]]
        assert {service_of(rows, r) for r in later if r.verdict is Verdict.DOWN} == {2}
        assert told(folds[2], rows, 2, later) == [State.DOWN]
        assert [told(folds[service], rows, service, later) for service in (1, 3, 4)] == [[], [], []]


def has_told(harness: Harness, rows: list[Binding], services: set[int]) -> bool:
    return {service_of(rows, report) for report in harness.reports} == services


def is_down(harness: Harness, rows: list[Binding]) -> bool:
    latest = [report for report in harness.reports if service_of(rows, report) == 2][-1]
    return latest.verdict is Verdict.DOWN and latest.count == 3


def all_reports(engines: dict[int, Harness]) -> list[RunReport]:
    return [report for harness in engines.values() for report in harness.reports]


def fold_of(service: int, rows: list[Binding]) -> ServiceFold:
    """The owner of a service: up while monitors with a weight of 3 say so."""
    mine = [row for row in rows if row.service_id == f"{service}-0"]
    bound = tuple(BindingConfig(row.monitor_id, monitor_name=row.monitor_name) for row in mine)
    fold = ServiceFold(EntityId(f"{service}-0"))
    fold.configured(ServiceConfig(fold.entity_id, mine[0].service_name, "127.0.0.1", 1, True, 3, bound), SOURCE, 0)
    return fold


def told(fold: ServiceFold, rows: list[Binding], service: int, reports: Iterable[RunReport]) -> list[State]:
    """What the owner tells all when these results of its service come in, one message at a time."""
    states = [State.UNKNOWN if fold.record is None else fold.record.state]
    for report in reports:
        row = rows[report.number - 1]
        if service_of(rows, report) == service:
            facts = fold.reported(Sender(NODE, "b0-1", ViewId(1), SOURCE), NODE, [run_of(row, report)], 1)
            states += [fact.state.state for fact in facts if isinstance(fact, Publish)]
    return [state for before, state in pairwise(states) if state is not before]


def run_of(row: Binding, report: RunReport) -> ProbeRun:
    """The report as the log has it; the pool's numbering grows, and so does this."""
    times = (report.response_min_us, report.response_avg_us, report.response_max_us)
    run_count = (report.verdict, report.reason, report.detail, report.first_at_ms, report.last_at_ms, report.count)
    return ProbeRun(row.service_id, row.monitor_id, report.run * 1000 + report.count, report.run, *run_count, *times)
