"""What a replica keeps of each record, one rule a test: order, repetition, tombstones, bad bytes."""

from __future__ import annotations

import pytest

from connectors.kafka.places import BadRecord
from connectors.replica import state_map
from connectors.replica.state_map import StaleRecord, StateMap, Verdict, read_state
from schemas.codec import Unreadable, encode
from schemas.limits import ENTITY_BYTES
from schemas.states import ServiceState, State
from tests.unit.replica.samples import message, service_state


def apply(states: StateMap, offset: int, key: str | bytes, value: ServiceState | bytes | None) -> Verdict:
    record = message(offset, key, value)
    return states.apply(record, record.key(), record.value(), [])


def test_S10_an_older_view_is_ignored_and_reported() -> None:
    states, stale = StateMap(), []
    apply(states, 0, "7-0", service_state("7-0", view_id=4, sequence=9))
    late = message(5, "7-0", service_state("7-0", view_id=3, sequence=99))
    assert states.apply(late, late.key(), late.value(), stale) is Verdict.STALE
    assert stale == [StaleRecord("7-0", late.partition(), 5, (3, 99), (4, 9))]
    assert read_state(b"7-0", states.values[b"7-0"]).view_id == 4


def test_S10_equal_views_are_ordered_by_sequence() -> None:
    states = StateMap()
    apply(states, 0, "7-0", service_state("7-0", view_id=4, sequence=2))
    assert apply(states, 1, "7-0", service_state("7-0", view_id=4, sequence=1)) is Verdict.STALE
    assert apply(states, 2, "7-0", service_state("7-0", view_id=4, sequence=3)) is Verdict.TAKEN


def test_S10_the_same_record_again_is_a_repetition_and_repairs() -> None:
    states, held = StateMap(), service_state("7-0", view_id=4, sequence=2)
    apply(states, 0, "7-0", held)
    apply(states, 1, "7-0", service_state("7-0", view_id=3))
    assert list(states.unrepaired) == [b"7-0"]
    assert apply(states, 2, "7-0", held) is Verdict.REPEATED
    assert not states.unrepaired


def test_S10_two_records_of_one_order_are_a_fork_until_another_order_settles_it() -> None:
    states, stale = StateMap(), []
    first, second = (service_state("7-0", view_id=4, sequence=2, state=state) for state in (State.UP, State.DOWN))
    apply(states, 0, "7-0", first)
    forked = message(1, "7-0", second)
    assert states.apply(forked, forked.key(), forked.value(), stale) is Verdict.STALE
    assert read_state(b"7-0", states.values[b"7-0"]) == first, "every reader of the whole log holds the first"
    assert [late.is_fork for late in stale] == [True]
    assert list(states.unrepaired) == [b"7-0"], "who reads the compacted topic anew would hold the second"
    assert apply(states, 2, "7-0", service_state("7-0", view_id=4, sequence=3)) is Verdict.TAKEN
    assert not states.unrepaired


def test_an_older_record_is_no_fork() -> None:
    states, stale = StateMap(), []
    apply(states, 0, "7-0", service_state("7-0", view_id=4, sequence=2))
    late = message(1, "7-0", service_state("7-0", view_id=4, sequence=1))
    states.apply(late, late.key(), late.value(), stale)
    assert [each.is_fork for each in stale] == [False]


def test_tombstone_removes_and_is_final() -> None:
    states = StateMap()
    apply(states, 0, "7-0", service_state("7-0", view_id=4))
    assert apply(states, 1, "7-0", None) is Verdict.REMOVED
    assert apply(states, 2, "7-0", None) is Verdict.REPEATED
    assert apply(states, 3, "7-0", service_state("7-0", view_id=9)) is Verdict.STALE
    assert not states.values
    assert list(states.unrepaired) == [b"7-0"]


def test_tombstone_is_final_in_a_replay_too() -> None:
    states, stale = StateMap(), []
    records = [message(0, "7-0", None), message(1, "7-0", service_state("7-0"))]
    states.replay(records, stale, [])
    assert not states.values
    assert [each.offset for each in stale] == [1]


def test_removed_keys_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_map, "REMOVED_KEYS", 3)
    states = StateMap()
    for number in range(5):
        apply(states, number, f"{number}-0", None)
    assert list(states.removed) == [b"2-0", b"3-0", b"4-0"]


BAD = [
    ("empty", "7-0", b"", "too short"),
    ("noise", "7-0", b"not avro at all", "does not begin with the marker"),
    ("another record", "7-0", b"\xc3\x01" + bytes(8), "is not known here"),
    ("cut in its order", "7-0", encode(service_state("7-0", view_id=300))[:11], "ends within"),
    ("too large", "7-0", encode(service_state("7-0")) + bytes(ENTITY_BYTES), "over the limit"),
    ("without a key", b"", encode(service_state("7-0")), "no key"),
]


@pytest.mark.parametrize(("key", "value", "told"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_bytes_change_nothing_and_are_told(key: str | bytes, value: bytes, told: str) -> None:
    states = StateMap()
    apply(states, 0, "7-0", service_state("7-0", view_id=4))
    before = dict(states.values)
    with pytest.raises(Unreadable, match=told):
        apply(states, 1, key, value)
    assert states.values == before
    bad: list[BadRecord] = []
    good = message(2, "8-0", service_state("8-0"))
    states.replay([message(1, key, value), good], [], bad)
    assert [each.offset for each in bad] == [1]
    assert set(states.values) == {b"7-0", b"8-0"}


def test_S13_a_state_under_anothers_key_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="is the state of service 8-0, but stands under the key 7-0"):
        read_state(b"7-0", encode(service_state("8-0")))
