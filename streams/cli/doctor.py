"""`watchbill doctor`: what may be wrong with this machine, its Kafka and its cluster, each with the fix.

Rule: one row of `CHECKS` is one question; a check that cannot be asked says why and the next one is asked all the same.
What it tells is what an operator would otherwise find out at night: rights, topics, clocks, nodes that are silent, late
or not alike. It only reads. Exit code 1 if anything is broken; a warning is no failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.topics import DEFAULT_CLUSTER
from streams.cli.output import ExitCode, Output, OutputOption, print_data
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from schemas.cluster import NodeStatus
    from streams.cli.show_read import Knowledge

DEADLINE_S = 10.0
CLOCK_MS = 2_000
"""A heartbeat from further in the future than this is another clock's."""
SILENT_MS = 10_000
BEHIND_RECORDS = 10_000


class Verdict(Enum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do; `fix` is empty where nothing is."""

    check: str
    verdict: Verdict
    text: str
    fix: str = ""


Check = Callable[["Patient"], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at: Kafka's address (None: none answers, and why not), and what stands in its topics."""

    cluster: str
    address: str | None
    silence: str
    known: Knowledge | None


def doctor(
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    deadline: Annotated[float, typer.Option("--deadline", min=0.1, help="Seconds to wait for Kafka.")] = DEADLINE_S,
    output: OutputOption = Output.TABLE,
) -> None:
    """Look for what may be wrong here, with Kafka and with the cluster; each finding has its fix."""
    findings = list(examined(_patient(bootstrap, cluster, data_dir, deadline)))
    if output is Output.TABLE:
        _print(findings)
    else:
        rows = [
            {"check": one.check, "verdict": one.verdict.value, "text": one.text, "fix": one.fix} for one in findings
        ]
        print_data({"findings": rows}, output)
    if any(one.verdict is Verdict.BROKEN for one in findings):
        raise typer.Exit(ExitCode.REFUSED)


def examined(patient: Patient) -> Iterator[Finding]:
    """Every check in its order. One that fails by itself is a finding, too."""
    for check in CHECKS:
        try:
            yield from check(patient)
        except Exception as fault:
            name = getattr(check, "__name__", "check")
            yield Finding(name, Verdict.BROKEN, f"could not be asked: {type(fault).__name__}: {fault}", "report this")


def _patient(bootstrap: str | None, cluster: str, data_dir: Path | None, deadline_s: float) -> Patient:
    from connectors.replica.base import NotReady
    from infra.errors import InfraError
    from infra.kafka.locate import locate
    from streams.cli.show_read import is_silent, known_of, quiet_logs

    quiet_logs()
    try:
        address = locate(bootstrap, data_dir).bootstrap
    except InfraError as error:
        return Patient(cluster, None, str(error), None)
    silence = is_silent(address)
    if silence is not None:
        return Patient(cluster, None, silence, None)
    try:
        return Patient(cluster, address, "", known_of(address, cluster, deadline_s))
    except NotReady as fault:
        return Patient(cluster, address, str(fault), None)


def pings(_: Patient) -> Iterator[Finding]:
    """May this user send ICMP?"""
    from connectors.engine.rights import ping_right

    can, how = ping_right()
    yield Finding("pings", Verdict.OK if can else Verdict.WARN, how if can else "not permitted", "" if can else how)


def kafka(patient: Patient) -> Iterator[Finding]:
    """Does Kafka answer?"""
    if patient.address is None:
        fix = "start one with `watchbill kafka start`, or give the address of yours with --bootstrap"
        yield Finding("Kafka", Verdict.BROKEN, patient.silence, fix)
    else:
        yield Finding("Kafka", Verdict.OK, f"answers at {patient.address}")


def topics(patient: Patient) -> Iterator[Finding]:
    """Are the topics there, with the settings that they must have?"""
    from infra.errors import InfraError
    from infra.topics import check

    if patient.address is None:
        return
    try:
        wrong = check(patient.address, patient.cluster)
    except InfraError as error:
        yield Finding("topics", Verdict.BROKEN, str(error), "grant what is missing, then ask again")
        return
    for line in wrong:
        text, _, fix = line.partition(". ")
        yield Finding("topics", Verdict.BROKEN, text, fix)
    if not wrong:
        yield Finding("topics", Verdict.OK, f"all there under {patient.cluster}., settings as they must be")


def nodes(patient: Patient) -> Iterator[Finding]:
    """Who serves, who is silent, who doubts itself?"""
    known = patient.known
    if known is None:
        return
    members = known.view.nodes
    if not members:
        yield Finding("nodes", Verdict.BROKEN, "no node serves", "start one: watchbill node --id b0")
        return
    yield Finding("nodes", Verdict.OK, f"{len(members)} serve under view {known.view.view_id}: {', '.join(members)}")
    for node, status in _members(known):
        silent_ms = known.now_ms - status.sent_at_ms
        if silent_ms > SILENT_MS:
            fix = f"look at the log of {node}; the group gives its services to others after its session"
            yield Finding("nodes", Verdict.BROKEN, f"{node} was last heard {silent_ms / 1000:.0f} s ago", fix)
        if status.suspect:
            fix = f"look at the network between {node} and its targets"
            yield Finding("nodes", Verdict.WARN, f"{node} doubts itself: most of what it probes fails", fix)
        for missing in status.missing:
            yield Finding("nodes", Verdict.WARN, f"{node} waits for {missing}", "wait, or look at its log")


def alike(patient: Patient) -> Iterator[Finding]:
    """Do all nodes run one release?"""
    if patient.known is None:
        return
    releases = {status.version for _, status in _members(patient.known)}
    if len(releases) > 1:
        fix = "upgrade the others; releases of one cluster must not differ for long"
        yield Finding("releases", Verdict.WARN, f"nodes run {', '.join(sorted(releases))}", fix)
    elif releases:
        yield Finding("releases", Verdict.OK, f"every node runs {releases.pop()}")


def clocks(patient: Patient) -> Iterator[Finding]:
    """Do the clocks agree? A beat from the future is proof that they do not; no decision rests on them."""
    if patient.known is None:
        return
    ahead = {node: status.sent_at_ms - patient.known.now_ms for node, status in _members(patient.known)}
    wrong = {node: ms for node, ms in ahead.items() if ms > CLOCK_MS}
    for node, ms in wrong.items():
        fix = "run an NTP client on every machine: times in records and pages would mislead"
        yield Finding("clocks", Verdict.WARN, f"the clock of {node} is {ms / 1000:.1f} s ahead of this machine's", fix)
    if ahead and not wrong:
        yield Finding("clocks", Verdict.OK, "no node's clock is ahead of this machine's")


def lag(patient: Patient) -> Iterator[Finding]:
    """How far behind the log is what the nodes have applied?"""
    from streams.cli.show_nodes import behind_of

    if patient.known is None:
        return
    members = list(_members(patient.known))
    behind = {node: sum(behind_of(status.applied, patient.known.positions).values()) for node, status in members}
    late = {node: records for node, records in behind.items() if records > BEHIND_RECORDS}
    for node, records in late.items():
        fix = f"give {node} more processor time or a faster way to Kafka; `watchbill show node` has the numbers"
        yield Finding("replicas", Verdict.WARN, f"{node} is {records:,} records behind", fix)
    if behind and not late:
        yield Finding("replicas", Verdict.OK, f"at most {max(behind.values()):,} records behind the log")


CHECKS: tuple[Check, ...] = (pings, kafka, topics, nodes, alike, clocks, lag)


def _members(known: Knowledge) -> Iterator[tuple[str, NodeStatus]]:
    """The members of the view with their last heartbeats."""
    for node in known.view.nodes:
        if node in known.nodes:
            yield node, known.nodes[node]


def _print(findings: Sequence[Finding]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    signs = {Verdict.OK: ("ok", "green"), Verdict.WARN: ("!!", "yellow"), Verdict.BROKEN: ("XX", "red")}
    width = max(len(one.check) for one in findings)
    for one in findings:
        sign, style = signs[one.verdict]
        console.print(Text.assemble((f"{sign}  ", style), f"{one.check:<{width}}  {one.text}"))
        if one.fix:
            console.print(Text(f"    {'':<{width}}  -> {one.fix}", style="bold"))
