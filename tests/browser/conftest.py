"""One cluster and one browser for all tests of the dashboard; a test that stops Kafka starts its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.browser import DESKTOP, chromium, prefer, show_as
from tests.browser.site import Site, running_site


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two nodes, sixteen services."""
    with running_site(tmp_path_factory.mktemp("site")) as started:
        yield started


@pytest.fixture(scope="package")
def any_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The session's browser, as the last test left it."""
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def browser(any_browser: Any) -> Any:
    """A browser of a person who prefers light colours, with a large window and an empty page."""
    any_browser.get("about:blank")
    any_browser.get_log("browser")
    any_browser.get_log("performance")
    prefer(any_browser, dark=False)
    show_as(any_browser, DESKTOP)
    return any_browser
