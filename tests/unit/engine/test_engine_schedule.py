"""When a binding is due (M-2)."""

from __future__ import annotations

from collections import Counter

from connectors.engine.due_times import DueTimes
from connectors.engine.schedule import due_after_ms, first_due_ms, phase_ms, spread_of


def test_M2_the_interval_is_fixed_and_late_starts_do_not_drift() -> None:
    due = 1000
    late = [0, 3, 40, 0, 99]
    instants = [due := due_after_ms(due + late_ms, 200, 0) for late_ms in late]
    assert instants == [1200, 1400, 1600, 1800, 2000]


def test_M2_missed_instants_are_skipped() -> None:
    assert due_after_ms(1000 + 730, 200, 0) == 2000


def test_M2_every_millisecond() -> None:
    assert [due_after_ms(now, 1, 0) for now in (5, 6, 7)] == [6, 7, 8]


def test_M2_days() -> None:
    day_ms = 86_400_000
    phase = phase_ms(3 * day_ms, spread_of("7-0/7-1"))
    due = due_after_ms(123, 3 * day_ms, phase)
    assert due % (3 * day_ms) == phase
    assert due_after_ms(due, 3 * day_ms, phase) == due + 3 * day_ms


def test_phases_of_10000_bindings_are_spread() -> None:
    phases = Counter(phase_ms(5000, spread_of(f"{number}-0/{number}-1")) for number in range(10_000))
    assert len(phases) == 500
    assert max(phases.values()) < 50


def test_the_first_probe_comes_within_a_second_or_the_interval() -> None:
    spreads = [spread_of(f"{number}-0/{number}-1") for number in range(1000)]
    assert all(0 <= first_due_ms(50, 5000, spread) - 50 < 1000 for spread in spreads)
    assert all(0 <= first_due_ms(50, 20, spread) - 50 < 20 for spread in spreads)
    assert len({first_due_ms(50, 5000, spread) for spread in spreads}) > 500


def test_a_pause_after_failures_stays_on_the_grid() -> None:
    assert due_after_ms(1000, 200, 0, pause_ms=900) == 2000


def test_due_times_come_out_by_instant() -> None:
    due: DueTimes[str] = DueTimes()
    for instant, name in [(5, "b"), (3, "a"), (5, "c"), (9, "d")]:
        due.put(instant, name)
    assert due.next_ms() == 3
    assert [due.take(8), due.take(8), due.take(8)] == [(3, ["a"]), (5, ["b", "c"]), None]
    assert due.next_ms() == 9
