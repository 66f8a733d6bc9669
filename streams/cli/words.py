"""Words of a command line to operations: kinds as people type them, `key=value` settings, and pairs to bind.

Rule: pure, and checked only as far as it needs no knowledge of the cluster; everything else is the fold's to say. The
two ends of a binding may come in either order (`bind monitor m to service s`, `bind service s monitor m`): the table
of bindings knows which one holds the other. Of two services it cannot know, and one that is bound to a group might be
meant as a member: there the joint must say it (`bind service web depends-on service db`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from schemas.config import Kind, Operation, Setting, Verb
from schemas.parameters.kinds import BINDINGS, DEPENDENCIES, KINDS

DEPENDS_ON = "depends-on"
JOINTS = frozenset({"to", "from", "on", "with", DEPENDS_ON})


class Misspoken(Exception):
    """The words make no operation; the message says what to write."""


def kind_words() -> dict[str, Kind]:
    """Every way to write a kind: service-group, service_group, servicegroup."""
    nouns = {KINDS[kind].noun: kind for kind in KINDS}
    return {noun.replace(" ", joint): kind for noun, kind in nouns.items() for joint in ("-", "_", "")}


def kind_of(word: str) -> Kind:
    """The kind that a word means."""
    kind = kind_words().get(word.lower())
    if kind is None:
        raise Misspoken(
            f'"{word}" is no kind: there are {", ".join(row.noun.replace(" ", "-") for row in KINDS.values())}'
        )
    return kind


def settings_from(words: Iterable[str]) -> dict[str, Setting]:
    """`key=value` words; `key=` goes back to the default."""
    settings: dict[str, Setting] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise Misspoken(f'"{word}" is no setting: write key=value, such as interval=5s')
        settings[key.replace("-", "_")] = value or None
    return settings


def given(options: Mapping[str, str | None]) -> dict[str, Setting]:
    """Options that were used."""
    return {name: value for name, value in options.items() if value is not None}


def pair_operation(verb: Verb, words: Sequence[str]) -> Operation:
    """BIND or UNBIND from `kind name [to] kind name [key=value ...]`."""
    ends = [word for word in words if "=" not in word and word.lower() not in JOINTS]
    if len(ends) != 4:
        raise Misspoken("say two entities by kind and name, such as: monitor http-web to service web1")
    one, other = (kind_of(ends[0]), ends[1]), (kind_of(ends[2]), ends[3])
    holder, bound = (one, other) if (one[0], other[0]) in BINDINGS else (other, one)
    dependent = DEPENDS_ON in (word.lower() for word in words)
    if dependent and (one[0], other[0]) not in DEPENDENCIES:
        raise Misspoken("a service, service-group or member depends on a service: service web depends-on service db")
    if not dependent and (holder[0], bound[0]) in DEPENDENCIES:
        raise Misspoken(_which_depends(verb, holder, bound))
    settings = settings_from(word for word in words if "=" in word)
    return Operation(verb, holder[0], holder[1], settings, bound[0], bound[1])


def _which_depends(verb: Verb, holder: tuple[Kind, str], bound: tuple[Kind, str]) -> str:
    noun = KINDS[holder[0]].noun.replace(" ", "-")
    say = f"say which depends on which: {verb.value.lower()} {noun} {holder[1]} depends-on service {bound[1]}"
    member = f"; a server becomes a member by: add member {holder[1]}/ADDRESS:PORT"
    return say + (member if holder[0] is Kind.SERVICE_GROUP else "")
