"""The dashboard without Kafka: what was last known stays on the page, and its age cannot be overlooked (U-9)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.page import Page
from tests.browser.site import running_site


@pytest.mark.timeout(300)
def test_U9_the_page_says_how_old_the_states_are_and_shows_no_failure(browser: Any, tmp_path: Path) -> None:
    with running_site(tmp_path, names=("auth-1", "auth-2"), node_ids=("b0",)) as site:
        page = Page(browser, site.url).open()
        page.wait(lambda: page.names() == ["auth-1", "auth-2"], "both services")
        site.broker.stop()
        page.wait(lambda: "Kafka is away: states are" in page.text("#alarm"), "the page says so")
        assert "nothing is DOWN because of this" in page.text("#alarm")
        assert page.js("return document.body.classList.contains('stale')")
        assert {page.row(name)["state"] for name in ("auth-1", "auth-2")} == {"UP"}
        page.wait(lambda: "no lease" in page.text("#alarm"), "and what the node itself lacks")
        page.driver.get(f"{site.url}#/services")
        page.wait(lambda: page.names() == ["auth-1", "auth-2"], "a page opened now shows the last states too")
