"""`watchbill audit`: whether the cluster kept its promise, proved from the log (U-4).

Rule: nothing is asked of a node, and nothing is believed but records: who could own what follows from views and
commands, by the functions that every node decides with. Exit codes: 0 if the promise held, 1 if it was broken, 2 wrong
usage, 3 no answer from Kafka. Why not a figure on a dashboard: a node that is wrong would draw its own.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from schemas.topics import DEFAULT_CLUSTER
from streams.cli.output import ExitCode, Output, OutputOption, fail, print_data
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption

Data = dict[str, Any]
FAILOVER_S, REPAIR_S = 10.0, 5.0
EXPLAINED = 5
"""Digests that differ, of which the record is looked for: each costs a pass over the states."""
LOOK_BACK_MS = 90_000
"""An unchanged run is told once a minute: so far before a handover its old owner's last word may be."""

FromOption = Annotated[str | None, typer.Option("--from", help="Judge from here on: 10:32, -2h, 2026-11-29T10:32.")]
ToOption = Annotated[str | None, typer.Option("--to", help="Judge up to here [default: now].")]
FailoverOption = Annotated[
    float, typer.Option("--failover", min=0.1, help="Seconds from a view to its owners' first records, at most.")
]
RepairOption = Annotated[
    float, typer.Option("--repair", min=0.1, help="Seconds for which a record that does not count may be the last one.")
]


def audit(
    begin: FromOption = None,
    end: ToOption = None,
    failover: FailoverOption = FAILOVER_S,
    repair: RepairOption = REPAIR_S,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Judge the log: gaps and overlaps of monitoring at each handover, double owners, records that do not count."""
    from streams.audit.findings import Bounds
    from streams.cli.show_read import kafka_address, quiet_logs, refuse_silence

    now_ms = time.time_ns() // 1_000_000
    from_ms, to_ms = _instant(begin, 0, now_ms), _instant(end, now_ms, now_ms)
    if from_ms > to_ms:
        fail("--from is later than --to", ExitCode.USAGE)
    quiet_logs()
    address = kafka_address(bootstrap, data_dir)
    refuse_silence(address)
    bounds = Bounds(round(failover * 1000), round(repair * 1000))
    found = _judge(address, cluster, from_ms, to_ms, now_ms, bounds)
    if output is Output.TABLE:
        from streams.cli.audit_tables import print_report

        print_report(found)
    else:
        print_data(found, output)
    raise typer.Exit(ExitCode.DONE if found["kept"] else ExitCode.REFUSED)


def _judge(address: str, cluster: str, from_ms: int, to_ms: int, now_ms: int, bounds: Any) -> Data:
    """The three passes over the log, and what came of them."""
    from connectors.kafka.places import LogRecord
    from connectors.replica.base import default_access
    from schemas.cluster import NodeStatus, ViewChange
    from schemas.config import ConfigCommand
    from schemas.states import ServiceTransition
    from streams.audit.beats import Beats
    from streams.audit.convergence import Convergence
    from streams.audit.findings import StateRecord
    from streams.audit.handovers import handovers
    from streams.audit.monitoring import Monitoring, long_gaps
    from streams.audit.past_config import past_config
    from streams.audit.promise import Promise
    from streams.cli.audit_digests import Replay, explained
    from streams.cli.audit_read import Log
    from streams.cli.audit_report import diverged_breaches, diverged_data, in_span, report

    log = Log(default_access(address, "watchbill-audit"), cluster)
    views: list[tuple[int, ViewChange]] = []
    commands: list[tuple[int, int, ConfigCommand]] = []
    statuses: list[NodeStatus] = []
    log.control(lambda *view: views.append(view), lambda *command: commands.append(command), statuses.append)
    config = past_config(commands)
    promise = Promise(views, config, bounds)
    foreign: list[ServiceTransition] = []

    def on_line(line: ServiceTransition) -> None:
        reign = promise.by_id.get(line.view_id)
        if from_ms <= line.at_ms <= to_ms and (reign is None or line.owner not in config.owners(line.entity_id, reign)):
            foreign.append(line)

    convergence = Convergence()
    for status in statuses:
        convergence.take(status)
    replay = Replay(convergence.living())

    def on_state(state: StateRecord, record: LogRecord) -> None:
        promise.take(state)
        replay.take(record)

    log.states(on_state, on_line, from_ms)
    replay.end()
    diverged = [explained(one, log.states_of(one.partition)) for one in replay.diverged[:EXPLAINED]]
    diverged += replay.diverged[EXPLAINED:]
    audited = promise.audit(now_ms, log.compacted)
    changes = handovers(audited.reigns, config, from_ms, to_ms)
    monitoring = Monitoring(changes, Beats(statuses), audited.declared, now_ms)
    if changes:
        log.results(monitoring.take, changes[0].after.from_ms - LOOK_BACK_MS)
    figures = monitoring.figures()
    breaches = in_span([*audited.breaches, *long_gaps(figures, bounds.failover_ms)], from_ms, to_ms)
    breaches += diverged_breaches(diverged, now_ms)
    found = report(cluster, (from_ms, to_ms), audited, breaches, figures, foreign, log.unreadable, config)
    return {**found, "digests": {"compared": replay.compared, "diverged": [diverged_data(one) for one in diverged]}}


def _instant(text: str | None, default_ms: int, now_ms: int) -> int:
    from streams.cli.instants import NoInstant, instant

    if text is None:
        return default_ms
    try:
        return instant(text, now_ms)
    except NoInstant as fault:
        fail(str(fault), ExitCode.USAGE)
