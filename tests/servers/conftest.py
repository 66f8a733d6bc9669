"""The tests of one kind of server stay on one worker: each file starts its server once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.running import workplace

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One group of pytest-xdist a file."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the servers of one file keep their data."""
    with workplace() as path:
        yield path
