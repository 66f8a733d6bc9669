"""M-20: dependencies as they are configured: circles and removals are refused with names, files say `depends_on`."""

from __future__ import annotations

import pytest

from connectors.config.difference import Difference, difference
from connectors.config.document import read_document
from schemas.config import ConfigCommand, Kind, Operation, Verb
from schemas.inventory.entities import Entities
from streams.cli.words import Misspoken, pair_operation
from streams.folding.config.fold import ConfigFold, apply
from streams.folding.config.handled import Handled
from tests.unit.config.config_words import folded, messages, take

BASE = """
add service web address=10.0.0.1 port=80
add service api address=10.0.0.2 port=80
add service db address=10.0.0.3 port=80
add service_group front
add vserver shop
bind service web service api
bind service api service db
bind vserver shop service db
"""


def refused(*lines: str, base: str = BASE) -> list[str]:
    result, _ = take(folded(base), "\n".join(lines))
    assert not result.accepted
    return messages(result)


def test_M20_a_circle_is_refused_with_every_service_on_it() -> None:
    assert refused("bind service db service web") == [
        'service "db" depending on service "web": db depends on web depends on api depends on db: '
        "a circle has no root to look at; leave one of these out"
    ]
    assert "db depends on db" in refused("bind service db service db")[0]


def test_M20_a_circle_within_one_command_is_refused_too() -> None:
    base = BASE.replace("bind service web service api\nbind service api service db\n", "")
    lines = ("bind service web service api", "bind service api service db", "bind service db service web")
    assert "db depends on web depends on api depends on db" in refused(*lines, base=base)[0]


def test_M20_two_ways_to_one_service_are_no_circle() -> None:
    fold = folded(BASE, "bind service web service db\nbind service_group front service web")
    assert fold.entities.find(Kind.SERVICE_GROUP, "front") is not None


def test_M20_what_others_depend_on_is_not_removed() -> None:
    assert refused("rm service api") == ['service "web" depends on service "api": unbind it there first']
    assert refused("rm service db") == [
        'service "db" is still bound to vserver "shop" and service "api" depends on service "db": unbind it there first'
    ]
    result, _ = take(folded(BASE), "unbind service web service api\nrm service api")
    assert result.accepted, messages(result)


def test_M20_what_is_not_depended_on_cannot_be_undone() -> None:
    assert refused("unbind service web service db")[0].startswith('service "web" does not depend on service "db"')


def test_M20_a_dependency_has_no_weight() -> None:
    assert "there is nothing to set" in refused("bind service web service db weight=3")[0]


@pytest.mark.parametrize(
    ("words", "holder", "bound"),
    [
        ("service web depends-on service db", (Kind.SERVICE, "web"), "db"),
        ("service-group front depends-on service db", (Kind.SERVICE_GROUP, "front"), "db"),
        ("member front/10.0.0.3:80 Depends-On service db", (Kind.MEMBER, "front/10.0.0.3:80"), "db"),
    ],
)
def test_M20_the_command_line_says_which_depends_on_which(words: str, holder: tuple[Kind, str], bound: str) -> None:
    assert pair_operation(Verb.BIND, words.split()) == Operation(Verb.BIND, *holder, {}, Kind.SERVICE, bound)


@pytest.mark.parametrize(
    ("words", "say"),
    [
        ("service db to service web", "bind service db depends-on service web"),
        ("service db to service-group front", "add member front/ADDRESS:PORT"),
        ("monitor http depends-on service db", "service web depends-on service db"),
    ],
)
def test_M20_what_could_be_meant_either_way_is_asked_back(words: str, say: str) -> None:
    with pytest.raises(Misspoken, match=say):
        pair_operation(Verb.BIND, words.split())


FILE = """
services:
  web: {address: 10.0.0.1, port: 80, depends_on: [api]}
  api: {address: 10.0.0.2, port: 80, depends_on: [db]}
  db: {address: 10.0.0.3, port: 80}
service_groups:
  front:
    depends_on: [web]
    members:
      - {address: 10.0.0.9, port: 80, depends_on: [db]}
"""


def applied(text: str, entities: Entities, prune: bool = False) -> tuple[Entities, Difference]:
    document = read_document(text)
    assert not document.faults, document.faults
    found = difference(document, entities, prune)
    if not found.steps:
        return entities, found
    after, result, _ = apply(entities, ConfigCommand("file", 0, "test", found.operations), 9, Handled())
    assert result.accepted, messages(result)
    return after, found


def test_M20_a_file_lists_what_a_service_group_or_member_depends_on() -> None:
    entities, found = applied(FILE, Entities())
    texts = [step.text for step in found.steps]
    assert "service web depends on service api" in texts
    assert "service group front depends on service web" in texts
    assert "member front/10.0.0.9:80 depends on service db" in texts
    assert applied(FILE, entities)[1].steps == [], "the same file again changes nothing"


def test_M20_a_dependency_that_turns_round_is_no_circle_in_between() -> None:
    entities, _ = applied(FILE, Entities())
    turned = FILE.replace(", depends_on: [api]", "").replace("depends_on: [db]}\n  db", "depends_on: [web]}\n  db")
    after, found = applied(turned, entities)
    assert "service web depends no longer on service api" in [step.text for step in found.steps]
    assert applied(turned, after)[1].steps == []


def test_M20_pruning_takes_dependents_before_what_they_need() -> None:
    entities, _ = applied(FILE, Entities())
    after, found = applied("services: {}\n", entities, prune=True)
    assert not list(after.of_kind(Kind.SERVICE))
    names = [step.operation.name for step in found.steps if step.operation.kind is Kind.SERVICE]
    assert names == ["web", "api", "db"]


def test_a_long_chain_is_checked_quickly_from_either_end() -> None:
    count = 3_000
    added = "\n".join(f"add service s{n} address=10.0.0.1 port=80" for n in range(count))
    for order in (range(1, count), reversed(range(1, count))):
        fold = ConfigFold()
        take(fold, added)
        result, _ = take(fold, "\n".join(f"bind service s{n} service s{n - 1}" for n in order))
        assert result.accepted
        assert "s0 depends on s2999" in messages(take(fold, "bind service s0 service s2999")[0])[0]
