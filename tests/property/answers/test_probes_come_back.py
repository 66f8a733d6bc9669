"""Whatever the probes were, the engine's reports give their exact sequence back (U-6)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.engine.runs import RunLength, RunReport
from connectors.probes.outcome import Outcome
from schemas.identifiers import NodeId
from schemas.probes import ProbeRun, Reason, Verdict
from streams.answers.probes_then import probes_of
from tests.unit.answers.records import TCP, WEB, batch

UP = Outcome(Verdict.UP, Reason.OK, "")
KINDS = (UP, UP, Outcome(Verdict.DOWN, Reason.REFUSED, ""), Outcome(Verdict.DOWN, Reason.CLOSED, ""))


def reported(report: RunReport, sequence: int) -> ProbeRun:
    """The report as it travels."""
    times = (report.response_min_us, report.response_avg_us, report.response_max_us)
    at = (report.first_at_ms, report.last_at_ms)
    return ProbeRun(WEB, TCP, sequence, report.run, report.verdict, report.reason, "", *at, report.count, *times)


@given(st.lists(st.sampled_from(KINDS), max_size=60), st.integers(1, 6), st.sampled_from([1_000, 7_000, 90_000]))
def test_U6_the_sequence_of_verdicts_comes_back_from_the_reports(
    outcomes: list[Outcome], window: int, interval_ms: int
) -> None:
    length, batches, sequence = RunLength(1, window, 0), [], 0
    for place, outcome in enumerate([*outcomes, Outcome(Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR, "")]):
        for report in length.observe(outcome, 100, place * interval_ms) or ():
            sequence += 1
            batches.append(batch(sequence, place * interval_ms, reported(report, sequence)))
    found = probes_of(batches, WEB, lambda _: NodeId("b0"))
    assert [(one.verdict, one.reason) for one in found[:-1]] == [(one.verdict, one.reason) for one in outcomes]
    assert [one.at_ms for one in found[:-1]] == [place * interval_ms for place in range(len(outcomes))]
