"""Each scenario file, run line by line; the facts it makes are compared with those written in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.folding.script import CASES, rewrite

FILES = sorted(CASES.glob("*.txt"))


def test_there_are_scenarios() -> None:
    assert len(FILES) >= 6


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.stem)
def test_scenario(case: Path) -> None:
    text = case.read_text()
    assert rewrite(text) == text


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.stem)
def test_a_scenario_fits_on_a_screen(case: Path) -> None:
    assert len(case.read_text().splitlines()) <= 60
