"""Offsets are committed when the states of their batches have surely left: a batch is read again rather than lost."""

from __future__ import annotations

import pytest

from streams.faust_app.commit_trail import COMMIT_BEHIND_S, CommitTrail
from streams.faust_app.transport import Consumer
from streams.node.settings import DEFAULT_SESSION_TIMEOUT_S
from streams.node.stall import STALL_S


def test_F1_what_was_just_worked_off_is_not_committed() -> None:
    trail = CommitTrail(5)
    assert [trail.note("p", offset, now_s) for offset, now_s in ((3, 10.0), (7, 11.0), (7, 14.9))] == [None] * 3
    assert trail.note("p", 9, 15.0) == 3
    assert trail.note("p", 9, 16.0) == 7
    assert trail.note("p", 9, 19.9) == 7
    assert trail.note("p", 9, 20.0) == 9
    assert trail.note("p", 9, 300.0) == 9


def test_places_are_apart_and_a_rebalance_begins_anew() -> None:
    trail = CommitTrail(5)
    trail.note("p", 3, 0.0)
    assert trail.note("q", 8, 6.0) is None
    assert trail.note("p", 3, 6.0) == 3
    trail.forget()
    assert trail.note("p", 3, 7.0) is None


def test_a_commit_stays_behind_every_delivery_and_before_any_stall() -> None:
    assert DEFAULT_SESSION_TIMEOUT_S < COMMIT_BEHIND_S < STALL_S - 2


def test_our_consumer_commits_by_the_trail(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = object.__new__(Consumer)
    now_s = [100.0]
    monkeypatch.setattr("streams.faust_app.transport.time.monotonic", lambda: now_s[0])
    monkeypatch.setattr(consumer, "_new_offset", lambda tp: {"p": 12, "q": None}[tp], raising=False)
    monkeypatch.setattr(consumer, "_should_commit", lambda tp, offset: offset > 0, raising=False)
    assert consumer._filter_committable_offsets(["p", "q"]) == {}
    now_s[0] += COMMIT_BEHIND_S
    assert consumer._filter_committable_offsets(["p", "q"]) == {"p": 12}
