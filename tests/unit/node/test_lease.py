"""The lease: from when a heartbeat was sent, whatever the order in which heartbeats come back."""

from __future__ import annotations

import time

from streams.node.lease import REMEMBERED_BEATS, Lease, boot_clock_s
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
