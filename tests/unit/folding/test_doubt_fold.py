"""U-8: what is doubted, of whom an opinion is taken, and what it means. The order of events is in the scenarios."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from schemas.codec import decode, encode
from schemas.identifiers import EntityId, NodeId
from schemas.probes import PathState, ProbeRun, Verdict
from schemas.states import Doubt, PathMonitoring, ServiceState, State
from streams.folding.events import BindingConfig, Opined, Reach, ServiceConfig
from streams.folding.facts import Refusal
from streams.folding.service import ServiceFold, apply
from tests.unit.folding.builders import (
    B0,
    B1,
    CONFIG,
    CONFIG_SOURCE,
    HTTP,
    HTTP_BOUND,
    TCP,
    new_fold,
    probed,
    refusals,
    sender,
    states,
    transitions,
    up_fold,
)

OTHER, GHOST = EntityId("6-2"), EntityId("9-9")
B2 = NodeId("b2")
UP, DOWN = Verdict.UP, Verdict.DOWN
TWO = replace(CONFIG, bindings=(HTTP_BOUND, BindingConfig(TCP, monitor_name="tcp", timeout_ms=500)))
WEIGHED = replace(
    CONFIG, threshold=20, bindings=tuple(BindingConfig(each, weight=10, retries=1) for each in (HTTP, TCP, OTHER))
)


def failed(sequence: int, monitor: EntityId = HTTP) -> ProbeRun:
    return probed(sequence, DOWN, run=sequence, count=3, monitor=monitor)


def doubted(config: ServiceConfig = CONFIG, failing: tuple[EntityId, ...] = (HTTP,)) -> ServiceFold:
    """UP at 1 s; at 2 s b0 calls it DOWN, doubts itself, and b1 is asked."""
    fold = new_fold(config)
    bound = [binding.monitor_id for binding in config.bindings]
    fold.reported(sender(), B0, [probed(n, monitor=monitor) for n, monitor in enumerate(bound, 1)], 1_000)
    fold.reported(sender(), B0, [failed(10 + n, monitor) for n, monitor in enumerate(failing)], 2_000, B1)
    assert fold.record is not None
    assert fold.record.state is State.UP
    assert fold.record.doubt is not None
    return fold


def said(fold: ServiceFold, *runs: ProbeRun, node: NodeId = B1, view: int = 3) -> State | None:
    """The state of the record that an opinion makes, None if it makes none."""
    told = states(fold.opined(sender(view, node), runs, 3_000))
    return told[-1].state if told else None


def test_U8_a_down_of_a_node_that_does_not_doubt_itself_is_told_at_once() -> None:
    facts = up_fold().reported(sender(), B0, [failed(2)], 2_000)
    assert [state.state for state in states(facts)] == [State.DOWN]


def test_U8_a_doubted_down_is_held_and_names_who_is_asked_and_how_long() -> None:
    record = doubted(replace(CONFIG, bindings=(replace(HTTP_BOUND, timeout_ms=700),))).record
    assert record is not None
    assert record.doubt == Doubt(B1, 2_000, 4_700)
    assert record.cause.text.endswith("doubted until b1 has probed it too")
    assert decode(ServiceState, encode(record)) == record


def test_U8_only_what_serves_is_doubted() -> None:
    unknown = new_fold()
    facts = unknown.reported(sender(), B0, [failed(1)], 1_000, B1)
    assert [state.state for state in states(facts)] == [State.DOWN], "it was never UP: nobody loses it"
    down = up_fold()
    down.reported(sender(), B0, [failed(2)], 2_000)
    down.reported(sender(), B0, [failed(3)], 9_000, B1)
    assert down.doubt is None


@pytest.mark.parametrize(
    ("node", "view", "why"),
    [(B2, 3, Refusal.NOT_ASKED), (B0, 3, Refusal.NOT_ASKED), (B1, 2, Refusal.OBSOLETE_VIEW)],
)
def test_U8_an_opinion_is_taken_only_of_the_node_asked_under_a_view_not_below(
    node: NodeId, view: int, why: Refusal
) -> None:
    fold = doubted()
    assert refusals(fold.opined(sender(view, node), [failed(1)], 3_000)) == [why]
    assert fold.record is not None
    assert fold.record.state is State.UP
    assert said(fold, failed(1), view=4) is State.DOWN, "a view that the owner has not spoken under yet is no obstacle"


def test_U8_nobody_asked_no_opinion() -> None:
    assert refusals(up_fold().opined(sender(3, B1), [failed(1)], 3_000)) == [Refusal.NOT_ASKED]
    assert refusals(ServiceFold(CONFIG.entity_id).opined(sender(), [], 0)) == [Refusal.UNKNOWN_SERVICE]
    assert refusals(doubted().opined(sender(3, B1), [failed(1, GHOST)], 3_000)) == [Refusal.UNKNOWN_BINDING]


def test_U8_one_failing_probe_confirms_and_both_nodes_are_named() -> None:
    fold = doubted()
    facts = fold.opined(sender(3, B1), [probed(1, DOWN, detail="no listener", at_ms=2_900)], 3_000)
    (state,) = states(facts)
    assert (state.state, state.doubt, state.changed_at_ms) == (State.DOWN, None, 2_900)
    owners, _, seconds = state.cause.text.partition("; second opinion of b1: ")
    assert owners == "http-web: BAD_STATUS (3 of 3 probes failed)"
    assert seconds == "http-web: no listener (1 of 1 probes failed)"
    assert [(line.before, line.after) for line in transitions(facts)] == [(State.UP, State.DOWN)]


def test_U8_a_node_asked_that_doubts_itself_too_passes_the_question_on() -> None:
    fold = doubted()
    (state,) = states(fold.opined(sender(3, B1), [probed(1, DOWN)], 3_000, B2))
    assert (state.state, state.doubt) == (State.UP, Doubt(B2, 3_000, 7_000))
    assert refusals(fold.opined(sender(3, B1), [probed(2, DOWN)], 3_100, B2)) == [Refusal.NOT_ASKED]
    assert said(fold, probed(1, DOWN), node=B2) is State.DOWN


def test_U8_where_no_other_is_left_a_doubtful_opinion_counts_and_a_success_always_does() -> None:
    for other in (None, B1):
        (state,) = states(doubted().opined(sender(3, B1), [probed(1, DOWN)], 3_000, other))
        assert state.state is State.DOWN
    (state,) = states(doubted().opined(sender(3, B1), [probed(1, UP)], 3_000, B2))
    assert state.doubt == Doubt(B1, 2_000, None)


def test_U8_what_cannot_be_probed_there_is_no_opinion() -> None:
    fold = doubted()
    assert said(fold, probed(1, Verdict.INCONCLUSIVE)) is None
    assert fold.due(fold.record.doubt.until_ms) != ()  # type: ignore[union-attr, arg-type]


def test_U8_every_binding_that_failed_must_be_reached() -> None:
    fold = doubted(TWO, (HTTP, TCP))
    assert said(fold, probed(1, UP)) is None, "the other may still fail"
    assert said(fold, probed(2, UP, monitor=TCP)) is State.UP
    assert said(doubted(TWO, (HTTP, TCP)), probed(1, DOWN)) is State.DOWN
    assert said(doubted(TWO), probed(1, DOWN, monitor=TCP)) is None, "of that one the owner says UP"


def test_U8_weights_decide_with_both_nodes_words() -> None:
    fold = doubted(WEIGHED, (HTTP, TCP))
    assert said(fold, probed(1, DOWN, monitor=HTTP)) is None, "20 may still be reached"
    assert said(fold, probed(2, UP, monitor=TCP)) is State.UP
    fold = doubted(WEIGHED, (HTTP, TCP))
    assert said(fold, probed(1, DOWN, monitor=HTTP), probed(2, DOWN, monitor=TCP)) is State.DOWN


def test_U8_the_owners_own_success_ends_it() -> None:
    fold = doubted()
    (state,) = states(fold.reported(sender(), B0, [probed(20, UP, run=20)], 3_000, B1))
    assert (state.state, state.doubt) == (State.UP, None)


def test_U8_an_owner_that_no_longer_doubts_itself_needs_nobody() -> None:
    fold = doubted()
    assert states(fold.reported(sender(), B0, [probed(20, DOWN, 10, 4)], 3_000, B1)) == []
    (state,) = states(fold.reported(sender(), B0, [probed(21, DOWN, 10, 5)], 3_500))
    assert (state.state, state.doubt) == (State.DOWN, None)


def change_name(config: ServiceConfig) -> ServiceConfig:
    return replace(config, name="renamed")


def disable(config: ServiceConfig) -> ServiceConfig:
    return replace(config, enabled=False)


def do_not_monitor(config: ServiceConfig) -> ServiceConfig:
    return replace(config, monitored=False, bindings=())


@pytest.mark.parametrize(
    ("change", "shown", "goes_on"),
    [(change_name, State.UP, True), (disable, State.OUT_OF_SERVICE, False), (do_not_monitor, State.UP, False)],
)
def test_U8_a_doubt_ends_with_what_was_doubted(
    change: Callable[[ServiceConfig], ServiceConfig], shown: State, goes_on: bool
) -> None:
    fold = doubted()
    (state,) = states(fold.configured(change(CONFIG), CONFIG_SOURCE, 3_000))
    assert (state.state, state.doubt is not None) == (shown, goes_on)


def test_U8_a_doubted_down_is_no_flap() -> None:
    fold = doubted(replace(CONFIG, flap_changes=1))
    for number in range(3):
        fold.reported(sender(), B0, [probed(30 + 2 * number, UP, 30 + 2 * number)], 3_000)
        fold.reported(sender(), B0, [failed(31 + 2 * number)], 3_100, B1)
    assert fold.record is not None
    assert (fold.record.state, fold.record.due_at_ms, fold.record.flaps) == (State.UP, None, ())


def test_U8_P5_a_path_that_is_lost_and_found_again_leaves_the_doubt_as_it_was() -> None:
    fold = doubted(replace(CONFIG, path_monitoring=PathMonitoring.TOGETHER))
    (lost,) = states(fold.paths_changed(Reach(PathState.DOWN, (B0,)), 3_000))
    assert (lost.state, lost.doubt is not None) == (State.DOWN, True)
    (found,) = states(fold.paths_changed(Reach(PathState.UP), 4_000))
    assert (found.state, found.doubt is not None) == (State.UP, True)


def test_U8_a_clock_that_was_set_back_asks_anew_and_calls_nothing_down() -> None:
    fold = doubted()
    assert fold.due(-3_600_000) == ()
    assert fold.doubt == Doubt(B1, -3_600_000, -3_596_000)


def test_U3_an_opinion_can_be_tried_on_a_copy() -> None:
    fold = doubted()
    after, facts = apply(fold, Opined(sender(3, B1), (probed(1, UP),)), 3_000)
    assert len(states(facts)) == 1
    assert after.doubt != fold.doubt
    assert fold.opinion is None


def test_U8_F8_a_takeover_leaves_a_doubted_service_that_was_going_out_by_itself_as_it_is() -> None:
    fold = new_fold(TWO)
    fold.reported(sender(), B0, [probed(1, Verdict.MAINTENANCE, monitor=TCP), probed(2)], 1_000)
    assert fold.record is not None
    assert fold.record.state is State.GOING_OUT_OF_SERVICE
    fold.reported(sender(), B0, [failed(3, TCP)], 2_000, B1)
    assert (fold.record.state, fold.record.doubt) == (State.GOING_OUT_OF_SERVICE, Doubt(B1, 2_000, 6_000))
    successor = new_fold(TWO, fold.record)
    assert successor.record == fold.record, "it was never disabled, so it is not enabled again"
    assert [binding.view() for binding in successor.bindings.values()] == list(fold.record.bindings)
