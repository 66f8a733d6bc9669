"""The demo's unattended check on a real Kafka: three nodes as processes, a kill, a restart and an orderly leave."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.kafka.broker import Broker

DEADLINE_S = 240


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`watchbill demo` with these arguments, run to its end."""
    command = [sys.executable, "-m", "streams.cli.main", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


@pytest.mark.timeout(DEADLINE_S + 30)
def test_the_check_holds(broker: Broker, cluster_name: str, tmp_path: Path) -> None:
    ran = demo(
        "--check", "--json", "--bootstrap", broker.bootstrap, "--cluster", cluster_name, "--data-dir", str(tmp_path)
    )
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told.get("failed") is None, ran.stderr
    assert told["ok"] is True
    assert ran.returncode == 0
    assert set(told) == {"ok", "ready_s", "detect_ms", "failover_s", "handover_s"}
    assert all(told[key] > 0 for key in ("ready_s", "detect_ms", "failover_s", "handover_s"))
    assert (tmp_path / "cluster.yaml").exists()
    assert not (tmp_path / "demo.sock").exists()


def test_a_kafka_that_is_away_fails_the_check_in_words(tmp_path: Path) -> None:
    ran = demo("--check", "--json", "--bootstrap", "127.0.0.1:1", "--data-dir", str(tmp_path))
    told = json.loads(ran.stdout.splitlines()[-1])
    assert (ran.returncode, told["ok"]) == (1, False)
    assert "no Kafka answers" in told["failed"][0]


def test_acts_without_a_demo_say_how_to_start_one(tmp_path: Path) -> None:
    ran = demo("break", "web-1", "--data-dir", str(tmp_path))
    assert ran.returncode == 3
    assert "watchbill demo" in ran.stderr
