"""States that wait to be read whole: when it is their turn, and how many may wait."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from connectors.replica.unread import AT_ONCE, FEW, LATEST_S, QUIET_S, READ_AFTER_S, Unread


@dataclass(frozen=True, slots=True)
class Record:
    number: int

    def key(self) -> bytes:
        return b"1-0"

    def value(self) -> bytes:
        return b"value"

    def topic(self) -> str:
        return "service-states"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.number

    def timestamp(self) -> tuple[int, int]:
        return 1, 0


def filled(count: int) -> Unread:
    unread = Unread()
    for number in range(count):
        unread.add(Record(number), b"%d" % (1_000 + number), True, 5.0)
    return unread


def test_states_are_read_when_they_have_waited_some_at_a_time() -> None:
    unread = filled(AT_ONCE + 1)
    assert unread.due(5.0 + READ_AFTER_S - 0.01) == []
    assert [record.offset() for record, _, _ in unread.due(5.0 + READ_AFTER_S)] == list(range(AT_ONCE))
    assert len(unread.due(5.0 + READ_AFTER_S)) == 1


@pytest.mark.parametrize(("came", "read"), [(FEW - 1, True), (FEW, False)])
def test_who_waits_for_many_new_states_needs_the_processor_more(came: int, read: bool) -> None:
    unread, now_s = filled(10), 5.0 + READ_AFTER_S
    for number in range(came):
        unread.add(Record(100 + number), b"%d" % (5_000 + number), True, now_s - QUIET_S / 2)
    assert bool(unread.due(now_s)) is read
    assert unread.due(5.0 + LATEST_S), "but not for ever"


def test_no_more_wait_than_may_however_fast_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.replica.unread.WAITING", 1_000)
    unread = filled(2_000)
    assert len(unread.due(5.0)) == 1_000
    assert len(unread) == 1_000
    assert unread.due(5.0) == []


def test_what_is_known_to_be_bad_is_not_read_again() -> None:
    unread = Unread()
    value = b"some bytes"
    unread.add(Record(1), value, True, 5.0)
    unread.told(value)
    assert unread.due(7.0) == []
