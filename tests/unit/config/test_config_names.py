"""Names of entities and members, near names for misspelt ones, and the map that updates without copying."""

from __future__ import annotations

import pytest

from schemas.inventory.names import is_name, member_name
from schemas.inventory.persistent_map import BUCKET_ITEMS, PersistentMap
from streams.folding.config.suggestions import nearest


@pytest.mark.parametrize(
    ("text", "allowed"),
    [("web1", True), ("_a.b:c@d-e", True), ("1", True), ("", False), ("-a", False), ("a b", False), ("a/b", False)],
)
def test_which_names_are_allowed(text: str, allowed: bool) -> None:
    assert is_name(text) is allowed
    assert not is_name("x" * 128)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("web/10.0.0.3:80", "web/10.0.0.3:80"),
        ("web/[2001:DB8::0:3]:80", "web/[2001:db8::3]:80"),
        ("a:b/10.0.0.3:80", "a:b/10.0.0.3:80"),
        ("web/10.0.0.3", None),
        ("web/10.0.0.300:80", None),
        ("web/10.0.0.3:0", None),
        ("web/App.Example.org.:80", "web/app.example.org:80"),
        ("web/app:80", "web/app:80"),
        ("web/-app:80", None),
        ("web/app..org:80", None),
        ("10.0.0.3:80", None),
    ],
)
def test_a_members_name_says_its_group_address_and_port(text: str, canonical: str | None) -> None:
    member = member_name(text)
    assert (str(member) if member else None) == canonical


@pytest.mark.parametrize(
    ("name", "expected"), [("web9", "web1"), ("wbe1", "web1"), ("http_web", "http-web"), ("zebra", None)]
)
def test_a_near_name_is_offered(name: str, expected: str | None) -> None:
    assert nearest(name, ["http-web", "web2", "web1", "database"]) == expected


def test_an_updated_map_leaves_the_old_one_as_it_was() -> None:
    first = PersistentMap({number: str(number) for number in range(10)})
    second = first.updated({3: "three", 11: "eleven"}, drop=[4, 99])
    assert (first[3], len(first), 4 in first) == ("3", 10, True)
    assert (second[3], len(second), 4 in second) == ("three", 10, False)
    assert second.updated({}, drop=list(second)) == {}


def test_a_map_grows_with_its_items() -> None:
    grown: PersistentMap[int, int] = PersistentMap()
    for number in range(BUCKET_ITEMS * 20):
        grown = grown.updated({number: number})
    assert dict(grown) == {number: number for number in range(BUCKET_ITEMS * 20)}
    assert PersistentMap(dict(grown)) == grown
