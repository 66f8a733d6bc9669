"""How long a report waits for company, by what may follow from it."""

from __future__ import annotations

import pytest

from connectors.engine.limits import CALM_MS
from connectors.engine.runs import RunReport
from schemas.identifiers import EntityId
from schemas.probes import MeasuredLoad, Reason, Verdict
from schemas.states import State
from streams.audit.monitoring import REPORT_WAIT_MS
from streams.node.monitoring import SOON
from streams.node.results import AT_ONCE_S, CALM_S, LAZY_S, LONGEST_TICK_S, TAKEOVER_WAITS, TICK_S
from tests.unit.node.monitoring_desk import Desk

SERVICE = "add service web address=10.0.0.1 port=80\nbind service web monitor tcp"
AT_ONCE, UP, DOWN = TICK_S, Verdict.UP, Verdict.DOWN


def owning(*more: str) -> tuple[Desk, EntityId]:
    """The only node, and its only service, which was told UP."""
    desk = Desk()
    desk.do("add monitor tcp type=TCP retries=3 success_retries=2")
    desk.do(SERVICE)
    for command in more:
        desk.do(command)
    desk.view(1, "b0")
    (service,) = desk.monitoring.inventory.services
    desk.state(service, "b0", 1)
    desk.sent()
    return desk, service


def waits_s(desk: Desk, service: EntityId, verdict: Verdict, count: int, load: MeasuredLoad | None = None) -> float:
    """How long it is until the report of a run of so many probes goes out."""
    (number,) = desk.numbers(service)
    reason = Reason.OK if verdict is UP else Reason.REFUSED
    desk.reported(RunReport(number, count, 1, verdict, reason, "", 1_000, 2_000, count, 300, 300, 300, load))
    ((delay_s, _, _),) = desk.later.calls
    return delay_s


@pytest.mark.parametrize(
    ("verdict", "count", "wait_s"),
    [
        (UP, 1, LAZY_S),
        (UP, 2, LAZY_S),
        (UP, 3, CALM_S),
        (UP, SOON + 1, CALM_S),
        (DOWN, 1, LAZY_S),
        (DOWN, 2, LAZY_S),
        (DOWN, 3, AT_ONCE),
        (DOWN, SOON + 1, AT_ONCE),
        (Verdict.INCONCLUSIVE, 1, AT_ONCE),
    ],
)
def test_C9_of_a_service_that_is_up_only_what_may_take_it_down_goes_at_once(
    verdict: Verdict, count: int, wait_s: float
) -> None:
    assert AT_ONCE_S < LAZY_S < CALM_S
    desk, service = owning()
    assert waits_s(desk, service, verdict, count) == wait_s


@pytest.mark.parametrize(
    ("settings", "count", "wait_s"),
    [
        ((), 2, LAZY_S),
        ((), 3, AT_ONCE),
        ((), 4, CALM_S),
        (("set monitor tcp alert_retries=6",), 6, AT_ONCE),
        (("set monitor tcp alert_retries=6",), 7, CALM_S),
        (("set monitor tcp failure_retries=2",), 1, AT_ONCE),
        (("set monitor tcp failure_retries=2",), 4, CALM_S),
    ],
)
def test_C9_of_a_service_that_is_down_failures_are_news_as_long_as_they_may_decide(
    settings: tuple[str, ...], count: int, wait_s: float
) -> None:
    desk, service = owning(*settings)
    desk.state(service, "b0", 1, sequence=2, told_as=State.DOWN)
    assert waits_s(desk, service, DOWN, count) == wait_s


def test_C9_of_a_service_without_a_state_a_success_goes_at_once() -> None:
    desk = Desk()
    desk.do("add monitor tcp type=TCP")
    desk.do(SERVICE)
    desk.view(1, "b0")
    desk.sent()
    (service,) = desk.monitoring.inventory.services
    assert waits_s(desk, service, UP, 1) == AT_ONCE


def test_U4_the_audit_waits_for_a_successors_first_report_as_long_as_it_may_take() -> None:
    in_the_node_s = LAZY_S + TAKEOVER_WAITS * LAZY_S
    assert CALM_MS + 1000 * (in_the_node_s + LONGEST_TICK_S) < REPORT_WAIT_MS


def test_L3_what_somebody_chooses_by_waits_no_longer_than_a_second() -> None:
    desk, service = owning(
        "set monitor tcp lrtm=yes", "add vserver front method=LRTM", "bind vserver front service web"
    )
    assert waits_s(desk, service, UP, 40) == LAZY_S
    desk, service = owning()
    assert waits_s(desk, service, UP, 40, MeasuredLoad(70, False)) == LAZY_S
