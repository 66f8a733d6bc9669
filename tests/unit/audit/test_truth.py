"""States against the truth of the targets: what is false, what is late, and what is nobody's fault."""

from __future__ import annotations

from dataclasses import replace

from schemas.identifiers import NodeId, ViewId
from schemas.states import Cause, CauseKind, ServiceTransition, State
from streams.audit.findings import Fault
from streams.audit.truth import Judgement, Turn, gaps, judge
from tests.unit.audit.builders import WEB

TRUTH = {WEB: (Turn(0, True), Turn(10_000, False), Turn(20_000, True))}


def line(at_ms: int, after: State) -> ServiceTransition:
    before = State.UP if after is State.DOWN else State.DOWN
    cause = Cause(CauseKind.PROBE, "refused")
    return ServiceTransition(ViewId(0), at_ms, WEB, "web", NodeId("b1"), before, after, 0, 0, cause, at_ms)


def told(*lines: ServiceTransition, until_ms: int = 30_000) -> Judgement:
    return judge(TRUTH, lines, bound_ms=1_000, slack_ms=300, until_ms=until_ms)


def faults(found: Judgement) -> list[Fault]:
    return [breach.fault for breach in found.breaches]


GOOD = (line(200, State.UP), line(10_400, State.DOWN), line(20_600, State.UP))


def test_what_is_told_in_time_has_its_figure_and_no_breach() -> None:
    found = told(*GOOD)
    assert faults(found) == []
    assert [one.took_ms for one in found.detections] == [200, 400, 600]


def test_a_DOWN_of_a_target_that_is_well_is_false() -> None:
    assert faults(told(*GOOD, line(25_000, State.DOWN))) == [Fault.FALSE_DOWN]
    assert faults(told(*GOOD[:2], line(20_100, State.UP), line(20_299, State.DOWN), line(20_500, State.UP))) == []


def test_what_is_told_late_or_never_is_a_breach() -> None:
    assert faults(told(GOOD[0], line(11_001, State.DOWN), GOOD[2])) == [Fault.LATE_DOWN]
    assert faults(told(*GOOD[:2])) == [Fault.LATE_UP]
    assert faults(told(*GOOD[:2], until_ms=21_000)) == [], "it was not due yet"
    assert faults(told(GOOD[0])) == [Fault.LATE_DOWN]


def test_what_did_not_last_is_nobodys_to_notice() -> None:
    brief = {WEB: (Turn(0, True), Turn(10_000, False), Turn(10_900, True))}
    found = judge(brief, GOOD[:1], bound_ms=1_000, slack_ms=300, until_ms=30_000)
    assert faults(found) == []


def test_what_was_told_last_counts_though_its_probe_was_the_earlier_one() -> None:
    truth = {WEB: (Turn(0, True), Turn(10_000, False), Turn(10_500, True))}
    down = replace(line(10_400, State.DOWN), view_id=ViewId(1), sequence=1)
    back = replace(line(10_300, State.UP), view_id=ViewId(2), sequence=2)
    found = judge(truth, (GOOD[0], down, back), bound_ms=1_000, slack_ms=300, until_ms=30_000)
    assert faults(found) == []


def test_F3_what_was_found_long_before_is_not_told_again() -> None:
    old = replace(line(9_000, State.UP), view_id=ViewId(1), sequence=30_000)
    assert faults(told(*GOOD[:2], old, replace(GOOD[2], view_id=ViewId(2)))) == [Fault.TOLD_OLD]
    late = replace(line(10_100, State.UP), view_id=ViewId(1), sequence=30_000)
    assert faults(told(*GOOD[:2], late, replace(GOOD[2], view_id=ViewId(2)))) == [], "two nodes' probes cross"


def test_a_change_without_its_line_is_a_gap_and_a_line_that_stands_twice_is_none() -> None:
    assert list(gaps([GOOD[1], *GOOD, GOOD[2]])) == []
    (gap,) = gaps([GOOD[0], GOOD[2]])
    assert (gap.fault, gap.entity_id) == (Fault.HISTORY_GAP, WEB)
    assert "from DOWN behind" in gap.text
