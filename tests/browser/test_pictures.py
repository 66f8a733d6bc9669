"""The pictures of the README, taken from a real cluster with real failures, so that they show what is there today.

They are written where WATCHBILL_PICTURES says (`WATCHBILL_PICTURES=docs pytest tests/browser/test_pictures.py`), else
into the test's own folder: a picture that cannot be taken any more, or weighs too much, fails here.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.config.producer import ConfigProducer
from schemas.config import Kind, Operation, Verb
from tests.browser.browser import PHONE, prefer, show_as
from tests.browser.page import Page
from tests.browser.site import CLUSTER, Site
from tests.integration.targets import Ailment

WINDOW = (1280, 800)
MOST_BYTES = 200_000
ILL = {"checkout-2": Ailment.CLOSED, "media-1": Ailment.ERROR, "search-3": Ailment.SILENT}
PICTURES = (
    ("board-light.png", "#/services", WINDOW, False),
    ("board-dark.png", "#/services", WINDOW, True),
    ("board-service.png", "#/service/media-1", WINDOW, False),
    ("board-phone.png", "#/services", PHONE, True),
)


@pytest.mark.timeout(400)
def test_the_pictures_of_the_readme(browser: object, site: Site, tmp_path: Path) -> None:
    folder = Path(os.environ.get("WATCHBILL_PICTURES", tmp_path))
    page = Page(browser, site.url)
    site.heal()
    set_enabled(site, Verb.DISABLE)
    page.open()
    for name, ailment in ILL.items():
        site.break_(name, ailment)
        page.wait(lambda name=name: page.row(name).get("state") == "DOWN", f"{name} DOWN")  # type: ignore[misc]
    page.wait(lambda: page.row("stock-2")["state"] == "OUT_OF_SERVICE", "stock-2 out of service")
    for name, place, window, dark in PICTURES:
        prefer(page.driver, dark=dark)
        show_as(page.driver, window)
        page.open(place)
        page.wait(lambda: "media-1" in page.text("main"), "the services")
        page.wait(lambda: page.js("return document.getAnimations().length") == 0, "no colour on its way")
        picture = folder / name
        assert page.driver.save_screenshot(str(picture))
        assert 5_000 < picture.stat().st_size < MOST_BYTES, picture
    set_enabled(site, Verb.ENABLE)
    site.heal()


def set_enabled(site: Site, verb: Verb) -> None:
    """One service is out of service by its operator's will."""
    with ConfigProducer(site.broker.bootstrap, CLUSTER) as config:
        result = config.send([Operation(verb, Kind.SERVICE, "stock-2", {})], "test", deadline_s=30)
    assert result.accepted, result.rejections
