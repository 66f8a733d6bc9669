"""M-18, U-6: bit windows judge like lists, and a run at once like its probes one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.states import BindingVerdict
from streams.folding.history import History, Rule, judge
from tests.property.folding.dumb_history import DumbHistory

RULES = st.builds(Rule, st.integers(1, 8) | st.integers(1, 127), st.integers(0, 32), st.integers(1, 32))
RUNS = st.lists(st.tuples(st.booleans(), st.integers(1, 4) | st.integers(1, 300)), max_size=12)


@given(RULES, RUNS)
def test_M18_a_run_at_once_equals_its_probes_one_by_one(rule: Rule, runs: list[tuple[bool, int]]) -> None:
    history, dumb = History(), DumbHistory()
    for failed, times in runs:
        history = history.push(rule, failed, times)
        for _ in range(times):
            dumb.push(rule, failed)
        assert history.state is dumb.state
        assert [history.outcomes >> age & 1 for age in range(history.held)][::-1] == dumb.outcomes


@given(RULES, RUNS, RULES)
def test_U6_judging_again_changes_nothing(rule: Rule, runs: list[tuple[bool, int]], other: Rule) -> None:
    history = History()
    for failed, times in runs:
        history = history.push(rule, failed, times)
    for judging in (rule, other):
        once = judge(judging, history.state, history.outcomes, history.held)
        assert judge(judging, *once) == once
    assert judge(rule, history.state, history.outcomes, history.held) == (
        history.state,
        history.outcomes,
        history.held,
    )


@given(RULES, RUNS)
def test_M18_no_failure_brings_it_up_and_no_success_brings_it_down(rule: Rule, runs: list[tuple[bool, int]]) -> None:
    history = History()
    for failed, times in runs:
        after = history.push(rule, failed, times)
        if after.state is not history.state:
            assert after.state is (BindingVerdict.DOWN if failed else BindingVerdict.UP)
        history = after
