"""M-20, M-18: what time alone changes in the folds of a node, and the alerts that they count."""

from __future__ import annotations

from dataclasses import replace as changed

from schemas.identifiers import EntityId
from schemas.probes import Verdict
from schemas.states import State
from streams.folding.facts import AlertKind
from tests.unit.agents.folds_desk import COMMAND, HERE, NOT_HERE, Desk
from tests.unit.folding.builders import B1, CONFIG, WEB, probed

LEAVING = changed(CONFIG, enabled=False, leave_ms=60_000)


def leaving_desk() -> Desk:
    """A service that was UP and is disabled with a delay of 60 s at 9 s."""
    desk = Desk()
    desk.take(probed(1))
    desk.configs[WEB] = LEAVING
    desk.folds.configured([WEB], COMMAND)
    return desk


def told(desk: Desk) -> State:
    state = desk.state()
    assert state is not None
    return state.state


def test_M20_a_delay_is_over_when_housekeeping_says_what_time_it_is() -> None:
    desk = leaving_desk()
    assert told(desk) is State.GOING_OUT_OF_SERVICE
    desk.now_ms = 68_999
    assert desk.folds.pass_time() == 0
    desk.now_ms = 69_000
    assert desk.folds.pass_time() == 1
    assert told(desk) is State.OUT_OF_SERVICE
    assert desk.folds.pass_time() == 0
    assert [line.after for line in desk.history] == [State.UP, State.GOING_OUT_OF_SERVICE, State.OUT_OF_SERVICE]


def test_M20_a_delay_goes_on_at_the_partitions_next_node_though_nothing_is_reported() -> None:
    before = leaving_desk()
    desk = Desk(table=before.table, configs=before.configs, now_ms=70_000)
    assert desk.folds.pass_time() == 0, "no fold of it has been made"
    desk.folds.assigned([HERE], timed=[WEB])
    assert told(desk) is State.OUT_OF_SERVICE


def test_M20_what_is_due_elsewhere_is_not_ours() -> None:
    desk = leaving_desk()
    desk.folds.assigned([NOT_HERE], timed=[WEB])
    desk.now_ms = 100_000
    assert desk.folds.pass_time() == 0
    assert told(desk) is State.GOING_OUT_OF_SERVICE


def test_M20_enabled_before_the_delay_is_over_nothing_falls_due() -> None:
    desk = leaving_desk()
    desk.configs[WEB] = CONFIG
    desk.folds.configured([WEB], COMMAND)
    desk.now_ms = 100_000
    assert desk.folds.pass_time() == 0
    assert told(desk) is State.UNKNOWN


def held_desk() -> Desk:
    """A service that is UP by its probes and held DOWN until 24 s, at 14 s."""
    desk = Desk()
    damped = changed(CONFIG.bindings[0], retries=1)
    desk.configs[WEB] = changed(CONFIG, bindings=(damped,), flap_changes=1, flap_window_ms=10_000)
    for number, verdict in enumerate([Verdict.UP, Verdict.DOWN, Verdict.UP, Verdict.DOWN, Verdict.UP], 1):
        desk.now_ms += 1_000
        desk.take(probed(number, verdict, run=number))
    assert told(desk) is State.DOWN
    return desk


def test_M20_a_hold_ends_at_the_partitions_next_node_before_anything_is_reported() -> None:
    before = held_desk()
    desk = Desk(table=before.table, configs=before.configs, now_ms=23_999)
    desk.folds.assigned([HERE], timed=[WEB])
    assert desk.folds.pass_time() == 0
    desk.now_ms = 24_000
    assert desk.folds.pass_time() == 1
    assert told(desk) is State.UP


def test_M20_a_clock_that_was_set_back_makes_no_hold_longer_than_its_window() -> None:
    desk = held_desk()
    assert desk.folds.pass_time() == 0
    desk.now_ms = 1_000
    desk.folds.pass_time()
    assert told(desk) is State.DOWN
    desk.now_ms = 11_000
    assert desk.folds.pass_time() == 1
    assert told(desk) is State.UP


