"""M-10, M-11, T13: the decision by weights against the sentence of the requirement."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from schemas.states import BindingVerdict, State
from streams.folding.weights import Weighed, decide

BINDINGS = st.lists(st.tuples(st.sampled_from(BindingVerdict), st.integers(1, 100)), max_size=5)
ANSWERS = [BindingVerdict.UP, BindingVerdict.DOWN, BindingVerdict.MAINTENANCE]
SERVING = (BindingVerdict.UP, BindingVerdict.MAINTENANCE)
JUDGED = st.lists(st.tuples(st.sampled_from(ANSWERS), st.integers(1, 100)), min_size=1)
THRESHOLDS = st.just(0) | st.integers(1, 300)


def sentence(bindings: list[Weighed], threshold: int) -> State:
    """T13, for bindings that were all judged; and M-18, a target that announces maintenance still serves."""
    up = [weight for verdict, weight in bindings if verdict in SERVING]
    if not (sum(up) >= threshold if threshold else len(up) == len(bindings)):
        return State.DOWN
    announced = any(verdict is BindingVerdict.MAINTENANCE for verdict, _ in bindings)
    return State.GOING_OUT_OF_SERVICE if announced else State.UP


@given(st.sampled_from(State), JUDGED, THRESHOLDS)
def test_T13_judged_bindings_decide_by_the_sentence(previous: State, bindings: list[Weighed], threshold: int) -> None:
    up_weight = sum(weight for verdict, weight in bindings if verdict in SERVING)
    assert decide(previous, bindings, threshold) == (sentence(bindings, threshold), up_weight)


@given(BINDINGS, THRESHOLDS)
def test_T13_a_first_decision_is_never_taken_back_by_those_who_had_not_answered(
    bindings: list[Weighed], threshold: int
) -> None:
    state, _ = decide(State.UNKNOWN, bindings, threshold)
    if state is State.UNKNOWN:
        return
    waiting = [index for index, (verdict, _) in enumerate(bindings) if verdict is BindingVerdict.UNKNOWN]
    for answers in product([BindingVerdict.UP, BindingVerdict.DOWN], repeat=len(waiting)):
        answered = list(bindings)
        for index, verdict in zip(waiting, answers, strict=True):
            answered[index] = (verdict, bindings[index][1])
        assert sentence(answered, threshold) is state


@given(st.sampled_from(State), BINDINGS, THRESHOLDS)
def test_deciding_again_changes_nothing(previous: State, bindings: list[Weighed], threshold: int) -> None:
    once = decide(previous, bindings, threshold)
    assert decide(once[0], bindings, threshold) == once


@given(st.sampled_from([State.UP, State.DOWN]), BINDINGS, st.integers(1, 100))
def test_T13_a_binding_just_bound_turns_nothing_down(previous: State, bindings: list[Weighed], weight: int) -> None:
    before = decide(previous, bindings, 0)[0]
    after = decide(before, [*bindings, (BindingVerdict.UNKNOWN, weight)], 0)[0]
    assert after is before
