"""M-20: when a disabled service is out of service, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.probes import Verdict
from schemas.states import BindingVerdict, ServiceState, State
from streams.folding.events import ServiceConfig
from streams.folding.leaving import leave_until, left, was_out
from streams.folding.service import ServiceFold
from tests.unit.folding.builders import B0, CONFIG, SOURCE, WEB, probed, sender, up_fold

UP = up_fold().record
assert UP is not None
GOING = replace(UP, state=State.GOING_OUT_OF_SERVICE)
DOWN = replace(UP, state=State.DOWN)
OUT = replace(UP, state=State.OUT_OF_SERVICE)
AT_ONCE = replace(CONFIG, enabled=False)
IN_60S = replace(AT_ONCE, leave_ms=60_000)
IN_90S = replace(AT_ONCE, leave_ms=90_000)
GRACEFUL = replace(AT_ONCE, graceful=True)


@pytest.mark.parametrize(
    ("before", "config", "record", "runs_until", "until"),
    [
        (CONFIG, IN_60S, UP, None, 61_000),
        (CONFIG, AT_ONCE, UP, None, None),
        (CONFIG, GRACEFUL, UP, None, None),
        (CONFIG, IN_60S, DOWN, None, None),
        (CONFIG, IN_60S, OUT, None, None),
        (CONFIG, IN_60S, None, None, None),
        (IN_60S, IN_60S, GOING, 5_000, 5_000),
        (IN_60S, replace(IN_60S, graceful=True), GOING, 5_000, 5_000),
        (IN_60S, IN_90S, GOING, 5_000, 91_000),
        (GRACEFUL, IN_60S, GOING, None, 61_000),
        (IN_60S, AT_ONCE, GOING, 5_000, None),
        (None, IN_60S, GOING, 5_000, 5_000),
        (None, IN_60S, GOING, None, 61_000),
        (None, IN_60S, UP, None, 61_000),
    ],
)
def test_M20_a_delay_begins_once(
    before: ServiceConfig | None,
    config: ServiceConfig,
    record: ServiceState | None,
    runs_until: int | None,
    until: int | None,
) -> None:
    assert leave_until(before, config, record, runs_until, 1_000) == until


def test_M20_which_state_a_disabled_service_has() -> None:
    assert left(IN_60S, UP, 61_000) == (State.GOING_OUT_OF_SERVICE, 1)
    assert left(IN_60S, GOING, None) == (State.OUT_OF_SERVICE, 0)
    assert left(GRACEFUL, UP, None) == (State.GOING_OUT_OF_SERVICE, 1)
    assert left(GRACEFUL, DOWN, None) == (State.OUT_OF_SERVICE, 0)
    assert left(AT_ONCE, UP, None) == (State.OUT_OF_SERVICE, 0)
    assert left(IN_60S, None, 61_000) == (State.OUT_OF_SERVICE, 0)


def test_M20_going_out_by_itself_is_told_from_disabled() -> None:
    announced = replace(GOING.bindings[0], state=BindingVerdict.MAINTENANCE)
    assert was_out(GOING)
    assert was_out(OUT)
    assert not was_out(UP)
    assert not was_out(replace(GOING, bindings=(announced,)))
    assert was_out(replace(GOING, bindings=(announced,), due_at_ms=61_000)), "only a disable's delay has an end"
    assert was_out(replace(GOING, bindings=(announced,)), AT_ONCE)
    assert not was_out(OUT, CONFIG)


@pytest.mark.parametrize("taken_over", [False, True])
def test_M20_enabled_again_a_service_in_maintenance_is_not_held_by_what_was_left_of_its_delay(taken_over: bool) -> None:
    damped = replace(CONFIG, flap_changes=5)
    fold = ServiceFold(WEB)
    fold.configured(damped, SOURCE, 0)
    fold.reported(sender(), B0, [probed(1)], 1_000)
    fold.reported(sender(), B0, [probed(2, Verdict.MAINTENANCE, run=2)], 2_000)
    fold.configured(replace(damped, enabled=False, leave_ms=60_000), SOURCE, 3_000)
    assert fold.record is not None
    assert fold.record.due_at_ms == 63_000
    if taken_over:
        fold = ServiceFold(WEB, fold.record)
    fold.configured(damped, SOURCE, 4_000)
    assert fold.record is not None
    assert (fold.record.state, fold.record.due_at_ms) == (State.UNKNOWN, None)
    assert "enabled" in fold.record.cause.text
