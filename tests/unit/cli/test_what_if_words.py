"""The words after `what-if set` and its like: those of the verbs themselves."""

from __future__ import annotations

import pytest
import typer

from schemas.config import Kind, Operation, Verb
from streams.cli.what_if import operations_of, settings_as_words
from streams.cli.words import Misspoken


def test_U3_options_and_words_are_the_same_settings() -> None:
    assert settings_as_words(["service", "web", "--threshold", "5", "--flap-changes=2", "port=80"]) == [
        "service",
        "web",
        "threshold=5",
        "flap_changes=2",
        "port=80",
    ]
    with pytest.raises(Misspoken):
        settings_as_words(["--threshold"])


@pytest.mark.parametrize(
    ("verb", "words", "operations"),
    [
        (Verb.SET, "monitor m --retries 5", [Operation(Verb.SET, Kind.MONITOR, "m", {"retries": "5"})]),
        (Verb.RM, "service a b", [Operation(Verb.RM, Kind.SERVICE, one, {}) for one in "ab"]),
        (Verb.RENAME, "service a b", [Operation(Verb.RENAME, Kind.SERVICE, "a", {}, new_name="b")]),
        (
            Verb.BIND,
            "monitor m to service s --weight 10",
            [Operation(Verb.BIND, Kind.SERVICE, "s", {"weight": "10"}, Kind.MONITOR, "m")],
        ),
    ],
)
def test_U3_words_make_operations(verb: Verb, words: str, operations: list[Operation]) -> None:
    assert operations_of(verb, words.split()) == operations


@pytest.mark.parametrize("words", ["", "service", "thing x", "service --port"])
def test_U3_words_that_say_nothing_are_refused(words: str) -> None:
    with pytest.raises(typer.Exit):
        operations_of(Verb.SET, words.split())
