"""Offsets are committed when the states of their batches have surely left: a batch is read again rather than lost."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as driver

from streams.faust_app.commit_trail import CommitTrail, commit_behind_s
from streams.faust_app.transport import Consumer
from streams.node.settings import DEFAULT_SESSION_TIMEOUT_S, MINIMUM_SESSION_TIMEOUT_S
from streams.node.stall import STALL_S

BEHIND_S = 5.0


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
    for session_s in (MINIMUM_SESSION_TIMEOUT_S, DEFAULT_SESSION_TIMEOUT_S):
        assert 0.6 * session_s < commit_behind_s(session_s) <= session_s, "read again in every takeover: no more"
    assert commit_behind_s(60) < STALL_S - 2


@dataclass(slots=True)
class Lease:
    """As far as commits ask for it."""

    held: bool = True

    def holds(self) -> bool:
        return self.held


class Quiet:
    """A consumer of ours with the library's own bookkeeping, and no Kafka: what it commits is kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        self.committed: dict[str, int] = {}
        self.consumer = consumer = object.__new__(Consumer)
        self.lease = Lease()
        consumer.app = SimpleNamespace(conf=SimpleNamespace(broker_session_timeout=BEHIND_S), group_listener=self.lease)
        monkeypatch.setattr("streams.faust_app.transport.time.monotonic", lambda: self.now_s)
        consumer._acked, consumer._acked_index = defaultdict(list), defaultdict(set)
        consumer._gap = defaultdict(lambda: None)
        consumer._committed_offset = defaultdict(lambda: None)

    def read_from(self, offset: int) -> None:
        """A rebalance: the group says where this consumer goes on."""
        self.consumer.flow_epoch += 1
        self.consumer.trail.forget()
        self.consumer._worked.clear()
        self.consumer._told.clear()
        self.consumer._committed_offset["p"] = offset

    def works_off(self, *offsets: int) -> None:
        """As `ack` notes it."""
        for offset in offsets:
            if offset not in self.consumer._acked_index["p"]:
                self.consumer._acked_index["p"].add(offset)
                self.consumer._acked["p"].append(offset)

    def tick(self, passed_s: float) -> int | None:
        """A commit after some time; where the group stands then."""
        self.now_s += passed_s
        offsets = self.consumer._filter_committable_offsets(["p"])
        if offsets:
            asyncio.run(self._commit(offsets))
        return self.committed.get("p")

    async def _commit(self, offsets: dict[str, int]) -> None:
        async def done(consumer: Any, given: dict[str, int], _: bool = True) -> bool:
            self.committed.update(given)
            consumer._committed_offset.update(given)
            return True

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(driver.Consumer, "_commit_offsets", done)
            await self.consumer._commit_offsets(offsets)


def test_F1_the_last_record_of_a_quiet_partition_is_committed_when_it_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = Quiet(monkeypatch)
    quiet.works_off(10, 11)
    assert [quiet.tick(0.0), quiet.tick(2.0)] == [None, None]
    assert quiet.tick(BEHIND_S) == 12, "though nothing new came"
    quiet.works_off(12)
    assert quiet.tick(1.0) == 12
    assert quiet.tick(BEHIND_S) == 13


def test_F1_after_a_rebalance_what_is_read_again_is_committed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = Quiet(monkeypatch)
    quiet.works_off(10, 11, 12)
    quiet.tick(0.0)
    quiet.read_from(12)
    quiet.works_off(12)
    assert quiet.tick(0.0) is None
    quiet.works_off(13)
    assert quiet.tick(2.0) is None
    assert quiet.tick(3.5) == 13
    assert quiet.tick(2.0) == 14


def test_F1_what_is_worked_off_while_commits_lag_waits_for_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = Quiet(monkeypatch)
    for offset in range(10, 40):
        quiet.works_off(offset)
        quiet.tick(1.0)
    assert quiet.tick(0.0) == 40 - int(BEHIND_S)
    assert quiet.tick(BEHIND_S) == 40


def test_F5_what_may_wait_for_the_lease_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = Quiet(monkeypatch)
    quiet.works_off(10)
    assert quiet.tick(0.0) is None
    quiet.lease.held = False
    assert [quiet.tick(BEHIND_S), quiet.tick(BEHIND_S)] == [None, None]
    quiet.lease.held = True
    assert quiet.tick(1.0) is None, "it leaves only now"
    assert quiet.tick(BEHIND_S) == 11
