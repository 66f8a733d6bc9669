"""Ten thousand schedules keep the promise; a seed gives the same again anywhere; and each rule taken away is missed.

The seeds are played in a process of their own, whose sets have one order (PYTHONHASHSEED=0). A seed that fails is
played again with `python -m tests.simulation --seed N --trace`, and kept in kept_seeds.txt once it is understood.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.mutations import MUTATIONS
from tests.simulation.schedule import DEAF_FROM, DOUBTED_FROM, KINDS, WOKEN_FROM

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHUNKS = 16
SEEDS_APART = 25
"""Of each chunk, of each kind that has seeds of its own."""
SEEDS = 10_000 - 3 * CHUNKS * SEEDS_APART
"""Of all other kinds."""
SEEDS_FOR_A_MUTATION = 900
KEPT = [line.split(maxsplit=1) for line in (HERE / "kept_seeds.txt").read_text().splitlines() if line[:1].isdigit()]


class Player:
    """A process that plays run after run, and whose sets have one order."""

    def __init__(self, errors: Path, order: str = "0") -> None:
        self._errors = errors
        with errors.open("w") as told:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.simulation", "--serve"],
                cwd=ROOT,
                env={**os.environ, "PYTHONHASHSEED": order},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=told,
                text=True,
            )

    def play(self, *arguments: str) -> dict[str, Any]:
        """What came of a run."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the player ended with {self._process.wait()}: {self._errors.read_text()}"
        assert not self._errors.read_text(), self._errors.read_text()
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    one = Player(tmp_path_factory.mktemp("player") / "errors")
    yield one
    one.close()


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("seed", "why"), KEPT, ids=[seed for seed, _ in KEPT])
def test_a_seed_that_once_failed_keeps_the_promise(player: Player, seed: str, why: str) -> None:
    assert player.play("--seed", seed)["failed"] == {}, why


@pytest.mark.timeout(300)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_O4_O6_S10_T5_V1_V8_V9_the_promise_holds_through_every_schedule(player: Player, chunk: int) -> None:
    count = SEEDS // CHUNKS
    for first, fault in ((WOKEN_FROM, "asleep"), (DEAF_FROM, "deaf"), (DOUBTED_FROM, "targets cut")):
        apart = player.play("--first", str(first + chunk * SEEDS_APART), "--seeds", str(SEEDS_APART))
        assert apart["failed"] == {}, f"{apart['failures']} failed: python -m tests.simulation --seed N --trace"
        assert apart["counted"][f"took effect: {fault}"]
    told = player.play("--first", str(chunk * count), "--seeds", str(count))
    assert told["failed"] == {}, f"{told['failures']} seeds failed: python -m tests.simulation --seed N --trace"
    counted = told["counted"]
    faults = {fault for kind in KINDS.values() for fault in kind}
    assert sorted(fault for fault in faults if not counted.get(f"took effect: {fault}")) == []


@pytest.mark.timeout(240)
def test_a_seed_gives_the_same_in_any_process(player: Player, tmp_path: Path) -> None:
    other = Player(tmp_path / "errors", order="random")
    try:
        for seed in ("13", "27", "51"):
            first, again = player.play("--seed", seed), other.play("--seed", seed, "--trace")
            assert first["digest"] == again["digest"]
            assert first["counted"] == again["counted"]
    finally:
        other.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_is_caught(player: Player, name: str) -> None:
    first = str(MUTATIONS[name].first)
    told = player.play("--mutate", name, "--first", first, "--seeds", str(SEEDS_FOR_A_MUTATION), "--stop")
    assert MUTATIONS[name].found_by & told["rules"].keys(), f"not missed in {told['seeds']} schedules: {told['failed']}"
    assert "broken" not in told["rules"], told["failed"]
