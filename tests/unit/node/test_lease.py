"""The lease: from when a heartbeat was sent, whatever the order in which heartbeats come back."""

from __future__ import annotations

import time

from schemas.identifiers import NodeId
from streams.node.lease import JUST_HEARD, REMEMBERED_BEATS, Lease, boot_clock_s
from streams.node.settings import NodeSettings
from tests.unit.node.fakes import Clock


def test_no_lease_before_the_first_heartbeat_came_back() -> None:
    lease = Lease(2.0, Clock())
    lease.sent(1)
    assert not lease.holds()
    assert lease.age_s() is None
    assert lease.expiries == 0


def test_the_lease_runs_from_the_sending_not_from_the_return() -> None:
    clock = Clock(10.0)
    lease = Lease(2.0, clock)
    lease.sent(1)
    clock.now_s = 11.9
    lease.came_back(1)
    assert lease.holds()
    assert lease.age_s() == clock.now_s - 10.0
    clock.now_s = 12.0
    assert not lease.holds(), "exactly its duration after the sending it is over"


def test_a_heartbeat_that_comes_back_too_late_gives_nothing() -> None:
    clock = Clock(10.0)
    lease = Lease(2.0, clock)
    lease.sent(1)
    clock.now_s = 15.0
    lease.came_back(1)
    assert not lease.holds()


def test_heartbeats_out_of_order_never_shorten_the_lease() -> None:
    clock = Clock(10.0)
    lease = Lease(2.0, clock)
    lease.sent(1)
    clock.now_s = 11.0
    lease.sent(2)
    lease.came_back(2)
    lease.came_back(1)
    assert lease.age_s() == 0.0
    lease.came_back(2)
    lease.came_back(77)
    assert lease.age_s() == 0.0, "twice, or never sent by this run: nothing"


def test_F3_F5_a_lease_that_ran_out_is_had_again_only_when_no_view_was_missed() -> None:
    clock = Clock(10.0)
    lease = Lease(2.0, clock)
    for beat in (1, 2):
        lease.sent(beat)
    lease.came_back(1)
    clock.now_s = 20.0
    lease.came_back(2)
    assert not lease.holds()
    assert not lease.is_back(), "sent before the sleep: it says nothing"
    for beat in (3, 4):
        lease.sent(beat)
        lease.came_back(beat)
    assert not lease.holds(), "however many come back, they may be read before the view that was agreed on meanwhile"
    assert lease.is_back()
    lease.resume()
    assert lease.holds()
    assert not lease.is_back()
    clock.now_s = 21.0
    lease.sent(5)
    lease.came_back(5)
    assert lease.age_s() == 0.0


def test_F3_an_end_of_the_lease_that_only_a_question_notices_counts_as_well() -> None:
    clock = Clock(10.0)
    lease = Lease(2.0, clock)
    lease.sent(1)
    lease.came_back(1)
    assert lease.holds()
    lease.sent(2)
    clock.now_s = 12.5
    assert not lease.holds()
    clock.now_s = 11.9
    lease.came_back(2)
    assert not lease.holds(), "a beat that was sent in time renews nothing that was found ended"


def test_expiries_are_counted_once_each() -> None:
    clock = Clock(10.0)
    lease = Lease(2.0, clock)
    for beat, at_s in ((1, 10.0), (3, 20.0)):
        clock.now_s = at_s
        lease.sent(beat)
        lease.came_back(beat)
        lease.resume()
        assert lease.holds()
        clock.now_s = at_s + 4
        assert not lease.holds()
        assert not lease.holds()
    assert lease.expiries == 2


def test_heartbeats_that_never_come_back_are_forgotten() -> None:
    lease = Lease(2.0, Clock())
    for beat in range(1, 3 * REMEMBERED_BEATS):
        lease.sent(beat)
    assert len(lease._sent_at) <= REMEMBERED_BEATS


def test_the_clock_goes_on_in_suspend() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= boot_clock_s() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def held(clock: Clock) -> Lease:
    """A lease of two seconds."""
    lease = Lease(2.0, clock)
    assert beaten(lease, clock, clock.now_s + 1)
    return lease


def beaten(lease: Lease, clock: Clock, at_s: float) -> bool:
    """Whether it holds at this time. Heartbeats come back all the while: by them alone it would."""
    for step in range(int(clock.now_s * 10) + 5, int(at_s * 10), 5):
        clock.now_s = step / 10
        lease.sent(step)
        lease.came_back(step)
    clock.now_s = at_s
    return lease.holds()


def test_F5_who_the_group_no_longer_answers_has_no_lease_though_its_heartbeats_come_back() -> None:
    clock = Clock(10.0)
    lease = held(clock)
    assert beaten(lease, clock, 30.0), "in no group yet: the heartbeat alone counts"
    lease.group_answered(30.0)
    assert beaten(lease, clock, 31.9)
    assert lease.group_age_s() == clock.now_s - 30.0
    assert not beaten(lease, clock, 32.0), "exactly its duration after the asking it is over"
    lease.group_answered(31.9)
    assert not lease.holds()
    assert lease.is_back()
    lease.resume()
    assert lease.holds()
    assert lease.expiries == 1


def test_F5_an_answer_that_comes_too_late_is_not_overlooked() -> None:
    """Nobody asked for the lease while the group was silent: what was missed meanwhile must be read all the same."""
    clock = Clock(9.0)
    lease = held(clock)
    lease.group_answered(10.0)
    for beat, at_s in enumerate((11.0, 12.5), 1000):
        clock.now_s = at_s
        lease.sent(beat)
        lease.came_back(beat)
    lease.group_answered(12.4)
    assert not lease.holds()
    assert lease.is_back()


def test_F5_a_join_is_as_good_as_an_answer_where_the_coordinator_was_just_heard() -> None:
    clock = Clock(9.0)
    lease = held(clock)
    lease.group_answered(10.0)
    assert beaten(lease, clock, 10.6)
    lease.group_joining()
    assert beaten(lease, clock, 12.5)
    lease.group_joining()
    assert not beaten(lease, clock, 12.6), "asked again without an answer: once is enough"


def test_F5_a_join_without_an_answer_keeps_the_lease_for_less_than_a_session() -> None:
    for settings in (NodeSettings(NodeId("b0"), "k:1", session_timeout_s=each) for each in (1.0, 1.5, 10.0)):
        assert (1 + JUST_HEARD) * settings.lease_s < settings.session_timeout_s


def test_F3_F5_who_was_counted_out_has_the_lease_back_only_when_counted_in() -> None:
    clock = Clock(9.0)
    lease = held(clock)
    lease.group_answered(10.0)
    lease.group_gone()
    assert not lease.holds()
    lease.group_joining()
    assert not lease.holds(), "asking to be let in gives nothing to who is out"
    assert not lease.is_back()
    lease.group_answered(10.0)
    assert not lease.holds()
    assert lease.is_back()
    lease.group_left()
    assert beaten(lease, clock, 10.5) is False, "still to be resumed"
    lease.resume()
    assert beaten(lease, clock, 40.0), "who handed over is asked for nothing more"
    lease.group_gone()
    assert lease.holds(), "nor told anything"
