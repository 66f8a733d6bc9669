"""One engine's loop on real sockets: schedule, limits, and what counts against whom."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from connectors.engine import frames
from connectors.engine.frames import FrameKind
from connectors.probes.http import HttpConversation
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine, numbers
from tests.unit.engine.servers import answering, black_hole, closed_port, serving, silent

OK = b"HTTP/1.1 200 OK\r\n\r\n"


def test_M14_nothing_is_probed_before_the_node_says_so() -> None:
    with serving(silent) as port, engine() as harness:
        harness.tell(frames.encode_bindings([binding(port=port, interval_ms=10)]))
        harness.until(lambda: len(harness.statistics) > 1, "a second passes")
        assert harness.reports == []
        assert harness.statistics[-1].bindings == 1
        harness.tell(frames.encode_numbers(FrameKind.PROBE_ON, [1]))
        harness.until(lambda: harness.reports, "a probe")


def test_M14_and_ceases_when_the_node_says_so() -> None:
    with serving(silent) as port, engine() as harness:
        harness.probe(binding(port=port, interval_ms=10, window=10_000))
        harness.until(lambda: harness.reports, "a probe")
        harness.tell(frames.encode_numbers(FrameKind.PROBE_OFF, [1]))
        known = harness.of(1)[-1].count
        spoken = len(harness.statistics)
        harness.until(lambda: len(harness.statistics) > spoken + 1, "a second passes")
        assert harness.of(1)[-1].count <= known + 1
        assert harness.statistics[-1].scheduled == 0


def test_C1_C5_every_engine_holds_the_table_and_probes_its_share() -> None:
    with closed_port() as port, engine(0, 2) as zero, engine(1, 2) as one:
        rows = [binding(number, port=port, interval_ms=50, service_name="s") for number in range(1, 21)]
        for harness in (zero, one):
            harness.probe(*rows)
            harness.until(lambda harness=harness: len(set(numbers(harness.reports))) == 10, "its half")
        assert set(numbers(zero.reports)) | set(numbers(one.reports)) == set(range(1, 21))
        assert [len(harness.loop.table.entries) for harness in (zero, one)] == [20, 20]


def test_C5_redistribution_is_a_flag() -> None:
    with closed_port() as port, engine(0, 2) as harness:
        harness.probe(*[binding(number, port=port, service_name="s") for number in range(1, 21)])
        assert harness.loop.table.scheduled == 10
        harness.tell(frames.encode_numbers(FrameKind.ALIVE, [0]))
        assert harness.loop.table.scheduled == 20
        harness.tell(frames.encode_numbers(FrameKind.ALIVE, [0, 1]))
        assert harness.loop.table.scheduled == 10
        assert len(harness.loop.table.entries) == 20


def test_C15_what_waits_for_company_goes_out_before_another_engine_takes_over() -> None:
    with engine(0, 2) as harness:
        harness.tell(frames.encode_numbers(FrameKind.ALIVE, [0]))
        harness.probe(binding(kind="UNKNOWN-KIND", interval_ms=0))
        harness.until(lambda: harness.loop.table.entries[1].run.run, "a result from which nothing follows")
        assert harness.reports == []
        harness.tell(frames.encode_numbers(FrameKind.ALIVE, [0, 1]))
        assert numbers(harness.reports) == [1]


def test_M2_once_means_once() -> None:
    with serving(silent) as port, engine() as harness:
        harness.probe(binding(port=port, interval_ms=0))
        harness.until(lambda: len(harness.statistics) > 2, "two seconds pass")
        assert [report.count for report in harness.reports] == [1]


def test_M2_the_interval_holds() -> None:
    with serving(silent) as port, engine() as harness:
        harness.probe(binding(port=port, interval_ms=20, window=1000))
        harness.until(lambda: harness.reports and harness.reports[-1].count >= 26, "26 probes")
        last = harness.reports[-1]
        assert 480 <= last.last_at_ms - last.first_at_ms <= 700


def test_a_probe_in_flight_is_not_doubled() -> None:
    with black_hole() as port, engine() as harness:
        harness.probe(binding(port=port, interval_ms=100, timeout_ms=1000))
        harness.until(lambda: harness.reports, "the first verdict")
        harness.until(lambda: harness.statistics[-1].skipped >= 8, "skipped instants are counted")
        assert len(harness.reports) == 1
        assert harness.statistics[-1].in_flight <= 1


def test_at_the_limit_probes_are_delayed_not_lost() -> None:
    with black_hole() as port, engine(open_sockets=2) as harness:
        harness.probe(*[binding(number, port=port, interval_ms=0, timeout_ms=300) for number in range(1, 7)])
        harness.until(lambda: len(harness.reports) == 6, "all six get their turn")
        assert {report.reason for report in harness.reports} == {Reason.TIMEOUT_CONNECT}
        harness.until(lambda: max(row.lag_ms for row in harness.statistics) > 250, "the lag is told")


def test_a_node_that_does_not_read_delays_probes_and_loses_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.engine.uplink.OUTBOX_BYTES", 100_000)
    with closed_port() as port, engine() as harness:
        harness.probe(*[binding(number, port=port, interval_ms=10, window=10**6) for number in range(1, 301)])
        limit = time.monotonic() + 20
        while not harness.loop.uplink.full and time.monotonic() < limit:
            harness.loop.turn()
        entries = harness.loop.table.entries.values()
        harness.until_idle()
        begun = sum(entry.run.count for entry in entries)
        for _ in range(3):
            harness.loop.turn()
        assert sum(entry.run.count for entry in entries) == begun
        known = harness.loop.table.entries[1].run.count
        harness.until(lambda: harness.of(1)[-1:] and harness.of(1)[-1].count > known + 3, "it goes on")
        assert [report.count for report in harness.of(1)] == list(range(1, len(harness.of(1)) + 1))


@contextmanager
def files_limited_to(number: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_no_descriptors_left_is_our_trouble_not_the_targets() -> None:
    with serving(silent) as port, engine() as harness:
        harness.tell(frames.encode_bindings([binding(port=port)]))
        with files_limited_to(3):
            report = harness.first(binding(port=port))
    assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
    assert "EMFILE" in report.detail


def test_M18_down_time_pauses_a_target_that_is_down() -> None:
    with closed_port() as port, engine() as harness:
        harness.probe(binding(port=port, interval_ms=50, window=3, down_time_ms=1000))
        harness.until(lambda: len(harness.reports) == 3, "three failures")
        failed_ms = harness.reports[-1].last_at_ms
        harness.until(lambda: harness.loop.table.entries[1].run.count == 4, "the probe after the pause")
        assert 950 <= harness.loop.table.entries[1].run.last_at_ms - failed_ms <= 1300


def test_M18_down_time_of_a_reversed_monitor_begins_when_the_target_answers() -> None:
    with serving(silent) as port, engine() as harness:
        reversed_one = binding(port=port, interval_ms=50, window=1, up_window=3, down_after=3, reverse=True)
        harness.probe(replace(reversed_one, down_time_ms=1000))
        harness.until(lambda: len(harness.reports) == 3, "three answers")
        answered_ms = harness.reports[-1].last_at_ms
        harness.until(lambda: harness.loop.table.entries[1].run.count == 4, "the probe after the pause")
        assert 950 <= harness.loop.table.entries[1].run.last_at_ms - answered_ms <= 1300


def test_M18_failures_of_a_reversed_monitor_are_not_paused() -> None:
    with closed_port() as port, engine() as harness:
        harness.probe(binding(port=port, interval_ms=20, window=9, down_after=1, reverse=True, down_time_ms=60_000))
        harness.until(lambda: len(harness.reports) == 5, "five refusals")


def test_M19_a_target_that_becomes_slow_is_late_by_its_learnt_time_out() -> None:
    answer_s = [0.0]

    def handle(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65536)
        ended.wait(answer_s[0])
        connection.sendall(OK)

    with serving(handle) as port, engine() as harness:
        monitor = binding(kind="HTTP", port=port, interval_ms=300, timeout_ms=290, window=9, deviation_ms=60)
        harness.probe(replace(monitor, down_after=2))
        harness.until(lambda: len(harness.reports) == 5, "five answers")
        entry = harness.loop.table.entries[1]
        assert 60 < entry.timeout_ms < 110
        answer_s[0] = 0.2
        harness.until(lambda: harness.reports[-1].count == 2 and len(harness.reports) == 7, "two late ones")
        assert harness.reports[-1].reason is Reason.TIMEOUT_FIRST_BYTE
        assert "learnt time-out" in harness.reports[-1].detail
        assert entry.timeout_ms == 290, "DOWN: learn again"
        harness.until(lambda: harness.reports[-1].verdict is Verdict.UP, "200 ms are in time now")


def test_a_kind_with_a_bug_spares_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpConversation, "received", lambda self, data: 1 / 0)
    with serving(answering(OK)) as port, engine() as harness:
        harness.probe(binding(1, "HTTP", port), binding(2, "TCP", port))
        harness.until(lambda: len(harness.reports) >= 2, "both")
        [broken], [well] = harness.of(1), harness.of(2)
    assert (broken.verdict, broken.reason) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
    assert "ZeroDivisionError" in broken.detail
    assert well.verdict is Verdict.UP


def test_a_kind_that_cannot_say_what_was_missing_spares_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpConversation, "overdue", lambda self: 1 / 0)
    with serving(silent) as port, engine() as harness:
        report = harness.first(binding(kind="HTTP", port=port, timeout_ms=50))
        assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
        assert harness.loop.table.entries[1].sock is None


def test_time_in_which_the_engine_did_not_run_is_not_the_targets() -> None:
    """The process is held up for longer than the time-out in the middle of a probe; the target answers at once."""
    with serving(answering(OK)) as port, engine() as harness:
        harness.probe(binding(kind="HTTP", port=port, interval_ms=0, timeout_ms=300))
        harness.until(lambda: harness.loop.table.entries[1].sock is not None, "the probe has begun")
        limit = time.monotonic() + 0.5
        while time.monotonic() < limit:
            """Held up."""
        harness.until(lambda: harness.reports, "a verdict")
        assert harness.reports[0].verdict is Verdict.UP


def test_removed_while_in_flight() -> None:
    with black_hole() as port, engine() as harness:
        harness.probe(binding(port=port, interval_ms=0))
        harness.until(lambda: harness.loop.table.entries[1].sock is not None, "the probe has begun")
        harness.tell(frames.encode_numbers(FrameKind.REMOVE, [1]))
        spoken = len(harness.statistics)
        harness.until(lambda: len(harness.statistics) > spoken + 1, "the deadline passes")
        assert harness.reports == []
        assert (harness.statistics[-1].in_flight, harness.statistics[-1].bindings) == (0, 0)


def test_a_replaced_binding_goes_on_with_a_new_run() -> None:
    with serving(silent) as up, closed_port() as refused, engine() as harness:
        harness.first(binding(port=up))
        harness.tell(frames.encode_bindings([binding(port=refused)]))
        harness.until(lambda: len(harness.reports) == 2, "the new address is probed")
        assert [(report.run, report.verdict) for report in harness.reports] == [(1, Verdict.UP), (2, Verdict.DOWN)]


def test_a_table_of_10000_bindings_costs_what_each_of_them_costs() -> None:
    rows = [binding(number) for number in range(10_000)]
    with engine() as harness:
        began_s = time.process_time()
        harness.probe(*rows)
        harness.until(lambda: harness.loop.table.scheduled == 10_000, "all are in")
        assert time.process_time() - began_s < 3.0, "0.2 s; a look at all for each takes minutes"
        harness.tell(frames.encode_numbers(FrameKind.REMOVE, range(10_000)))
