"""The chain of an explanation, and which of its links decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.config import Kind, Operation, Verb
from schemas.identifiers import EntityId, NodeId, ViewId, partition_of
from schemas.probes import PathReport, PathState, Verdict
from schemas.states import BindingVerdict, Doubt, PathMonitoring, State
from streams.answers.chain import Explanation, Link, Step
from streams.answers.config_then import config_then
from streams.answers.explain import explain
from streams.answers.history import told_state
from streams.answers.nodes_then import beats_of
from streams.answers.placed import Placed, Where
from tests.unit.answers.records import (
    NODES,
    PARTITION,
    WEB,
    batch,
    beat,
    command,
    commands,
    configuration,
    evidence,
    history,
    operation,
    run,
    state,
    told,
    views,
)


def steps(answer: Explanation, step: Step) -> list[Link]:
    """The links of a step."""
    return [link for link in answer.links if link.step is step]


def test_U1_a_failed_monitor_decides_without_a_threshold() -> None:
    answer = explain(evidence(state(now=State.DOWN)))
    assert answer.decisive is not None
    assert answer.decisive.step is Step.RETRIES
    assert "3 of the last 3 failed (DOWN at 3 of 3, UP after 1)" in answer.decisive.text
    assert str(answer.decisive.where) == f"c.service-states/{PARTITION}@0"
    assert sum(link.decisive for link in answer.links) == 1


def test_U1_the_weights_decide_with_a_threshold() -> None:
    answer = explain(evidence(state(now=State.DOWN, threshold=5), configuration(threshold=5)))
    assert answer.decisive is not None
    assert answer.decisive.step is Step.WEIGHTS
    assert answer.decisive.text == "DOWN: weight 0 is UP, the threshold is 5"
    assert str(answer.decisive.where) == "c.config-commands/0@1"


def test_U1_M20_a_hold_after_flapping_decides_over_monitors_that_are_up() -> None:
    record = state(now=State.DOWN, bindings=state().bindings, due_at_ms=9_000, flaps=(700, 800))
    answer = explain(evidence(record, configuration(flap_changes=1)))
    assert answer.decisive is not None
    assert (answer.decisive.step, answer.decisive.values["layer"]) == (Step.LAYERS, "held_down")
    assert answer.decisive.text.startswith("UP becomes DOWN")


def test_U1_U8_a_doubt_decides_over_a_monitor_that_is_down() -> None:
    record = state(now=State.UP, bindings=state(now=State.DOWN).bindings, doubt=Doubt(NodeId("b1"), 700, 5_000))
    answer = explain(evidence(record))
    assert answer.decisive is not None
    assert (answer.decisive.step, answer.decisive.values["layer"]) == (Step.LAYERS, "withheld")
    assert answer.decisive.text == "DOWN becomes UP: U-8: while a DOWN is doubted, the last state stays."


def test_U1_a_disable_decides_over_everything() -> None:
    disabled = [*commands(), command(2, 30, operation(Verb.DISABLE, Kind.SERVICE, "web"))]
    config = config_then(disabled, "c.config-commands", None)
    answer = explain(evidence(state(now=State.OUT_OF_SERVICE), config))
    assert answer.decisive is not None
    assert answer.decisive.step is Step.CONFIGURATION
    assert str(answer.decisive.where) == "c.config-commands/0@2"


def test_U1_a_service_without_health_monitoring_is_up_by_its_configuration() -> None:
    answer = explain(evidence(state(bindings=()), configuration(health_monitor="no")))
    assert answer.decisive is not None
    assert (answer.decisive.step, answer.decisive.text) == (
        Step.CONFIGURATION,
        "UP: health_monitor is off, it counts as UP",
    )


def test_U1_the_newest_run_of_the_owner_is_told_with_its_record() -> None:
    batches = [
        batch(4, 950, run(9, Verdict.DOWN, 3)),
        batch(5, 960, run(3, Verdict.UP), node="b1"),
    ]
    (probe,) = steps(explain(evidence(state(now=State.DOWN), batches=batches)), Step.PROBES)
    assert (probe.where.offset, probe.values["node_id"], probe.values["count"]) == (4, "b0", 3)


def test_U1_O4_nodes_passed_over_are_named_with_the_reason() -> None:
    answer = explain(evidence(state(), in_view=views("b1", "b2")))
    (owner,) = steps(answer, Step.OWNER)
    listed = owner.values["preference_list"]
    assert isinstance(listed, list)
    assert {one["node_id"] for one in listed} == set(NODES)
    assert next(one for one in listed if one["node_id"] == "b0")["passed_over"] == "is not in the view"
    assert owner.values["partition"] == partition_of(WEB)
    (record,) = steps(answer, Step.TOLD)
    assert "has not told anything yet" in record.text


@pytest.mark.parametrize(("applied", "held"), [(2, State.DOWN), (1, State.UP), (0, None)])
def test_U1_each_node_holds_what_it_has_applied(applied: int, held: State | None) -> None:
    past = history(told((1_000, state(1)), (2_000, state(2, State.DOWN))))
    answer = explain(evidence(of=past, beats=beats_of([beat("b0", 0, 4_900, applied)])), NodeId("b0"))
    assert [one.state for one in answer.nodes] == [held]


def test_U1_nothing_told_is_the_owners_matter() -> None:
    answer = explain(evidence(None))
    assert answer.state is None
    assert answer.decisive is not None
    assert answer.decisive.step is Step.OWNER


def test_U7_a_shadow_never_decides() -> None:
    shadow = operation(Verb.ADD, Kind.MONITOR, "new", type="TCP")
    added = [*commands(), command(2, 30, shadow)]
    held = state(now=State.DOWN)
    answer = explain(evidence(held, config_then(added, "c.config-commands", None)))
    assert answer.decisive is not None
    assert answer.decisive.values["monitor_name"] == "tcp"
    assert held.bindings[0].state is BindingVerdict.DOWN


def reported(node: str, path: PathState, offset: int) -> Placed[PathReport]:
    """A node's report of its path to the service."""
    where = Where("c.path-reports", PARTITION, offset, 4_000)
    return Placed(where, PathReport(WEB, NodeId(node), path, ViewId(0), 4_000))


