"""Entities come to light with their mark, all of a command or nothing of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.replica import config_table
from connectors.replica.config_table import ConfigTable, EntityChange, entity_key
from schemas.codec import Unreadable, encode
from schemas.config import BoundTo, ConfigEntity, ConfigRevision, Kind
from schemas.identifiers import EntityId


def entity(entity_id: str, revision: int, name: str = "web") -> ConfigEntity:
    return ConfigEntity(EntityId(entity_id), Kind.SERVICE, name, revision, True, {"port": 80}, ())


def put(table: ConfigTable, item: ConfigEntity) -> None:
    assert table.take(entity_key(item).encode(), encode(item)) is None


def mark(table: ConfigTable, offset: int) -> list[EntityChange] | None:
    return table.take(b"revision", encode(ConfigRevision(offset, f"c{offset}")))


def test_nothing_of_a_command_shows_before_its_mark() -> None:
    table, first, second = ConfigTable(), entity("5-0", 5), entity("5-1", 5, "db")
    put(table, first)
    put(table, second)
    assert table.entities == {}
    assert mark(table, 5) == [
        EntityChange("SERVICE/5-0", None, first),
        EntityChange("SERVICE/5-1", None, second),
    ]
    assert table.revision == 5


def test_an_entity_behind_the_mark_waits_for_its_own() -> None:
    table = ConfigTable()
    put(table, entity("5-0", 5))
    put(table, entity("6-0", 6))
    mark(table, 5)
    assert list(table.entities) == ["SERVICE/5-0"]
    mark(table, 6)
    assert list(table.entities) == ["SERVICE/5-0", "SERVICE/6-0"]


def test_a_tombstone_takes_effect_with_the_mark() -> None:
    table, held = ConfigTable(), entity("5-0", 5)
    put(table, held)
    mark(table, 5)
    assert table.take(b"SERVICE/5-0", None) is None
    assert list(table.entities) == ["SERVICE/5-0"]
    assert mark(table, 6) == [EntityChange("SERVICE/5-0", held, None)]


def test_a_command_written_twice_changes_nothing_the_second_time() -> None:
    table, held = ConfigTable(), entity("5-0", 5)
    for expected in ([EntityChange("SERVICE/5-0", None, held)], []):
        put(table, held)
        assert mark(table, 5) == expected


def test_an_older_revision_does_not_come_back() -> None:
    table = ConfigTable()
    put(table, entity("5-0", 7, "new"))
    mark(table, 7)
    put(table, entity("5-0", 5, "old"))
    assert mark(table, 5) == []
    assert table.entities["SERVICE/5-0"].name == "new"
    assert table.revision == 7


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        (None, encode(entity("5-0", 5)), "no key"),
        (b"\xff", encode(entity("5-0", 5)), "no UTF-8 text"),
        (b"SERVICE/9-9", encode(entity("5-0", 5)), "is the entity SERVICE/5-0"),
        (b"revision", encode(entity("5-0", 5)), "holds a ConfigEntity, not a ConfigRevision"),
        (b"revision", None, "no value"),
        (b"SERVICE/5-0", encode(ConfigRevision(5, "c")), "holds a ConfigRevision, not a ConfigEntity"),
    ],
)
def test_bad_records_change_nothing(key: bytes | None, value: bytes | None, told: str) -> None:
    table = ConfigTable()
    with pytest.raises(Unreadable, match=told):
        table.take(key, value)
    assert (table.entities, table.revision) == ({}, -1)


def test_an_entity_of_a_kind_that_only_a_newer_release_knows_is_held_under_its_own_key() -> None:
    table, newer = ConfigTable(), replace(entity("5-0", 5), kind=Kind.UNKNOWN)
    assert table.take(b"TENANT/5-0", encode(newer)) is None
    assert mark(table, 5) == [EntityChange("TENANT/5-0", None, newer)]


def test_F8_a_service_waits_for_the_monitor_that_compaction_moved_behind_the_mark() -> None:
    monitor = ConfigEntity(EntityId("5-0"), Kind.MONITOR, "m", 6, True, {"type": "TCP"}, ())
    bound = replace(entity("5-1", 5), bindings=(BoundTo(Kind.MONITOR, EntityId("5-0"), 1, True),))
    holder = ConfigEntity(
        EntityId("5-2"), Kind.VSERVER, "v", 5, True, {}, (BoundTo(Kind.SERVICE, EntityId("5-1"), 1, True),)
    )
    table = ConfigTable()
    for item in (holder, bound, entity("5-3", 5, "free")):
        put(table, item)
    assert mark(table, 5) == [EntityChange("SERVICE/5-3", None, entity("5-3", 5, "free"))]
    put(table, monitor)
    shown = mark(table, 6)
    assert shown is not None
    assert {change.key for change in shown} == {"MONITOR/5-0", "SERVICE/5-1", "VSERVER/5-2"}


def test_F8_what_comes_behind_a_tombstone_is_left_out_for_good() -> None:
    table, held = ConfigTable(), entity("5-0", 5)
    put(table, held)
    mark(table, 5)
    table.take(b"SERVICE/5-0", None)
    put(table, held)
    assert mark(table, 6) == [EntityChange("SERVICE/5-0", held, None)], "while the tombstone waits for its mark"
    put(table, held)
    assert mark(table, 6) == [], "and afterwards: a topic written again behind itself raises nobody from the dead"
    assert table.entities == {}


def test_F8_of_two_that_wait_the_newer_is_shown_whichever_came_last() -> None:
    table, old, new = ConfigTable(), entity("5-0", 5), entity("5-0", 6, "renamed")
    put(table, new)
    put(table, old)
    assert mark(table, 6) == [EntityChange("SERVICE/5-0", None, new)]


def test_F8_removed_entities_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_table, "REMOVED_KEYS", 2)
    table = ConfigTable()
    for number in range(5):
        table.take(f"SERVICE/{number}-0".encode(), None)
    assert len(table._removed) == 2


def repair(table: ConfigTable) -> list[str]:
    """Write again what is due, as the config agent does; the keys."""
    due = table.repairs()
    for key, value in due:
        table.take(key.encode(), value)
    return [key for key, _ in due]


def test_F4_poison_behind_an_entity_is_answered_with_the_entity_and_the_mark() -> None:
    table, held = ConfigTable(), entity("5-0", 5)
    put(table, held)
    mark(table, 5)
    for key in (b"SERVICE/5-0", b"SERVICE/9-9"):
        with pytest.raises(Unreadable):
            table.take(key, b"poison")
    again = table.repairs()
    assert again == [("SERVICE/5-0", encode(held)), ("revision", encode(ConfigRevision(5, "c5")))]
    assert repair(table) == ["SERVICE/5-0", "revision"], "of what was never an entity nothing is to be written"
    assert table.repairs() == []
    assert table.entities == {"SERVICE/5-0": held}


def test_F4_poison_in_the_place_of_the_mark_is_answered_with_the_mark() -> None:
    table = ConfigTable()
    put(table, entity("5-0", 5))
    mark(table, 5)
    with pytest.raises(Unreadable):
        table.take(b"revision", b"poison")
    assert repair(table) == ["revision"]
    assert table.repairs() == []


def test_F8_an_older_record_of_a_visible_entity_is_answered_with_the_newest() -> None:
    table, newest = ConfigTable(), entity("5-0", 7)
    for item in (entity("5-0", 5), newest):
        put(table, item)
        mark(table, item.revision)
    put(table, entity("5-0", 5))
    assert mark(table, 5) == [], "nor does an older mark take anything back"
    assert repair(table) == ["SERVICE/5-0", "revision"]
    assert table.entities == {"SERVICE/5-0": newest}
    assert table.repairs() == []


def test_F8_what_comes_behind_a_tombstone_is_answered_with_a_tombstone() -> None:
    table = ConfigTable()
    put(table, entity("5-0", 5))
    mark(table, 5)
    table.take(b"SERVICE/5-0", None)
    mark(table, 6)
    put(table, entity("5-0", 5))
    assert table.repairs() == [("SERVICE/5-0", None), ("revision", encode(ConfigRevision(6, "c6")))]


def test_F4_poison_behind_an_entity_whose_mark_is_on_its_way_waits_for_the_mark() -> None:
    table, held = ConfigTable(), entity("5-0", 5)
    put(table, held)
    with pytest.raises(Unreadable):
        table.take(b"SERVICE/5-0", b"poison")
    assert table.repairs() == [], "written again now it might be a command half done"
    mark(table, 5)
    assert repair(table) == ["SERVICE/5-0", "revision"]


def test_F8_what_comes_once_more_behind_its_mark_is_written_again_with_a_mark_behind_it() -> None:
    """Compaction may leave only that one, and who reads it there would wait for a mark for ever."""
    table, held = ConfigTable(), entity("5-0", 5)
    put(table, held)
    mark(table, 5)
    put(table, held)
    assert [key for key, _ in table.repairs()] == ["SERVICE/5-0", "revision"]
    anew = ConfigTable()
    anew.take(b"revision", encode(ConfigRevision(5, "c5")))
    put(anew, held)
    assert anew.entities == {}
    for key, value in table.repairs():
        anew.take(key.encode(), value)
    assert anew.entities == {"SERVICE/5-0": held}
    assert repair(table) == ["SERVICE/5-0", "revision"]
    assert table.repairs() == []
