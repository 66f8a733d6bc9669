"""The response time in the fold (L-1 to L-5): told as it moves where somebody chooses by it, and never too often."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

from schemas.codec import decode, encode
from schemas.identifiers import EntityId
from schemas.probes import ProbeRun
from schemas.states import ServiceState
from schemas.topics import SERVICE_STATES
from streams.folding.events import BindingConfig
from streams.folding.facts import Late
from streams.folding.service import ServiceFold
from tests.unit.folding.builders import (
    B0,
    B1,
    CONFIG,
    CONFIG_SOURCE,
    HTTP_BOUND,
    TCP,
    new_fold,
    probed,
    sender,
    states,
    up_fold,
)

CHOSEN = replace(CONFIG, least_response=True)


def chosen_fold() -> ServiceFold:
    """UP under view 3 of b0 since 1 s, with a response time of 300 us told."""
    fold = new_fold(CHOSEN)
    fold.reported(sender(), B0, [probed(1)], 1_000)
    return fold


def answered(sequence: int, response_us: int, monitor: EntityId = TCP) -> ProbeRun:
    return probed(sequence, count=sequence, response_us=response_us, monitor=monitor)


def told(fold: ServiceFold, sequence: int, response_us: int, now_ms: int) -> list[int | None]:
    run = probed(sequence, count=sequence, response_us=response_us)
    return [state.response_time_us for state in states(fold.reported(sender(), B0, [run], now_ms))]


def test_L1_the_first_word_of_an_owner_is_its_record_and_the_response_time_is_in_it() -> None:
    fold = new_fold(CHOSEN)
    (first,) = states(fold.reported(sender(), B0, [probed(1)], 1_000))
    assert (first.sequence, first.owner, first.response_time_us) == (1, B0, 300)
    assert states(fold.reported(sender(4, B1), B0, [probed(9, response_us=900)], 9_000)) == [], "not the owner's"
    (declared,) = states(fold.reported(sender(4, B1), B1, [probed(1, response_us=900)], 9_000))
    assert (declared.owner, declared.view_id, declared.response_time_us) == (B1, 4, 900)


def test_L2_only_where_somebody_chooses_by_it() -> None:
    assert up_fold().reported(sender(), B0, [probed(2, count=2, response_us=900)], 3_000) == []
    fold = chosen_fold()
    assert told(fold, 2, 900, 3_000) == [900]
    fold.configured(CONFIG, CONFIG_SOURCE, 3_100)
    assert told(fold, 3, 9_000, 6_000) == []


def test_L3_told_when_it_moved_by_5_percent_of_the_last_told() -> None:
    fold = chosen_fold()
    assert told(fold, 2, 314, 3_000) == []
    assert told(fold, 3, 315, 4_000) == [315]
    assert told(fold, 4, 300, 6_000) == []
    assert told(fold, 5, 299, 7_000) == [299]


def test_L3_within_a_second_of_a_record_it_waits_and_is_looked_at_again() -> None:
    fold = chosen_fold()
    assert list(fold.reported(sender(), B0, [probed(2, count=2, response_us=900)], 1_500)) == [Late(CHOSEN.entity_id)]
    assert list(fold.look_again(1_999)) == [Late(CHOSEN.entity_id)]
    (state,) = states(fold.look_again(2_000))
    assert (state.response_time_us, state.cause.text) == (900, "http-web: OK (1 of 1 probes succeeded)")
    assert list(fold.look_again(9_000)) == [], "told once"


def test_L3_what_came_back_meanwhile_is_not_told() -> None:
    fold = chosen_fold()
    fold.reported(sender(), B0, [probed(2, count=2, response_us=900)], 1_500)
    assert list(fold.reported(sender(), B0, [probed(3, count=3, response_us=301)], 1_600)) == []
    assert list(fold.look_again(2_500)) == []


def test_L3_a_steady_response_time_makes_no_records() -> None:
    fold, random = chosen_fold(), Random(3)
    runs = [(number, 300 + random.randint(-14, 14)) for number in range(2, 700)]
    assert [record for number, us in runs for record in told(fold, number, us, number * 1_000)] == []


def test_L3_two_monitors_that_never_rest_make_one_record_a_second() -> None:
    second = BindingConfig(TCP, monitor_name="tcp")
    fold, random = new_fold(replace(CHOSEN, bindings=(HTTP_BOUND, second))), Random(3)
    fold.reported(sender(), B0, [probed(1), probed(2, monitor=TCP)], 1_000)
    made, now_ms = [], 1_000
    for number in range(3, 600):
        now_ms += 100
        monitor = random.choice([HTTP_BOUND.monitor_id, TCP])
        facts = fold.reported(sender(), B0, [answered(number, random.choice([100, 900_000]), monitor)], now_ms)
        made += [state.updated_at_ms for state in states([*facts, *fold.look_again(now_ms)])]
    assert 50 <= len(made) <= 60
    assert all(later - sooner >= 1_000 for sooner, later in pairwise(made))


def test_L4_L5_V9_it_is_in_the_state_that_a_joining_node_reads_before_it_serves() -> None:
    record = chosen_fold().record
    assert record is not None
    assert decode(ServiceState, encode(record)).response_time_us == 300
    assert SERVICE_STATES.records == ("ServiceState",), "no topic of its own that could lag behind"
    heir = ServiceFold(record.entity_id, record)
    heir.configured(CHOSEN, CONFIG_SOURCE, 2_000)
    (state,) = states(heir.claimed(sender(4, B1), B1, 2_000))
    assert state.response_time_us == 300, "the next owner's first record still has it"


def test_L5_a_services_response_time_is_the_average_over_its_monitors() -> None:
    second = BindingConfig(TCP, monitor_name="tcp")
    fold = new_fold(replace(CHOSEN, bindings=(HTTP_BOUND, second)))
    fold.reported(sender(), B0, [probed(1, response_us=100)], 1_000)
    (state,) = states(fold.reported(sender(), B0, [answered(2, 300)], 2_000))
    assert state.response_time_us == 200
    assert told(fold, 3, 140, 5_000) == [220]
