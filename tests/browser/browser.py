"""A Chromium of the system's own packages, driven for a test, and what it says of itself.

Rule: the browser talks to loopback alone: every other name is mapped to nowhere, so that a page which asked another
host would fail and be seen (`console`). Its profile is a folder of the test. As root it has no sandbox of its own; the
pages are ours.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from tests.servers.running import needed

QUIET = (
    "--headless=new",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
DESKTOP = (1440, 900)
PHONE = (390, 844)


@contextmanager
def chromium(profile: Path, *, dark: bool = False) -> Iterator[Any]:
    """A browser, ended with its block. Its console is kept, and every request that its pages make."""
    options = Options()
    options.binary_location = needed("chromium")
    for argument in (*QUIET, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(needed("chromedriver", "chromium-driver")))
    try:
        prefer(driver, dark=dark)
        show_as(driver, DESKTOP)
        yield driver
    finally:
        driver.quit()


def prefer(driver: Any, *, dark: bool) -> None:
    """What the system's user prefers, as far as pages can tell."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def show_as(driver: Any, size: tuple[int, int]) -> None:
    """The page in a window of this size, in CSS pixels."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
