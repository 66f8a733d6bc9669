"""When a reader stands still although there is more to read."""

from __future__ import annotations

from connectors.kafka.places import Place
from connectors.kafka.standstill import Standstill

ONE, OTHER = Place("states", 1), Place("states", 2)


def test_F7_who_does_not_move_while_the_log_went_on_stands_still() -> None:
    rule = Standstill()
    assert rule.look({ONE: 5, OTHER: 7}, {ONE: 6, OTHER: 7}) == [], "one look tells nothing"
    assert rule.look({ONE: 5, OTHER: 7}, {ONE: 6, OTHER: 8}) == [ONE], "what came just now may be on its way"
    assert rule.look({ONE: 5, OTHER: 7}, {ONE: 6, OTHER: 8}) == [ONE, OTHER]


def test_who_is_far_behind_and_moves_does_not() -> None:
    rule = Standstill()
    for position in range(0, 500, 50):
        assert rule.look({ONE: position}, {ONE: 1_000_000}) == []


def test_who_has_read_all_there_was_does_not() -> None:
    rule = Standstill()
    for _ in range(3):
        assert rule.look({ONE: 5}, {ONE: 5}) == []


def test_a_new_client_has_its_own_chance() -> None:
    rule = Standstill()
    rule.look({ONE: 5}, {ONE: 6})
    rule.forget()
    assert rule.look({ONE: 5}, {ONE: 6}) == []