def test_U1_P4_a_node_without_a_path_serves_by_another_state_and_its_path_decides_there() -> None:
    config = configuration(path_monitor="yes")
    record = state(path_monitoring=PathMonitoring.INDIVIDUAL)
    reports = {NodeId("b1"): reported("b1", PathState.DOWN, 7), NodeId("b2"): reported("b2", PathState.UP, 8)}
    known = replace(evidence(record, config), reports=reports)
    everyone = explain(known)
    assert [one.state for one in everyone.nodes] == [State.UP, State.DOWN, State.UP]
    assert [link.values["path"] for link in steps(everyone, Step.PATHS)] == ["UNKNOWN", "DOWN", "UP"]
    assert everyone.decisive is not None
    assert everyone.decisive.step is Step.WEIGHTS
    one = explain(known, NodeId("b1"))
    assert one.decisive is not None
    assert (one.decisive.step, one.decisive.where.offset) == (Step.PATHS, 7)
    (line,) = steps(one, Step.NODES)
    assert line.text.startswith("b1: DOWN, told UP; applied")


def test_U1_P5_where_nodes_decide_together_the_layer_decides() -> None:
    config = configuration(path_monitor="yes", path_monitor_individual="no")
    record = state(
        now=State.DOWN,
        bindings=state().bindings,
        path_state=PathState.DOWN,
        path_monitoring=PathMonitoring.TOGETHER,
    )
    answer = explain(replace(evidence(record, config), reports={NodeId("b1"): reported("b1", PathState.DOWN, 7)}))
    assert answer.decisive is not None
    assert (answer.decisive.step, answer.decisive.values["layer"]) == (Step.LAYERS, "cut_off")


def test_U1_a_path_does_not_decide_for_a_node_that_has_not_read_the_record() -> None:
    past = history(told((1_000, state(1)), (2_000, state(2, State.DOWN, path_monitoring=PathMonitoring.TOGETHER))))
    config = configuration(path_monitor="yes", path_monitor_individual="no")
    known = evidence(config=config, of=past, beats=beats_of([beat("b1", 0, 4_900, 1)]))
    reports = {NodeId("b1"): reported("b1", PathState.DOWN, 7)}
    answer = explain(replace(known, reports=reports), NodeId("b1"))
    assert [one.state for one in answer.nodes] == [State.UP]
    assert answer.decisive is not None
    assert answer.decisive.step is not Step.PATHS


def test_U1_M20_the_root_among_what_it_depends_on_is_named() -> None:
    add = operation(Verb.ADD, Kind.SERVICE, "db", address="10.0.0.2", port=5432)
    depends = Operation(Verb.BIND, Kind.SERVICE, "web", {}, Kind.SERVICE, "db")
    config = config_then([*commands(), command(2, 30, add, depends)], "c.config-commands", None)
    down = told_state(Where("c.service-states", 5, 11), replace(state(now=State.DOWN), entity_id=EntityId("2-0")))
    answer = explain(replace(evidence(state(now=State.DOWN), config), needed={EntityId("2-0"): down}))
    (line,) = steps(answer, Step.DEPENDENCIES)
    assert (line.text, line.where.offset) == ("db, which is DOWN: look there first", 11)
    healthy = explain(replace(evidence(state(), config), needed={EntityId("2-0"): down}))
    assert steps(healthy, Step.DEPENDENCIES)[0].text == "db, which is DOWN"
