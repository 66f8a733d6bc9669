"""What every test shares: which tests need Kafka, and how Hypothesis behaves on a machine that does other things too.

Everything under tests/browser, tests/integration and tests/chaos talks to a real Kafka. It is marked so here, not file
by file, and all that shares the session's broker runs on one worker of pytest-xdist, beside the rest: no two of those
tests at once. What starts a Kafka of its own, or none, comes last on the other.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from infra.kafka.broker import Broker

ON_KAFKA = ("browser", "integration", "chaos")
HERE = Path(__file__).parent

# No deadline a single example: two cores are shared with a JVM. No database: a failure is pinned as an example instead.
settings.register_profile("watchbill", deadline=None, database=None, print_blob=True)
settings.load_profile("watchbill")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what talks to Kafka and keeps it on one worker. First: pytest-xdist reads the groups in the same hook."""
    for item in items:
        folder = item.path.relative_to(HERE).parts[0] if item.path.is_relative_to(HERE) else ""
        if folder in ON_KAFKA or item.get_closest_marker("kafka"):
            item.add_marker(pytest.mark.kafka)
            item.add_marker(pytest.mark.xdist_group("kafka" if shares_the_broker(item) else "own-kafka"))
    items.sort(key=lambda item: item.get_closest_marker("kafka") is not None and not shares_the_broker(item))


def shares_the_broker(item: pytest.Item) -> bool:
    """Whether a test asks for the session's broker, itself or by another fixture."""
    return "broker" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="module", autouse=True)
def garbage_waits(request: pytest.FixtureRequest) -> Iterator[None]:
    """On Kafka garbage is collected between modules: a collection in a client's own thread can crash the process
    (confluent-kafka 2.16, its issue 1761), and a test process has dozens of clients at once.
    """
    path = request.node.path
    if not (path.is_relative_to(HERE) and path.relative_to(HERE).parts[0] in ON_KAFKA):
        yield
        return
    gc.disable()
    yield
    gc.enable()
    gc.collect()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The session's broker. Not to be stopped by a test."""
    with Broker.start(tmp_path_factory.mktemp("kafka")) as started:
        yield started


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A test that sets logs up, as a command line does, leaves the next one a stream that is closed by then."""
    yield
    structlog.reset_defaults()
