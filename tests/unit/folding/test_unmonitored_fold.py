"""`health_monitor: no`, as NetScaler has it: nothing probes the service, and it counts as UP for as long."""

from __future__ import annotations

from dataclasses import replace

from schemas.probes import Verdict
from schemas.states import CauseKind, State
from tests.unit.folding.builders import (
    B0,
    B1,
    CONFIG,
    CONFIG_SOURCE,
    HTTP_BOUND,
    new_fold,
    probed,
    sender,
    states,
    transitions,
    up_fold,
)

OFF = replace(CONFIG, monitored=False, bindings=())


def test_a_service_without_health_monitoring_is_up_from_its_owners_claim() -> None:
    fold = new_fold(replace(OFF, threshold=50))
    (state,) = states(fold.claimed(sender(), B0, 1_000))
    assert (state.state, state.up_weight, state.bindings) == (State.UP, 0, ())
    assert state.cause.text == "monitored by b0 under view 3; health_monitor is off: it counts as UP"
    (later,) = states(fold.claimed(sender(4, B1), B1, 2_000))
    assert (later.state, later.owner) == (State.UP, B1)


def test_switching_health_monitoring_off_makes_a_service_up_and_on_again_unknown_until_it_is_probed() -> None:
    fold = up_fold()
    fold.reported(sender(), B0, [probed(2, Verdict.DOWN, run=2, count=3)], 2_000)
    (off,) = states(fold.configured(OFF, CONFIG_SOURCE, 3_000))
    assert (off.state, off.cause.kind) == (State.UP, CauseKind.CONFIG)
    assert off.cause.text == "configuration: health_monitor is off: it counts as UP"
    facts = fold.configured(CONFIG, CONFIG_SOURCE, 4_000)
    assert [(line.before, line.after) for line in transitions(facts)] == [(State.UP, State.UNKNOWN)]
    assert states(facts)[0].cause.text == "configuration: health_monitor is on"
    (judged,) = states(fold.reported(sender(), B0, [probed(3, Verdict.DOWN, run=3, count=3)], 5_000))
    assert judged.state is State.DOWN


def test_a_disabled_service_is_out_of_service_whether_it_is_monitored_or_not() -> None:
    fold = new_fold(OFF)
    fold.claimed(sender(), B0, 1_000)
    (state,) = states(fold.configured(replace(OFF, enabled=False), CONFIG_SOURCE, 2_000))
    assert state.state is State.OUT_OF_SERVICE
    (back,) = states(fold.configured(OFF, CONFIG_SOURCE, 3_000))
    assert back.state is State.UP


def test_a_hold_after_flapping_ends_with_health_monitoring() -> None:
    config = replace(CONFIG, bindings=(replace(HTTP_BOUND, retries=1),), flap_changes=1, flap_window_ms=60_000)
    fold = new_fold(config)
    for number, verdict in enumerate((Verdict.UP, Verdict.DOWN, Verdict.UP), 1):
        fold.reported(sender(), B0, [probed(number, verdict, number)], number * 1_000)
    assert fold.due_at_ms is not None
    (state,) = states(fold.configured(replace(config, monitored=False, bindings=()), CONFIG_SOURCE, 4_000))
    assert (state.state, state.due_at_ms) == (State.UP, None)