def test_M20_nor_does_a_node_whose_clock_is_behind() -> None:
    before = leaving_desk()
    desk = Desk(table=before.table, configs=before.configs, now_ms=1_000)
    desk.folds.assigned([HERE], timed=[WEB])
    desk.now_ms = 61_000
    assert desk.folds.pass_time() == 1
    assert told(desk) is State.OUT_OF_SERVICE


def test_M20_each_change_while_held_puts_the_end_off() -> None:
    desk = held_desk()
    desk.now_ms += 9_999
    assert desk.folds.pass_time() == 0
    desk.now_ms += 1
    assert desk.folds.pass_time() == 1
    assert told(desk) is State.UP


def test_M18_alerts_are_counted() -> None:
    desk = Desk()
    desk.configs[WEB] = changed(CONFIG, bindings=(changed(CONFIG.bindings[0], alert_retries=2),))
    desk.take(probed(1, Verdict.DOWN, count=5))
    assert desk.folds.alerts[AlertKind.PROBES_FAILED] == 1


def test_U8_a_second_opinion_that_does_not_come_is_not_waited_for_for_ever() -> None:
    desk = Desk(second=B1)
    desk.take(probed(1))
    desk.take(probed(2, Verdict.DOWN, run=2, count=3), suspect=True)
    state = desk.state()
    assert state is not None
    assert state.doubt is not None
    assert (state.state, state.doubt.until_ms) == (State.UP, 13_000)
    desk.folds.assigned([HERE])
    desk.now_ms = 12_999
    assert desk.folds.pass_time() == 0
    desk.now_ms = 13_000
    desk.folds.pass_time()
    assert told(desk) is State.DOWN
    assert desk.folds.pass_time() == 0


def test_L3_a_response_time_that_moved_too_soon_is_told_by_housekeeping() -> None:
    desk = Desk()
    desk.configs[WEB] = changed(CONFIG, least_response=True)
    desk.take(probed(1))
    desk.now_ms = 9_400
    desk.take(probed(2, count=2, response_us=900))
    desk.folds.pass_time()
    assert response_us(desk) == 300
    desk.now_ms = 10_000
    desk.folds.pass_time()
    assert response_us(desk) == 900


def test_L3_what_waits_is_forgotten_with_the_partition() -> None:
    desk = Desk()
    desk.configs[WEB] = changed(CONFIG, least_response=True)
    desk.take(probed(1))
    desk.take(probed(2, count=2, response_us=900))
    desk.folds.assigned([NOT_HERE])
    desk.now_ms = 20_000
    desk.folds.pass_time()
    assert response_us(desk) == 300


def response_us(desk: Desk) -> int | None:
    state = desk.state()
    assert state is not None
    return state.response_time_us


def test_M20_an_alert_of_a_service_whose_root_is_down_is_not_told() -> None:
    desk = Desk()
    desk.configs[WEB] = changed(CONFIG, bindings=(changed(CONFIG.bindings[0], alert_retries=2, slow_above_us=500),))
    desk.roots[WEB] = (EntityId("9-0"),)
    told: list[AlertKind] = []
    desk.folds.on_alert = lambda alert: told.append(alert.kind)
    desk.take(probed(1, response_us=900))
    desk.take(probed(2, Verdict.DOWN, run=2, count=2))
    assert (set(desk.folds.alerts.values()), desk.folds.silenced) == ({0}, 2)
    desk.take(probed(3, run=3, response_us=100))
    assert desk.folds.alerts[AlertKind.RESPONSE_IN_TIME] == 1, "good news is told all the same"
    desk.roots.clear()
    desk.take(probed(4, Verdict.DOWN, run=4, count=2))
    assert (desk.folds.alerts[AlertKind.PROBES_FAILED], desk.folds.silenced) == (1, 2)
    assert told == [AlertKind.RESPONSE_IN_TIME, AlertKind.PROBES_FAILED], "who tells people hears of these alone"
