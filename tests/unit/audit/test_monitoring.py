"""Gaps and overlaps at handovers, from what nodes told: a killed owner, an orderly one, a sleeper, a cold start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from schemas.cluster import NodeStatus, Phase, ViewChange
from schemas.config import ConfigCommand, Kind, Operation, Verb
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import ProbeResults, ProbeRun, Reason, Verdict
from streams.audit.beats import Beats, Run
from streams.audit.findings import Fault
from streams.audit.handovers import handovers
from streams.audit.liveness import Declared
from streams.audit.monitoring import REPORT_WAIT_MS, HandoverFigures, Measured, Monitoring, long_gaps
from streams.audit.past_config import past_config
from streams.audit.reigns import owner_in, reigns
from tests.unit.audit.builders import NODES, change

LEAVE_MS = 20_000
VIEWS = [(0, change(-1, *NODES, at_ms=1_000)), (1, change(0, "b0", "b2", at_ms=LEAVE_MS))]
INTERVAL_MS = 100
TIMES = {"interval_ms": INTERVAL_MS, "response_timeout_ms": 80, "down_time_ms": 30_000}
MONITOR = Operation(Verb.ADD, Kind.MONITOR, "tcp", {"type": "TCP", **TIMES})
NAMES = [f"s{number}" for number in range(12)]
CONFIG = past_config(
    [
        (0, 0, ConfigCommand("c0", 0, "test", (MONITOR,))),
        *(
            (
                number,
                0,
                ConfigCommand(
                    f"c{number}",
                    0,
                    "test",
                    (
                        Operation(Verb.ADD, Kind.SERVICE, name, {"address": "127.0.0.1", "port": 80}),
                        Operation(Verb.BIND, Kind.SERVICE, name, {}, Kind.MONITOR, "tcp"),
                    ),
                ),
            )
            for number, name in enumerate(NAMES, 1)
        ),
    ]
)
FIRST, SECOND = (reign.view for reign in reigns(VIEWS))
MOVED = next(service for service in CONFIG.lives if owner_in(service, FIRST) == "b1")
HEIR = owner_in(MOVED, SECOND)
assert HEIR is not None


def beats(node: str, *times_ms: int, last: Phase = Phase.SERVING) -> list[NodeStatus]:
    return [
        NodeStatus(
            NodeId(node),
            f"{node}-1",
            last if at_ms == times_ms[-1] else Phase.SERVING,
            (),
            1,
            None,
            ViewId(0),
            {},
            (),
            at_ms,
            0,
            at_ms,
            "0.1.0",
        )
        for at_ms in times_ms
    ]


def told(node: str, view: int, first_ms: int, last_ms: int, verdict: Verdict = Verdict.UP) -> ProbeResults:
    run = ProbeRun(MOVED, EntityId("0-0"), 1, 1, verdict, Reason.OK, "", first_ms, last_ms, 5, 100, 100, 100)
    return ProbeResults(NodeId(node), f"{node}-1", ViewId(view), last_ms, (), (run,))


def judged(
    statuses: Iterable[NodeStatus],
    *batches: ProbeResults,
    declared_ms: int | None = 20_300,
    views: list[tuple[int, ViewChange]] = VIEWS,
    until_ms: int = 60_000,
) -> HandoverFigures:
    found = handovers(reigns(views), CONFIG, 0, until_ms)
    heir = [] if declared_ms is None else [Declared(declared_ms, ViewId(1), HEIR, f"{HEIR}-1")]
    monitoring = Monitoring(found, Beats(statuses), {MOVED: heir}, until_ms)
    for batch in batches:
        monitoring.take(batch)
    return monitoring.figures()[0]


def of_moved(figures: HandoverFigures) -> Measured:
    return next(one for one in figures.measured if one.move.service == MOVED)


STEADY = range(0, 60_000, 500)
OTHERS = [status for node in ("b0", "b2") for status in beats(node, *STEADY)]
KILLED = [*OTHERS, *beats("b1", *range(0, 17_500, 500))]
"""b1 was last heard of at 17 s; the view without it came at 20 s."""


def test_U4_a_killed_owners_gap_runs_from_its_last_heartbeat_to_its_successors_first_probe() -> None:
    figures = judged(KILLED, told("b1", 0, 1_000, 2_000), told(str(HEIR), 1, 20_250, 20_250))
    found = of_moved(figures)
    assert (found.gap_ms, found.overlap_ms, found.ended) == (20_250 - 17_000 - INTERVAL_MS, 0, True)
    assert figures.in_order == {("b1", "b1-1"): False}
    assert not figures.cold


def test_U4_an_owner_that_leaves_in_order_overlaps_with_its_successor() -> None:
    leaving = [*OTHERS, *beats("b1", *range(0, 20_500, 500), 20_400, last=Phase.LEFT)]
    leaving.sort(key=lambda status: status.sent_at_ms)
    figures = judged(leaving, told(str(HEIR), 1, 20_120, 20_120), declared_ms=20_300)
    found = of_moved(figures)
    assert (found.gap_ms, found.overlap_ms) == (0, 180)
    assert figures.in_order == {("b1", "b1-1"): True}


def test_U4_what_the_old_owner_still_told_makes_the_overlap_longer() -> None:
    figures = judged([*OTHERS, *beats("b1", *STEADY)], told("b1", 0, 1_000, 20_900), told(str(HEIR), 1, 20_120, 20_120))
    assert of_moved(figures).overlap_ms == 780


def test_U4_a_sleepers_gap_begins_when_it_fell_asleep_though_it_woke_again() -> None:
    sleeper = [*OTHERS, *beats("b1", *range(0, 17_500, 500), *range(25_000, 60_000, 500))]
    figures = judged(sleeper, told("b1", 0, 1_000, 25_100), told(str(HEIR), 1, 20_250, 20_250))
    assert of_moved(figures).gap_ms == 3_150


def test_U4_a_service_that_failed_is_probed_at_its_down_time() -> None:
    heir = told(str(HEIR), 1, 20_250, 20_250)
    assert of_moved(judged(KILLED, told("b1", 0, 1_000, 2_000, Verdict.DOWN), heir)).gap_ms == 0


def test_U4_a_service_that_nobody_probes_again_is_a_gap_that_goes_on() -> None:
    figures = judged(KILLED, told("b1", 0, 1_000, 2_000), declared_ms=None)
    found = of_moved(figures)
    assert (found.gap_ms, found.ended) == (60_000 - REPORT_WAIT_MS - 17_000 - INTERVAL_MS, False)
    long = [breach for breach in long_gaps([figures], 10_000) if breach.entity_id == MOVED]
    assert [breach.fault for breach in long] == [Fault.LONG_GAP]
    assert "and still" in long[0].text
    assert not long_gaps([judged(KILLED, told(str(HEIR), 1, 20_250, 20_250), until_ms=25_000)], 10_000)


def test_U4_where_the_log_ends_a_first_report_may_be_on_its_way() -> None:
    figures = judged(KILLED, told("b1", 0, 1_000, 2_000), until_ms=24_000)
    found = of_moved(figures)
    assert (found.gap_ms, found.ended) == (0, False)
    assert not long_gaps([figures], 2_500)


def test_U4_without_the_old_owners_heartbeats_nothing_is_said() -> None:
    figures = judged(OTHERS, told("b1", 0, 1_000, 2_000), told(str(HEIR), 1, 20_250, 20_250))
    assert (figures.measured, figures.unmeasured) == ([], len(figures.handover.moves))


def test_U4_a_cold_start_is_no_handover_that_failed() -> None:
    asleep = [status for node in NODES for status in beats(node, *range(0, 5_000, 500))]
    again = change(0, *NODES, at_ms=LEAVE_MS)
    members = tuple(replace(member, incarnation=f"{member.node_id}-2") for member in again.members)
    figures = judged(asleep, views=[VIEWS[0], (1, replace(again, members=members))], declared_ms=None)
    assert figures.cold
    assert len(figures.handover.moves) == len(NAMES), "another run of the same node is another owner"
    assert not long_gaps([figures], 10_000)


def test_U4_only_what_moves_and_is_probed_is_a_handover() -> None:
    (found,) = handovers(reigns(VIEWS), CONFIG, 0, 60_000)
    assert found.moves.keys() == {service for service in CONFIG.lives if owner_in(service, FIRST) == "b1"}
    assert (found.joined, found.left) == ([], [("b1", "b1-1")])
    assert not handovers(reigns(VIEWS), CONFIG, LEAVE_MS + 1, 60_000)
    assert not handovers(reigns(VIEWS), past_config([]), 0, 60_000)[0].moves


def test_U4_who_leaves_gives_its_services_away_before_it_is_gone() -> None:
    stay = change(0, *NODES, at_ms=LEAVE_MS)
    leaving = replace(stay, members=tuple(replace(one, leaving=one.node_id == "b1") for one in stay.members))
    gone = change(1, "b0", "b2", at_ms=LEAVE_MS + 1_000)
    (given,) = handovers(reigns([VIEWS[0], (1, leaving), (2, gone)]), CONFIG, 0, 60_000)
    assert (given.joined, given.left) == ([], [("b1", "b1-1")])
    assert given.moves.keys() == {service for service in CONFIG.lives if owner_in(service, FIRST) == "b1"}


def test_alive_between_beats_and_silent_after_three_missed_ones() -> None:
    run: Run = (NodeId("b1"), "b1-1")
    found = Beats(beats("b1", 0, 500, 1_000, 1_500, 3_000, 9_000, last=Phase.LEAVING))
    assert [found.alive_until(run, at_ms) for at_ms in (-1, 0, 700, 2_999, 3_100, 9_500)] == [
        None,
        0,
        700,
        2_999,
        3_000,
        9_000,
    ]
    assert found.alive_until((NodeId("b2"), "b2-1"), 5_000) is None
    assert found.was_alive([run], 10_500)
    assert not found.was_alive([run], 10_501)
    assert found.left_in_order(run)


def test_U4_only_the_old_owners_reports_make_an_overlap() -> None:
    steady = [*OTHERS, *beats("b1", *STEADY)]
    other = next(node for node in ("b0", "b2") if node != HEIR)
    figures = judged(steady, told(other, 0, 1_000, 20_900), told(str(HEIR), 1, 20_120, 20_120))
    assert of_moved(figures).overlap_ms == 180
