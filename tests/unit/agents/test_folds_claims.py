"""Claims (V-4): told from the bytes of the last record where all is told, by the fold where more may be news."""

from __future__ import annotations

from dataclasses import replace as changed

from schemas.probes import Verdict
from schemas.states import CauseKind, ServiceState, State
from streams.folding.facts import Refusal
from tests.unit.agents.folds_desk import COMMAND, HERE, Desk
from tests.unit.folding.builders import B1, CONFIG, HTTP, WEB, probed


def taken_over(desk: Desk) -> ServiceState:
    """The other node claims what this one has folded, after an assignment."""
    desk.take(probed(1))
    desk.folds.assigned([HERE])
    desk.owner = lambda service, view: B1
    desk.take(claims=(WEB,), view=4, node=B1)
    state = desk.state()
    assert state is not None
    return state


def test_V4_a_takeover_is_told_without_a_fold_which_is_made_soon() -> None:
    desk = Desk()
    state = taken_over(desk)
    assert (state.owner, state.view_id, state.sequence, state.state) == (B1, 4, 2, State.UP)
    assert len(desk.folds) == 0
    desk.take(probed(1, Verdict.DOWN), view=4, node=B1)
    assert desk.folds[WEB].record == state, "its reports are counted from its first one on"
    assert desk.folds[WEB].bindings[HTTP].sequence == 1
    desk.folds.make_up()
    assert (len(desk.folds), desk.state()) == (1, state)


def test_V4_a_change_of_configuration_that_nobody_saw_follows_a_takeover() -> None:
    desk = Desk()
    desk.take(probed(1))
    desk.configs[WEB] = changed(CONFIG, bindings=(changed(CONFIG.bindings[0], monitor_name="shop", weight=7),))
    state = taken_over(desk)
    assert (len(desk.folds), state.up_weight) == (0, 1)
    desk.folds.make_up()
    after = desk.state()
    assert after is not None
    assert (after.up_weight, after.cause.kind, after.owner) == (7, CauseKind.CONFIG, B1)


def test_V4_a_change_that_was_missed_is_told_before_the_claim() -> None:
    desk = Desk()
    desk.take(probed(1))
    desk.folds.revoked()
    desk.configs[WEB] = changed(CONFIG, name="shop")
    desk.folds.configured([WEB], COMMAND)
    state = taken_over(desk)
    assert (state.name, state.owner, state.sequence) == ("shop", B1, 3)


def test_V4_whoever_may_not_claim_is_refused_as_ever() -> None:
    desk = Desk()
    desk.take(probed(1))
    desk.folds.assigned([HERE])
    before = desk.state()
    desk.take(claims=(WEB,), view=4, node=B1)
    assert desk.folds.refused[Refusal.NOT_OWNER] == 1
    desk.take(claims=(WEB,), view=2)
    assert desk.folds.refused[Refusal.OBSOLETE_VIEW] == 1
    assert desk.state() == before, "neither was told"


def test_V4_a_claim_where_all_was_told_needs_no_fold_and_the_one_that_was_there_goes() -> None:
    desk = Desk()
    desk.take(probed(1))
    desk.owner = lambda service, view: B1
    desk.take(claims=(WEB,), view=4, node=B1)
    state = desk.state()
    assert state is not None
    assert (len(desk.folds), state.owner, state.sequence) == (0, B1, 2)
    desk.folds.make_up()
    desk.folds.let_go()
    assert (len(desk.folds), desk.state()) == (1, state)


def test_V4_failures_that_are_in_no_record_are_not_forgotten_at_a_claim() -> None:
    desk = Desk()
    desk.take(probed(1))
    desk.now_ms += 5_000
    desk.take(probed(2, Verdict.DOWN, run=2))
    told = desk.state()
    assert told is not None
    assert told.bindings[0].verdict is Verdict.DOWN, "the first failure is in the record, the second is not"
    desk.take(probed(3, Verdict.DOWN, run=2, count=2))
    desk.owner = lambda service, view: B1
    desk.take(claims=(WEB,), view=4, node=B1)
    assert len(desk.folds) == 1
    desk.take(probed(1, Verdict.DOWN), view=4, node=B1)
    state = desk.state()
    assert state is not None
    assert state.state is State.DOWN, "the third in a row, though two of them were the old owner's"
