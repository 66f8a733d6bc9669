"""By which state a node serves: every case of what the owner told, who decides, and the own path."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from schemas.effective import effective, effective_state
from schemas.probes import PathState
from schemas.states import PathMonitoring, State
from tests.unit.replica.samples import service_state

OFF, INDIVIDUAL, TOGETHER = PathMonitoring.OFF, PathMonitoring.INDIVIDUAL, PathMonitoring.TOGETHER
EVERY = tuple(product(State, PathMonitoring, PathState))


@pytest.mark.parametrize("told", [State.UP, State.GOING_OUT_OF_SERVICE, State.UNKNOWN, State.DOWN])
def test_P5_a_node_whose_path_is_down_holds_the_service_down_for_itself(told: State) -> None:
    assert effective(told, INDIVIDUAL, PathState.DOWN) is State.DOWN


def test_P5_what_an_operator_took_out_of_service_stays_so() -> None:
    assert effective(State.OUT_OF_SERVICE, INDIVIDUAL, PathState.DOWN) is State.OUT_OF_SERVICE


@pytest.mark.parametrize(("told", "monitoring", "path"), EVERY)
def test_P4_in_every_other_case_it_is_what_the_owner_told(
    told: State, monitoring: PathMonitoring, path: PathState
) -> None:
    if (monitoring, path) != (INDIVIDUAL, PathState.DOWN):
        assert effective(told, monitoring, path) is told


def test_P4_nodes_may_differ() -> None:
    assert effective(State.UP, INDIVIDUAL, PathState.UP) is not effective(State.UP, INDIVIDUAL, PathState.DOWN)


def test_before_the_first_record_nothing_is_known() -> None:
    assert effective_state(None, PathState.DOWN) is State.UNKNOWN


def test_P11_a_record_that_arrives_while_the_path_is_down_refreshes_the_backup_alone() -> None:
    up = replace(service_state("5-0"), path_monitoring=INDIVIDUAL)
    down = replace(up, state=State.DOWN)
    seen = [effective_state(record, PathState.DOWN) for record in (down, up)]
    assert seen == [State.DOWN, State.DOWN]
    assert effective_state(up, PathState.UP) is State.UP


def test_P7_switched_off_the_state_is_what_the_owner_told() -> None:
    assert effective_state(service_state("5-0", state=State.UP), PathState.DOWN) is State.UP
