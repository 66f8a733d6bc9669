"""The segment size of a target's connection: read when a run of successes begins, and told with its reports (S-1)."""

from __future__ import annotations

import socket
import threading

import pytest

from connectors.engine import stream
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import closed_port, serving


def accepted(connection: socket.socket, ended: threading.Event) -> None:
    """Holds the connection until the test is over."""
    with connection:
        ended.wait()


def test_S1_the_first_success_of_a_run_tells_the_segment_size() -> None:
    with serving(accepted) as port, engine() as harness:
        report = harness.first(binding(port=port))
        assert 1_000 < report.mss <= 65_535


def test_S1_a_run_of_failures_knows_none() -> None:
    with closed_port() as port, engine() as harness:
        assert harness.first(binding(port=port)).mss == 0


def test_S1_it_costs_one_question_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option that the kernel does not have: each question would break its probe, and only the first one asks."""
    with serving(accepted) as port, engine() as harness:
        harness.probe(binding(port=port, interval_ms=20))
        harness.until(lambda: harness.of(1), "the run has begun")
        monkeypatch.setattr(stream, "TCP_MAXSEG", 32_000)
        harness.until(lambda: harness.of(1)[-1].count >= 3, "the run goes on")
        assert {report.run for report in harness.of(1)} == {1}
        assert {report.mss for report in harness.of(1)} == {harness.of(1)[0].mss}
