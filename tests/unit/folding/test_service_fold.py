"""Step 7, one service: each rule of the fold by itself. Whole stories are in `tests/scenarios/folding`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.codec import decode, encode
from schemas.probes import Verdict
from schemas.states import BindingVerdict, CauseKind, ServiceState, State
from streams.folding.events import BindingConfig, ServiceConfig
from streams.folding.facts import Refusal, Remove
from streams.folding.service import ServiceFold
from tests.unit.folding.builders import (
    B0,
    B1,
    CONFIG,
    CONFIG_SOURCE,
    HTTP,
    HTTP_BOUND,
    SOURCE,
    TCP,
    WEB,
    new_fold,
    probed,
    refusals,
    sender,
    states,
    transitions,
    up_fold,
)


def test_V4_a_new_service_starts_at_zero() -> None:
    (state,) = states(new_fold().claimed(sender(), B0, 500))
    assert (state.state, state.up_weight, state.sequence, state.view_id) == (State.UNKNOWN, 0, 1, 3)
    assert (state.owner, state.incarnation) == (B0, "b0-first")
    assert state.cause.kind is CauseKind.OWNERSHIP


def test_V4_a_claim_under_a_newer_view_makes_a_record() -> None:
    fold = up_fold()
    (state,) = states(fold.claimed(sender(4, B1), B1, 2_000))
    assert (state.view_id, state.owner, state.sequence, state.state) == (4, B1, 2, State.UP)
    assert fold.claimed(sender(4, B1), B1, 2_001) == ()


def test_V4_a_result_under_a_newer_view_makes_a_record_though_nothing_changed() -> None:
    (state,) = states(up_fold().reported(sender(4), B0, [probed(2, count=2)], 1_100))
    assert (state.view_id, state.cause.kind) == (4, CauseKind.OWNERSHIP)
    assert state.changed_at_ms == 1_000
    assert state.updated_at_ms == 1_100


def test_V4_a_newer_view_alone_is_no_news_where_owner_and_writer_have_been_the_same() -> None:
    fold, who = up_fold(), sender(4)
    assert not fold.reported(who, B0, [probed(2, count=2)], 1_100, goes_on=True)
    assert fold.record is not None
    assert fold.record.view_id == 3
    (state,) = states(fold.reported(who, B0, [probed(3, Verdict.DOWN, 2, 3, at_ms=4_000)], 4_010, goes_on=True))
    assert (state.state, state.view_id) == (State.DOWN, 4), "what is told next is of the view of who says it"


def test_V4_a_claim_is_told_whoever_writes() -> None:
    (state,) = states(up_fold().claimed(sender(4), B0, 2_000))
    assert state.view_id == 4


def test_S1_a_record_carries_what_the_configuration_and_the_probes_say() -> None:
    record = up_fold().record
    assert record is not None
    assert (record.entity_id, record.name, record.ip_address, record.port) == (WEB, "web", "10.0.0.1", 80)
    assert (record.response_time_us, record.up_weight, record.threshold) == (300, 1, 0)
    (binding,) = record.bindings
    assert (binding.monitor_id, binding.state, binding.outcome_count) == (HTTP, BindingVerdict.UP, 1)
    assert decode(ServiceState, encode(record)) == record


def test_S1_a_cause_says_what_happened_and_which_record_said_so() -> None:
    fold = up_fold()
    facts = fold.reported(
        sender(), B0, [probed(2, Verdict.DOWN, 2, 3, at_ms=4_000, detail="HTTP 503, expected 200")], 4_010
    )
    (state,), (transition,) = states(facts), transitions(facts)
    assert state.cause.text == "http-web: HTTP 503, expected 200 (3 of 3 probes failed)"
    assert (state.cause.kind, state.cause.topic, state.cause.partition, state.cause.offset) == (
        CauseKind.PROBE,
        SOURCE.topic,
        SOURCE.partition,
        SOURCE.offset,
    )
    assert (transition.before, transition.after, transition.at_ms) == (State.UP, State.DOWN, 4_000)
    assert (transition.view_id, transition.sequence) == (state.view_id, state.sequence)


def test_S3_probes_that_change_nothing_make_no_record() -> None:
    fold = up_fold()
    for second in range(2, 200):
        assert fold.reported(sender(), B0, [probed(second, count=second)], second * 1_000) == []
    assert fold.bindings[HTTP].count == 199


def test_S3_a_judgement_that_does_not_turn_the_service_makes_a_record_without_a_transition() -> None:
    both = replace(CONFIG, threshold=1, bindings=(HTTP_BOUND, BindingConfig(TCP)))
    fold = new_fold(both)
    fold.reported(sender(), B0, [probed(1), probed(2, monitor=TCP)], 1_000)
    facts = fold.reported(sender(), B0, [probed(3, Verdict.DOWN, 2, 3, monitor=TCP)], 1_001)
    assert [state.up_weight for state in states(facts)] == [1]
    assert transitions(facts) == []


def test_S3_several_judgements_in_one_report_make_one_record_with_the_deciding_cause() -> None:
    fold = new_fold(replace(CONFIG, bindings=(HTTP_BOUND, BindingConfig(TCP, monitor_name="tcp-web"))))
    facts = fold.reported(sender(), B0, [probed(1, Verdict.DOWN, count=3), probed(2, monitor=TCP)], 1_000)
    (state,) = states(facts)
    assert state.state is State.DOWN
    assert state.cause.text.startswith("http-web:")


@pytest.mark.parametrize(
    ("view", "node", "owner", "reason"),
    [
        (3, B1, B0, Refusal.NOT_OWNER),
        (4, B1, B0, Refusal.NOT_OWNER),
        (2, B0, B0, Refusal.OBSOLETE_VIEW),
        (4, B0, None, Refusal.NO_OWNER),
    ],
)
def test_F3_the_fence_refuses(view: int, node: str, owner: str | None, reason: Refusal) -> None:
    fold = up_fold()
    before = fold.record
    by = sender(view, node)
    assert refusals(fold.reported(by, owner, [probed(9, Verdict.DOWN, 9, 100)], 9_000)) == [reason]
    assert refusals(fold.claimed(by, owner, 9_000)) == [reason]
    assert fold.record is before
    assert fold.bindings[HTTP].sequence == 1


def test_F8_a_sequence_is_taken_once() -> None:
    fold = up_fold()
    assert refusals(fold.reported(sender(), B0, [probed(1)], 90_000)) == [Refusal.DUPLICATE]


def test_F8_duplicates_do_not_bring_out_what_waits_to_be_told() -> None:
    fold = up_fold()
    fold.reported(sender(), B0, [probed(2, Verdict.DOWN, 2)], 1_100)
    assert refusals(fold.reported(sender(), B0, [probed(2, Verdict.DOWN, 2)], 90_000)) == [Refusal.DUPLICATE]


def test_V4_another_incarnation_starts_its_numbers_anew() -> None:
    fold = up_fold()
    fold.reported(sender(), B0, [probed(500, Verdict.DOWN, 80, 2)], 2_000)
    facts = fold.reported(sender(4, incarnation="second"), B0, [probed(1, Verdict.DOWN, 1, 1)], 3_000)
    assert [state.state for state in states(facts)] == [State.DOWN], "two failures before and one now are three"
    binding = fold.bindings[HTTP]
    assert (binding.sequence, binding.run, binding.count) == (1, 1, 1)


def test_a_runs_count_counts_for_its_growth_only() -> None:
    fold = new_fold(replace(CONFIG, bindings=(replace(HTTP_BOUND, retries=5),)))
    fold.reported(sender(), B0, [probed(1, Verdict.DOWN, 1, 2)], 1_000)
    fold.reported(sender(), B0, [probed(2, Verdict.DOWN, 1, 4)], 2_000)
    assert fold.bindings[HTTP].held == 4
    facts = fold.reported(sender(), B0, [probed(3, Verdict.DOWN, 1, 5)], 3_000)
    assert [state.state for state in states(facts)] == [State.DOWN]


def test_a_report_of_a_monitor_not_bound_is_refused_and_its_neighbours_are_taken() -> None:
    fold = new_fold()
    facts = fold.reported(sender(), B0, [probed(1, monitor=TCP), probed(2)], 1_000)
    assert refusals(facts) == [Refusal.UNKNOWN_BINDING]
    assert [state.state for state in states(facts)] == [State.UP]


def test_a_service_not_configured_refuses() -> None:
    assert refusals(ServiceFold(WEB).reported(sender(), B0, [probed(1)], 0)) == [Refusal.UNKNOWN_SERVICE]


def test_S3_configuration_before_any_owner_tells_nothing() -> None:
    fold = new_fold()
    assert fold.configured(replace(CONFIG, threshold=7), CONFIG_SOURCE, 1) == ()
    assert fold.configured(replace(CONFIG, enabled=False), CONFIG_SOURCE, 2) == ()
    (state,) = states(fold.claimed(sender(), B0, 3))
    assert state.state is State.OUT_OF_SERVICE


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (replace(CONFIG, name="www"), "renamed from web to www"),
        (replace(CONFIG, ip_address="10.0.0.2"), "address 10.0.0.1:80 to 10.0.0.2:80"),
        (replace(CONFIG, port=81), "address 10.0.0.1:80 to 10.0.0.1:81"),
        (replace(CONFIG, threshold=5), "threshold 0 to 5"),
        (replace(CONFIG, enabled=False), "disabled"),
        (replace(CONFIG, bindings=(replace(HTTP_BOUND, weight=9),)), "bindings"),
        (replace(CONFIG, bindings=()), "bindings"),
    ],
)
def test_S3_what_the_configuration_changes_is_told(config: ServiceConfig, text: str) -> None:
    (state,) = states(up_fold().configured(config, CONFIG_SOURCE, 5_000))
    assert state.cause.kind is CauseKind.CONFIG
    assert state.cause.text == f"configuration: {text}"
    assert (state.cause.topic, state.cause.offset) == (CONFIG_SOURCE.topic, CONFIG_SOURCE.offset)


def test_S3_configuration_that_changes_nothing_shown_is_silent() -> None:
    fold = up_fold()
    assert fold.configured(CONFIG, CONFIG_SOURCE, 5_000) == ()
    more_retries = replace(CONFIG, bindings=(replace(HTTP_BOUND, retries=7),))
    assert fold.configured(more_retries, CONFIG_SOURCE, 5_000) == ()


def test_M18_fewer_retries_judge_again_at_once() -> None:
    fold = up_fold()
    fold.reported(sender(), B0, [probed(2, Verdict.DOWN, 2, 2)], 2_000)
    facts = fold.configured(replace(CONFIG, bindings=(replace(HTTP_BOUND, retries=2),)), CONFIG_SOURCE, 3_000)
    assert [transition.after for transition in transitions(facts)] == [State.DOWN]


def test_D3_another_address_keeps_the_state_and_forgets_the_outcomes() -> None:
    fold = up_fold()
    fold.reported(sender(), B0, [probed(2, Verdict.DOWN, 2, 2)], 2_000)
    fold.configured(replace(CONFIG, ip_address="10.0.0.2"), CONFIG_SOURCE, 3_000)
    facts = fold.reported(sender(), B0, [probed(3, Verdict.DOWN, 3, 1)], 4_000)
    assert transitions(facts) == [], "the old address's two failures are not the new one's"


def test_a_monitor_bound_again_starts_anew() -> None:
    fold = up_fold()
    fold.configured(replace(CONFIG, bindings=()), CONFIG_SOURCE, 2_000)
    (state,) = states(fold.configured(CONFIG, CONFIG_SOURCE, 3_000))
    assert (state.state, state.bindings[0].state) == (State.UNKNOWN, BindingVerdict.UNKNOWN)


def test_M18_a_disabled_binding_does_not_count() -> None:
    both = (HTTP_BOUND, BindingConfig(TCP, counts=False))
    fold = new_fold(replace(CONFIG, bindings=both))
    facts = fold.reported(sender(), B0, [probed(1), probed(2, Verdict.DOWN, 1, 3, monitor=TCP, response_us=9)], 1_000)
    (state,) = states(facts)
    assert (state.state, state.up_weight, state.response_time_us) == (State.UP, 1, 300)


def test_a_removed_service_leaves_a_tombstone_once() -> None:
    fold = up_fold()
    assert fold.configured(None, CONFIG_SOURCE, 2_000) == (Remove(WEB),)
    assert fold.configured(None, CONFIG_SOURCE, 2_001) == ()
    assert refusals(fold.reported(sender(), B0, [probed(2)], 3_000)) == [Refusal.UNKNOWN_SERVICE]


def test_a_successor_tells_what_was_configured_while_nobody_folded() -> None:
    fold = ServiceFold(WEB, up_fold().record)
    (state,) = states(fold.configured(replace(CONFIG, threshold=5), CONFIG_SOURCE, 5_000))
    assert (state.state, state.sequence, state.owner) == (State.DOWN, 2, B0)


def test_fields_that_the_fold_does_not_decide_are_carried_over() -> None:
    record = up_fold().record
    assert record is not None
    fold = new_fold(record=replace(record, mss=1460))
    (state,) = states(fold.claimed(sender(4), B0, 9_000))
    assert state.mss == 1460
