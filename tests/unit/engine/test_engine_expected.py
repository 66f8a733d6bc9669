"""What the node says is UP goes on being UP, which is no news; that it does not is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.engine import frames
from connectors.engine.binding import Binding
from connectors.engine.frames import FrameKind
from schemas.probes import Verdict
from tests.unit.engine.harness import Harness, binding, engine
from tests.unit.engine.servers import closed_port, serving, silent


@contextmanager
def taken_over(row: Binding) -> Iterator[Harness]:
    """An engine that probes on a service which was told UP; its first probe is over."""
    with engine() as harness:
        harness.tell(frames.encode_bindings([row]))
        harness.tell(frames.encode_numbers(FrameKind.EXPECT_UP, [row.number]))
        harness.tell(frames.encode_numbers(FrameKind.PROBE_RESUME, [row.number]))
        harness.until(lambda: harness.loop.table.entries[1].run.count, "a first probe")
        yield harness


def quick(port: int) -> Binding:
    return binding(port=port, interval_ms=20)


def test_C8_a_success_that_is_expected_is_no_significant_result() -> None:
    with serving(silent) as port, taken_over(quick(port)) as harness:
        assert harness.loop.table.entries[1].run.verdict is Verdict.UP
        assert harness.loop.uplink.gathered.values == {}


def test_C8_a_failure_is_told_as_ever_and_nothing_is_expected_behind_it() -> None:
    with closed_port() as port, taken_over(quick(port)) as harness:
        assert not harness.loop.table.entries[1].expected
        harness.until(lambda: harness.of(1), "the failure's report")
        assert harness.of(1)[0].verdict is Verdict.DOWN
        assert harness.loop.table.entries[1].owned


def test_C8_what_tells_neither_success_nor_failure_ends_the_expectation_too() -> None:
    with taken_over(binding(ip="169.254.169.254", kind="NO-SUCH-KIND", interval_ms=20)) as harness:
        assert harness.loop.table.entries[1].run.verdict is Verdict.INCONCLUSIVE
        assert not harness.loop.table.entries[1].expected


def test_C8_what_is_probed_already_or_given_away_again_is_expected_to_do_nothing() -> None:
    with serving(silent) as port, taken_over(quick(port)) as harness:
        entry = harness.loop.table.entries[1]
        assert entry.expected
        harness.tell(frames.encode_numbers(FrameKind.PROBE_OFF, [1]))
        assert not entry.expected
        harness.tell(frames.encode_numbers(FrameKind.PROBE_ON, [1]))
        harness.tell(frames.encode_numbers(FrameKind.EXPECT_UP, [1, 99]))
        assert not entry.expected, "one that is probed already has been begun without it"


def test_C8_another_engines_bindings_are_not_expected_to_succeed_should_they_come_here_later() -> None:
    with serving(silent) as port, engine(0, 2) as harness:
        rows = [binding(number, port=port, service_name="s") for number in range(1, 21)]
        harness.tell(frames.encode_bindings(rows))
        harness.tell(frames.encode_numbers(FrameKind.EXPECT_UP, [row.number for row in rows]))
        entries = harness.loop.table.entries.values()
        assert {(entry.owned, entry.expected) for entry in entries} == {(True, True), (False, False)}
