"""Ten thousand schedules keep the promise; a seed gives the same again anywhere; and each rule taken away is missed.

Each test plays its seeds in a process of its own, whose sets have one order (PYTHONHASHSEED=0). A seed that fails is
played again with `python -m tests.simulation --seed N --trace`, and kept in kept_seeds.txt once it is understood.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.mutations import MUTATIONS
from tests.simulation.schedule import KINDS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SEEDS = 10_000
CHUNKS = 16
SEEDS_FOR_A_MUTATION = 900
KEPT = [line.split(maxsplit=1) for line in (HERE / "kept_seeds.txt").read_text().splitlines() if line[:1].isdigit()]


def played(*arguments: str, order: str = "0") -> dict[str, Any]:
    """The last line of a run."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--json", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": order},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert not done.stderr, done.stderr
    return told


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("seed", "why"), KEPT, ids=[seed for seed, _ in KEPT])
def test_a_seed_that_once_failed_keeps_the_promise(seed: str, why: str) -> None:
    assert played("--seed", seed)["failed"] == {}, why


@pytest.mark.timeout(300)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_O4_O6_S10_T5_V1_V8_V9_the_promise_holds_through_every_schedule(chunk: int) -> None:
    count = SEEDS // CHUNKS
    told = played("--first", str(chunk * count), "--seeds", str(count))
    assert told["failed"] == {}, f"{told['failures']} seeds failed: python -m tests.simulation --seed N --trace"
    counted = told["counted"]
    faults = {fault for kind in KINDS.values() for fault in kind}
    assert sorted(fault for fault in faults if not counted.get(f"took effect: {fault}")) == []


@pytest.mark.timeout(120)
def test_a_seed_gives_the_same_in_any_process() -> None:
    for seed in ("13", "27", "51"):
        first, again = played("--seed", seed), played("--seed", seed, "--trace", order="random")
        assert first["digest"] == again["digest"]
        assert first["counted"] == again["counted"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_is_caught(name: str) -> None:
    told = played("--mutate", name, "--seeds", str(SEEDS_FOR_A_MUTATION), "--stop")
    assert MUTATIONS[name].found_by & told["rules"].keys(), f"not missed in {told['seeds']} schedules: {told['failed']}"
    assert "broken" not in told["rules"], told["failed"]
