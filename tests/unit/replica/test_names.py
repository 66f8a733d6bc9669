"""The name index: renames, and a name that two keys hold for a while."""

from __future__ import annotations

from connectors.replica.names import Names
from tests.unit.replica.samples import service_state


def test_a_rename_moves_the_name() -> None:
    names = Names()
    names.start({b"1-0": "a"})
    names.note(b"1-0", service_state("1-0", name="a"), service_state("1-0", name="b"))
    assert (names.key("a"), names.key("b")) == (None, b"1-0")


def test_a_late_removal_leaves_the_successor_its_name() -> None:
    names = Names()
    names.start({b"1-0": "web"})
    names.note(b"2-0", None, service_state("2-0", name="web"))
    names.note(b"1-0", service_state("1-0", name="web"), None)
    assert names.key("web") == b"2-0"
