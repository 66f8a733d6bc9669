"""U-8: what holds of suspicion whatever fails: one server or two services are too few, more failures clear nobody."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.ownership.suspicion import Failing, came_by, is_suspect

NOW_S = 1_000.0
PROBED = st.dictionaries(st.sampled_from([0, 100, 1_000, 5_000, 60_000]), st.integers(0, 50).map(float), max_size=4)
AGES_S = st.sampled_from([0.0, 0.5, 1.0, 5.0, 10.0, 300.0])
FAILING = st.builds(Failing, AGES_S.map(lambda ago_s: NOW_S - ago_s), st.sampled_from("abcd"))


@given(PROBED, st.lists(FAILING, max_size=12), FAILING)
def test_U8_another_failure_never_clears_a_suspicion(
    probed: dict[int, float], failing: list[Failing], another: Failing
) -> None:
    assert is_suspect(probed, [*failing, another], NOW_S) or not is_suspect(probed, failing, NOW_S)


@given(PROBED, st.lists(FAILING, max_size=12))
def test_U8_one_address_or_two_services_make_nobody_suspect(probed: dict[int, float], failing: list[Failing]) -> None:
    assert not is_suspect(probed, failing[:2], NOW_S)
    assert not is_suspect(probed, [each for each in failing if each.address == "a"], NOW_S)


@given(PROBED, st.sampled_from([0.0, 0.5, 1.0, 10.0]), st.sampled_from([1.0, 10.0, float("inf")]))
def test_U8_in_a_longer_time_more_probes_come_by_and_never_more_than_there_are(
    probed: dict[int, float], shorter_s: float, longer_s: float
) -> None:
    if shorter_s <= longer_s:
        assert came_by(probed, shorter_s) <= came_by(probed, longer_s) <= sum(probed.values())
