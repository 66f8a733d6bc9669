"""The chain of an explanation, and which of its links decides."""

from __future__ import annotations

import pytest

from schemas.config import Kind, Verb
from schemas.identifiers import NodeId, partition_of
from schemas.probes import Verdict
from schemas.states import BindingVerdict, Doubt, State
from streams.answers.chain import Explanation, Link, Step
from streams.answers.config_then import config_then
from streams.answers.explain import explain
from streams.answers.nodes_then import beats_of
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
