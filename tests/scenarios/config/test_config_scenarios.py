"""Every case file, rewritten with today's outcome, equals itself; the difference is what a change did.

REWRITE_SCENARIOS=1 writes the files anew instead, so that the change is read as a diff of the scenarios.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scenarios.config.config_script import rewrite

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_scenario(case: Path) -> None:
    text = case.read_text()
    now = rewrite(text)
    if os.environ.get("REWRITE_SCENARIOS"):
        case.write_text(now)
    else:
        assert now == text


def test_there_are_scenarios() -> None:
    assert len(CASES) >= 4
