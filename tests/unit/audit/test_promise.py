"""The checker of the promise has teeth: each way of breaking it, put into a good log by hand, is found by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.identifiers import NodeId, ViewId
from schemas.probes import ProbeResults
from schemas.states import ServiceState, State
from streams.audit.findings import Fault
from streams.audit.promise import audit, foreign_results
from streams.audit.reigns import reigns
from tests.unit.audit.builders import VIEWS, WEB, log, state

GOOD = (state(0, 1), state(0, 2), state(1, 3), state(3, 4))


def test_a_good_log_has_no_breach_and_one_line_of_views() -> None:
    found = audit(VIEWS, log(*GOOD))
    assert not found.breaches
    assert not found.ineffective
    assert (found.effective, found.refused_views) == (4, 1)
    assert [view.view_id for view in found.views] == [0, 1, 3]


def test_read_repair_and_tombstones_are_no_breach() -> None:
    stale = state(0, 9)
    assert not audit(VIEWS, log(state(1, 3), state(1, 3))).breaches
    buried = audit(VIEWS, log(state(1, 3), replace(stale, owner=NodeId("b2")), state(1, 3)))
    assert not buried.breaches
    assert len(buried.ineffective) == 1
    assert not audit(VIEWS, log(state(0, 1), None)).breaches


@pytest.mark.parametrize(
    ("fault", "records"),
    [
        (Fault.VIEW_WENT_BACK, (state(1, 3), state(0, 9), state(1, 4))),
        (Fault.SEQUENCE_WENT_BACK, (state(0, 5), state(0, 4), state(0, 6))),
        (Fault.FORKED, (state(0, 5), replace(state(0, 5), state=State.DOWN), state(0, 6))),
        (Fault.STALE_LAST, (state(1, 3), state(0, 9))),
        (Fault.STALE_LAST, (state(1, 3), state(1, 4, owner="b1"))),
        (Fault.STALE_LAST, (state(2, 1),)),
        (Fault.RESURRECTED, (state(0, 1), None, state(0, 2))),
    ],
)
def test_each_way_to_break_the_promise_is_found(fault: Fault, records: tuple[ServiceState | None, ...]) -> None:
    assert fault in {breach.fault for breach in audit(VIEWS, log(*records)).breaches}


def test_records_of_one_service_in_two_partitions_are_a_breach() -> None:
    first, second = log(state(0, 1), state(0, 2))
    found = audit(VIEWS, [first, replace(second, partition=(first.partition + 1) % 64)])
    assert [breach.fault for breach in found.breaches] == [Fault.WRONG_PARTITION]


def test_another_run_of_the_owner_is_not_the_owner() -> None:
    woken = replace(state(0, 2), incarnation="b1-0")
    assert [record.state for record in audit(VIEWS, log(state(0, 1), woken, state(0, 3))).ineffective] == [woken]


def test_reports_of_a_node_that_is_not_the_owner_are_listed() -> None:
    batches = [
        ProbeResults(NodeId(node), f"{node}-1", ViewId(view), 0, (WEB,), ())
        for node, view in (("b1", 0), ("b2", 0), ("b1", 1), ("b1", 2))
    ]
    assert foreign_results(reigns(VIEWS), batches) == [(WEB, "b2", 0), (WEB, "b1", 1), (WEB, "b1", 2)]
