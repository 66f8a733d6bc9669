"""The heartbeat: each beat starts the lease; a stuck loop ends the process, and a suspend does not."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from schemas.cluster import NodeStatus, Phase
from schemas.codec import decode
from schemas.identifiers import NodeId, ViewId
from streams.node.heartbeat import EXIT_STUCK, HELD_UP_S, LOOP_SILENCE_S, Heartbeat
from streams.node.lease import Lease
from tests.unit.node.fakes import Clock, RecordingSender
from tests.waiting import wait_until

PERIOD_S = 0.45


def status(beat: int, phase: Phase = Phase.SERVING) -> NodeStatus:
    return NodeStatus(NodeId("b0"), "run", phase, (), 1, None, ViewId(3), {}, (), beat, 0, 0, "test")


@dataclass(slots=True)
class Desk:
    """A heartbeat whose clock and process are the test's. Its thread runs only where a test starts it."""

    period_s: float = PERIOD_S
    clock: Clock = field(default_factory=Clock)
    sender: RecordingSender = field(default_factory=RecordingSender)
    ended: list[int] = field(default_factory=list)
    phase: Phase = Phase.SERVING
    lease: Lease = field(init=False)
    heartbeat: Heartbeat = field(init=False)

    def __post_init__(self) -> None:
        self.lease = Lease(2.0, self.clock)
        self.heartbeat = Heartbeat(
            self.sender, "nodes", self.period_s, self.lease, self.status, self.ended.append, self.clock
        )

    def status(self, beat: int) -> NodeStatus:
        return status(beat, self.phase)

    def look(self, after_s: float) -> list[int]:
        self.clock.now_s += after_s
        self.heartbeat.watch_loop()
        return self.ended


def test_a_loop_silent_for_too_long_ends_the_process() -> None:
    desk = Desk()
    desk.heartbeat.loop_turned()
    for _ in range(int(LOOP_SILENCE_S)):
        assert desk.look(1.0) == []
    assert desk.look(1.0) == [EXIT_STUCK]


def test_a_loop_that_turns_is_left_alone() -> None:
    desk = Desk()
    for _ in range(30):
        desk.heartbeat.loop_turned()
        assert desk.look(1.0) == []


def test_before_the_loop_has_turned_once_nothing_is_watched() -> None:
    desk = Desk()
    for _ in range(30):
        assert desk.look(1.0) == []


def test_after_a_suspend_the_loop_gets_its_time_again() -> None:
    desk = Desk()
    desk.heartbeat.loop_turned()
    assert desk.look(3_600.0) == [], "the whole process stood still, not the loop"
    for _ in range(int(LOOP_SILENCE_S)):
        assert desk.look(1.0) == []
    assert desk.look(1.0) == [EXIT_STUCK], "and if it is stuck then, it ends"
    assert PERIOD_S + HELD_UP_S < LOOP_SILENCE_S


def test_beats_go_out_numbered_and_start_the_lease() -> None:
    desk = Desk(period_s=0.01)
    desk.heartbeat.start()
    wait_until(lambda: len(desk.sender.sent) >= 3, 10, "three beats")
    desk.heartbeat.stop()
    beats = [decode(NodeStatus, record.value) for record in desk.sender.sent]
    assert [beat.beat for beat in beats] == list(range(1, len(beats) + 1))
    assert {(record.topic, record.partition, record.key) for record in desk.sender.sent} == {("nodes", 0, b"b0")}
    assert not desk.lease.holds(), "sent is not yet come back"
    desk.lease.came_back(2)
    assert desk.lease.holds()
    assert desk.ended == []


def test_the_last_beat_tells_the_phase_of_the_end() -> None:
    desk = Desk(period_s=60.0)
    desk.heartbeat.start()
    wait_until(lambda: desk.sender.sent, 10, "the first beat, at once")
    desk.heartbeat.beat_now()
    wait_until(lambda: len(desk.sender.sent) == 2, 10, "a beat between two periods")
    desk.phase = Phase.LEFT
    desk.heartbeat.stop()
    phases = [decode(NodeStatus, record.value).phase for record in desk.sender.sent]
    assert phases == [Phase.SERVING, Phase.SERVING, Phase.LEFT]


def test_who_yields_to_a_twin_says_nothing_at_the_end() -> None:
    desk = Desk(period_s=60.0)
    desk.heartbeat.stop()
    desk.heartbeat.start()
    wait_until(lambda: desk.sender.sent, 10, "the first beat")
    desk.heartbeat.stop(say_so=False)
    assert len(desk.sender.sent) == 1


def test_a_full_queue_does_not_stop_the_heart() -> None:
    desk = Desk(period_s=0.01, sender=RecordingSender(room=1))
    desk.heartbeat.start()
    wait_until(lambda: desk.heartbeat.beat >= 4, 10, "four beats")
    desk.sender.room = None
    wait_until(lambda: len(desk.sender.sent) >= 2, 10, "a beat after the queue emptied")
    desk.heartbeat.stop()
    assert desk.ended == []


def test_a_heartbeat_that_fails_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(period_s=0.01)
    monkeypatch.setattr(desk.heartbeat, "_status", lambda beat: 1 / 0)
    desk.heartbeat.start()
    wait_until(lambda: desk.ended, 10, "the end of the process")
    assert desk.ended == [EXIT_STUCK]
