"""What a vserver chooses, method by method; turns against a dumb list of all places in a round."""

from __future__ import annotations

import time
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from schemas.choosing import METHODS, UNCOUNTED, Candidate, Choice, choose
from schemas.identifiers import EntityId
from schemas.parameters.kinds import VSERVER
from schemas.states import LoadInfo


def service(
    name: str, response_us: int | None = None, load: int | None = None, reached: bool = False, weight: int = 1
) -> Candidate:
    told = None if load is None else LoadInfo(reached, load)
    return Candidate(EntityId(name), name, "10.0.0.1", 80, weight, response_us, told)


def names(choice: Choice) -> str:
    return "".join(one.name for one in choice.order)


def test_every_method_that_can_be_configured_can_choose() -> None:
    assert set(METHODS) == set(VSERVER.by_name["method"].choices)
    for method in METHODS:
        assert names(choose(method, [service("a")])) == "a"
        assert choose(method, ()).best is None
        assert choose(method, ()).why == "none of its services is UP here"


def test_a_method_of_a_newer_release_still_names_a_service() -> None:
    choice = choose("HASH", [service("b"), service("a")])
    assert names(choice) == "ab"
    assert choice.why == "method HASH is of a newer release: by name"


def test_L5_LRTM_the_least_response_time_and_what_is_not_known_comes_last() -> None:
    choice = choose("LRTM", [service("a", 900), service("b"), service("c", 300), service("d", 300)])
    assert names(choice) == "cdab"
    assert choice.why == f"least response time 0.3 ms; {UNCOUNTED}"
    assert choose("LRTM", [service("b"), service("a")]).why == "no response time is known of any: by name"


def test_L5_LRTM_multiplies_by_the_callers_own_transactions() -> None:
    both = [service("a", 300), service("b", 500)]
    active = {EntityId("a"): 2, EntityId("b"): 1}
    choice = choose("LRTM", both, active=active)
    assert names(choice) == "ba"
    assert choice.why == "least response time times active transactions: response time 0.5 ms, 1 active"
    assert names(choose("LRTM", both, active={})) == "ab", "none active: the response time decides"


def test_L5_LRTM_a_weight_bears_as_much_more() -> None:
    heavy = [service("a", 300), service("b", 590, weight=2)]
    assert choose("LRTM", heavy).why == f"least response time 0.59 ms at weight 2; {UNCOUNTED}"
    assert names(choose("LRTM", [service("a", 300), service("b", 610, weight=2)])) == "ab"


def test_CL1_CUSTOMLOAD_the_least_load_and_one_at_its_threshold_only_if_there_is_no_other() -> None:
    choice = choose("CUSTOMLOAD", [service("a", load=90), service("b", load=2, reached=True), service("c", load=40)])
    assert names(choice) == "cab"
    assert choice.why == "least load, 40 %"
    full = choose("CUSTOMLOAD", [service("a", load=190, reached=True), service("b", load=120, reached=True)])
    assert names(full) == "ba"
    assert full.why == "every threshold is reached: least load, 120 %"


def test_CL1_CUSTOMLOAD_an_unknown_load_is_better_than_a_full_one_and_worse_than_a_known() -> None:
    choice = choose("CUSTOMLOAD", [service("a"), service("b", load=9, reached=True), service("c", load=99)])
    assert names(choice) == "cab"
    assert choose("CUSTOMLOAD", [service("a")]).why == "no load below its thresholds is known of any: by name"


def test_LEASTCONNECTION_goes_by_weight_where_nobody_counted() -> None:
    choice = choose("LEASTCONNECTION", [service("a"), service("b", weight=5)])
    assert names(choice) == "ba"
    assert choice.why == f"by weight: {UNCOUNTED}"
    counted = choose("LEASTCONNECTION", [service("a"), service("b", weight=5)], active={EntityId("b"): 6})
    assert (names(counted), counted.why) == ("ab", "fewest active connections, 0")


def test_ROUNDROBIN_turns_are_spread_by_weight_and_repeat() -> None:
    three = [service("a", weight=3), service("b"), service("c")]
    turns = "".join(choose("ROUNDROBIN", three, turn).order[0].name for turn in range(10))
    assert turns == "aabca" * 2
    assert choose("ROUNDROBIN", three, 5).why == "turn 6 at weight 3"


def places(weights: list[int]) -> list[int]:
    """Dumb: every place of a round, in order."""
    round_of = [(Fraction(2 * k + 1, 2 * weight), index) for index, weight in enumerate(weights) for k in range(weight)]
    return [index for _, index in sorted(round_of)]


@given(st.lists(st.integers(1, 100), min_size=1, max_size=12), st.integers(0, 10**12))
def test_ROUNDROBIN_equals_the_list_of_all_places(weights: list[int], turn: int) -> None:
    candidates = [service(f"{index:02}", weight=weight) for index, weight in enumerate(weights)]
    dumb = places(weights)
    choice = choose("ROUNDROBIN", candidates, turn)
    assert choice.order[0] is candidates[dumb[turn % len(dumb)]]
    assert sorted(names(choice)) == sorted("".join(one.name for one in candidates))


def test_twelve_thousand_services_are_chosen_among_quickly() -> None:
    many = [service(f"{n}", response_us=n * 7 % 5_000, load=n % 90, weight=1 + n % 100) for n in range(12_000)]
    begin = time.process_time()
    for method in METHODS:
        assert choose(method, many, 10**9).best is not None
    assert time.process_time() - begin < 2.0
