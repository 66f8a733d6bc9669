"""Words to operations: kinds in every spelling, settings, and bindings said in either order."""

from __future__ import annotations

import pytest

from schemas.config import Kind, Operation, Verb
from streams.cli.words import Misspoken, kind_of, pair_operation, settings_from


@pytest.mark.parametrize("word", ["service-group", "service_group", "servicegroup", "Service-Group"])
def test_a_kind_in_every_spelling(word: str) -> None:
    assert kind_of(word) is Kind.SERVICE_GROUP


@pytest.mark.parametrize(
    "words",
    [
        "monitor http-web to service web1 weight=10",
        "monitor http-web service web1 weight=10",
        "service web1 monitor http-web weight=10",
        "weight=10 service web1 with monitor http-web",
    ],
)
def test_a_binding_may_be_said_in_either_order(words: str) -> None:
    expected = Operation(Verb.BIND, Kind.SERVICE, "web1", {"weight": "10"}, Kind.MONITOR, "http-web")
    assert pair_operation(Verb.BIND, words.split()) == expected


def test_an_empty_setting_goes_back_to_the_default() -> None:
    assert settings_from(["interval=5s", "down-time="]) == {"interval": "5s", "down_time": None}


@pytest.mark.parametrize("words", ["monitor http-web", "monitor a service b vserver c", "thing a service b"])
def test_words_that_make_no_binding_say_what_to_write(words: str) -> None:
    with pytest.raises(Misspoken):
        pair_operation(Verb.BIND, words.split())
    with pytest.raises(Misspoken, match="write key=value"):
        settings_from(["interval"])
