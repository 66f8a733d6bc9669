"""The order within an iteration (C-6), and schedules of a millisecond and of ten thousand bindings in the real loop."""

from __future__ import annotations

import time
from collections import Counter

from connectors.engine import frames
from connectors.engine.entry import IDLE
from connectors.engine.frames import FrameKind
from connectors.engine.schedule import FIRST_WITHIN_MS
from schemas.probes import Verdict
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import answering, black_hole, serving, silent

OK = b"HTTP/1.1 200 OK\r\n\r\n"


def test_C6_when_a_probe_is_sent_its_next_time_stands_already() -> None:
    with black_hole() as port, engine() as harness:
        harness.probe(binding(port=port, interval_ms=500))
        entry = harness.loop.table.entries[1]
        harness.until(lambda: entry.stage is not IDLE, "the probe is sent")
        assert 250 <= entry.due_ms - entry.started_ns // 1_000_000 <= 750


def test_C6_results_are_reported_in_the_iteration_that_receives_them() -> None:
    with serving(answering(OK)) as port, engine() as harness:
        harness.probe(binding(kind="HTTP", port=port))
        entry = harness.loop.table.entries[1]
        harness.until(lambda: entry.stage is not IDLE, "the probe is sent")
        assert harness.reports == []
        while entry.stage is not IDLE:
            assert harness.reports == []
            harness.turn()
        assert [report.verdict for report in harness.reports] == [Verdict.UP]


def test_C6_what_is_not_schedulable_is_passed_over() -> None:
    with serving(silent) as port, engine(0, 2) as harness:
        rows = [binding(number, port=port, interval_ms=20, service_name="s") for number in range(1, 21)]
        harness.probe(*rows)
        harness.until(lambda: len({report.number for report in harness.reports}) == 10, "its own ten")
        others = [entry for entry in harness.loop.table.entries.values() if not entry.schedulable]
        assert len(others) == 10
        assert all(entry.run.run == 0 for entry in others)


def test_M2_an_interval_of_one_millisecond_holds() -> None:
    with serving(silent) as port, engine() as harness:
        harness.probe(binding(port=port, interval_ms=1, window=10**6))
        harness.until(lambda: harness.reports and harness.reports[-1].count >= 500, "500 probes")
        last = harness.reports[-1]
        assert 490 <= last.last_at_ms - last.first_at_ms <= 1500


def test_10000_bindings_of_one_interval_do_not_fire_at_once() -> None:
    rows = [binding(number, interval_ms=5000) for number in range(20, 10_020)]
    with engine() as harness:
        harness.tell(frames.encode_bindings(rows))
        harness.until(lambda: len(harness.loop.table.entries) == 10_000, "the table")
        began_ms = time.monotonic_ns() // 1_000_000
        harness.loop.table.set_probing([row.number for row in rows], True, began_ms)
        first = Counter(entry.due_ms - began_ms for entry in harness.loop.table.entries.values())
        assert max(first) < FIRST_WITHIN_MS
        assert len(first) == FIRST_WITHIN_MS
        assert max(first.values()) <= 30
        harness.tell(frames.encode_numbers(FrameKind.REMOVE, [row.number for row in rows]))
