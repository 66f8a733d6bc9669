"""What the check reports, and that a pause in probing is found where it is: before, between or after the probes."""

from __future__ import annotations

import time

from infra.demo.check import Checked, longest_pause_s
from infra.demo.target import Protocol, Target


def test_a_result_is_the_five_figures_and_failures_only_if_there_are_any() -> None:
    held = Checked(3.14159, 812.4, 1.23456, 0.21)
    assert held.as_json() == {"ok": True, "ready_s": 3.14, "detect_ms": 812, "failover_s": 1.235, "handover_s": 0.21}
    broken = Checked(failed=["web-1 was never seen DOWN"])
    assert broken.as_json()["ok"] is False
    assert broken.as_json()["failed"] == ["web-1 was never seen DOWN"]
    assert broken.as_json()["detect_ms"] is None


def test_the_longest_pause_counts_from_the_last_probe_before() -> None:
    now_s = time.monotonic()
    target = Target("web-1", Protocol.HTTP, 20_000)
    target.arrivals.extend([now_s - 10.0, now_s - 5.0, now_s - 4.5, now_s - 1.5, now_s - 1.0])
    assert round(longest_pause_s(target, now_s - 4.8), 1) == 3.0
    assert round(longest_pause_s(target, now_s - 5.5), 1) == 5.0


def test_a_silence_until_now_is_a_pause() -> None:
    target = Target("web-1", Protocol.HTTP, 20_000)
    target.arrivals.append(time.monotonic() - 7.0)
    assert longest_pause_s(target, time.monotonic() - 1.0) >= 7.0
