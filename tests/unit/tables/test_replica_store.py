"""The table's store: the replica, with what was written and has not come back laid over it."""

from __future__ import annotations

from dataclasses import dataclass, field
from dataclasses import replace as changed
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.codec import encode
from schemas.identifiers import NodeId, ViewId
from schemas.states import ServiceState
from schemas.topics import SERVICE_STATES, Topic
from streams.tables.replica_store import STORE_URL, Store
from tests.unit.replica.samples import service_state

BASE: ServiceState = service_state("5-0")


def told(view: int, sequence: int, owner: str = "b0") -> bytes:
    return encode(changed(BASE, view_id=ViewId(view), sequence=sequence, owner=NodeId(owner)))


@dataclass(slots=True)
class Held:
    """What the store asks of a replica."""

    values: dict[str, bytes] = field(default_factory=dict)
    positions: dict[int, int] = field(default_factory=dict)

    def encoded(self, key: str) -> bytes | None:
        return self.values.get(key)

    def position(self, topic: Topic, partition: int) -> int | None:
        assert topic is SERVICE_STATES
        return self.positions.get(partition)

    def __iter__(self) -> Any:
        return iter(self.values)


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def store(held: Held) -> Store:
    app: Any = SimpleNamespace(service_replica=held)
    table: Any = SimpleNamespace(name="service-states", beacon=None, loop=None)
    made = Store.__new__(Store)
    made.app, made.table = app, table
    made.__post_init__()
    return made


def test_a_read_after_a_write_sees_the_write(store: Store) -> None:
    store["5-0"] = told(3, 1)
    assert store["5-0"] == told(3, 1)
    assert "5-0" in store
    assert list(store) == ["5-0"]
    assert len(store) == 1


def test_what_nobody_wrote_is_absent(store: Store) -> None:
    assert "5-0" not in store
    assert 7 not in store
    with pytest.raises(KeyError):
        store["5-0"]


def test_the_replica_holds_what_others_wrote(store: Store, held: Held) -> None:
    held.values["5-0"] = told(3, 1)
    assert store["5-0"] == told(3, 1)


def test_the_own_write_stands_until_the_replica_has_it_or_a_newer_one(store: Store, held: Held) -> None:
    held.values["5-0"] = told(3, 1)
    store["5-0"] = told(3, 2)
    assert store["5-0"] == told(3, 2)
    held.values["5-0"] = told(4, 1, "b1")
    assert store["5-0"] == told(4, 1, "b1"), "another writer, under a later view"
    held.values["5-0"] = told(3, 1)
    assert store["5-0"] == told(3, 1), "the own write is forgotten once it was overtaken"


def test_S10_a_newer_view_counts_before_a_longer_sequence(store: Store, held: Held) -> None:
    store["5-0"] = told(4, 1)
    held.values["5-0"] = told(3, 99)
    assert store["5-0"] == told(4, 1)


def test_a_removal_stands_until_the_replica_has_it(store: Store, held: Held) -> None:
    held.values["5-0"] = told(3, 1)
    del store["5-0"]
    assert "5-0" not in store
    assert list(store) == []
    del held.values["5-0"]
    assert "5-0" not in store
    held.values["5-0"] = told(3, 2)
    assert "5-0" in store


def test_reset_forgets_what_has_not_come_back_and_nothing_else(store: Store, held: Held) -> None:
    held.values["5-0"] = told(3, 1)
    store["5-0"] = told(3, 2)
    store["5-1"] = told(3, 1)
    store.reset_state()
    assert store["5-0"] == told(3, 1)
    assert list(store) == ["5-0"]


def test_faust_finds_nothing_to_recover_behind_what_the_replica_has(store: Store, held: Held) -> None:
    held.positions.update({0: 0, 1: 17})
    assert store.persisted_offset(SimpleNamespace(partition=0)) == -1
    assert store.persisted_offset(SimpleNamespace(partition=1)) == 16
    assert store.persisted_offset(SimpleNamespace(partition=2)) is None


def test_the_url_has_a_path_or_faust_takes_memory() -> None:
    assert STORE_URL.split("://")[1].strip("/")
