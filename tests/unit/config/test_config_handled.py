"""A command sent twice takes effect once, and the memory of answers has limits."""

from __future__ import annotations

from schemas.config import ConfigResult, Kind, NamedEntity
from schemas.identifiers import EntityId
from streams.folding.config.handled import Handled
from tests.unit.config.config_words import folded, take


def answer(command_id: str, entities: int = 0) -> ConfigResult:
    named = tuple(NamedEntity(Kind.SERVICE, f"s{index}", EntityId(f"0-{index}")) for index in range(entities))
    return ConfigResult(command_id, 0, True, named, ())


def test_a_repeated_command_gets_its_first_answer_and_changes_nothing() -> None:
    fold = folded()
    first, changes = take(fold, "add node_group east", "same")
    assert changes
    second, nothing = take(fold, "add node_group east", "same")
    assert second == first
    assert nothing == ()


def test_a_refused_command_stays_refused_under_its_id() -> None:
    fold = folded()
    refused, _ = take(fold, "rm node_group east", "same")
    take(fold, "add node_group east")
    again, _ = take(fold, "rm node_group east", "same")
    assert again == refused
    assert fold.entities.find(Kind.NODE_GROUP, "east") is not None


def test_the_oldest_answers_are_forgotten_by_number_and_by_size() -> None:
    by_number = Handled(commands=2)
    for name in ("a", "b", "c"):
        by_number.note(answer(name))
    assert by_number.answer("a") is None
    assert by_number.answer("c") is not None
    by_size = Handled(items=10)
    for name in ("a", "b", "c"):
        by_size.note(answer(name, 5))
    assert by_size.answer("a") is None
    assert len(by_size) == 2
