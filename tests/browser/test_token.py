"""The token in Chromium: what a person sees without it, that it opens the dashboard, and where it does not stay."""

from __future__ import annotations

import json
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.keys import Keys

from schemas.identifiers import NodeId
from streams.web.guard import pass_of
from tests.browser.browser import PHONE, chromium, prefer, show_as
from tests.browser.page import Page
from tests.browser.site import READY_S, Site, open_door, running_site
from tests.browser.test_dashboard import CONTRAST
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(300)

TOKEN, WRONG, NEXT = "Kitchen-Window-Lamp-7", "Kitchen-Window-Lamp-8", "Cellar-Staircase-Rope-3"
NAMES = ("auth-1", "auth-2")
B0 = NodeId("b0")
ASKS = "This node wants its token"
SHOWN = (
    "return [...document.querySelectorAll('input, button')].filter((one) => one.offsetParent).map((one) => one.tagName)"
)
STORED = "return [document.cookie, ...Object.entries(localStorage), ...Object.entries(sessionStorage)].flat().join(' ')"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One node behind an open door, two services."""
    with running_site(tmp_path_factory.mktemp("locked"), NAMES, (B0,), token=TOKEN) as site:
        yield site


@pytest.fixture
def visitor(locked: Site, tmp_path: Path) -> Iterator[Page]:
    """Somebody with a new browser."""
    with chromium(tmp_path / "profile") as driver:
        yield Page(driver, locked.url)


def give(page: Page, token: str) -> None:
    """Type the token where the cursor stands, and press Enter."""
    page.wait(lambda: page.js("return document.activeElement?.name") == "token", "the field has the cursor")
    page.press(token, Keys.ENTER)


def is_live(page: Page) -> bool:
    return "live" in page.text("#teller") and page.names() == list(NAMES)


def events(page: Page) -> list[dict[str, Any]]:
    """What the browser did on the network since it was last asked."""
    return [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]


def forms_of(secret: str) -> tuple[bytes, ...]:
    """A secret as it may stand in a file: plain, in UTF-16, and as the password of an Authorization header."""
    headers = {b64encode(f"{user}:{secret}".encode()).rstrip(b"=")[8:-2] for user in ("", "x", "xx")}
    return (secret.encode(), secret.encode("utf-16-le"), *headers)


def test_without_the_token_a_page_says_what_to_do_and_shows_nothing(visitor: Page, locked: Site) -> None:
    for path in ("", "#/service/auth-1", "api/services", "api/views"):
        visitor.driver.get("about:blank")
        visitor.driver.get(f"{locked.url}{path}")
        assert visitor.text("h1") == ASKS, path
        assert "WATCHBILL_WEB_TOKEN" in visitor.text("main"), "where it comes from"
        told = visitor.driver.page_source
        assert not [name for name in (*NAMES, "b0", locked.broker.bootstrap) if name in told], path
    assert visitor.js(SHOWN) == ["INPUT", "BUTTON"], "one field, and a button"
    give(visitor, WRONG)
    visitor.wait(lambda: "That is not the token" in visitor.text("[role=alert]"), "the page says that it is another")
    assert visitor.text("h1") == ASKS
    assert visitor.js("return document.querySelector('input[name=token]').value") == ""
    assert WRONG not in visitor.driver.current_url
    severe = [entry["message"] for entry in visitor.driver.get_log("browser") if entry["level"] != "INFO"]
    assert severe, "each refusal is in the browser's console"
    assert [message for message in severe if "401 (Unauthorized)" not in message] == [], "it keeps its own policy"
    show_as(visitor.driver, PHONE)
    for dark in (False, True):
        prefer(visitor.driver, dark=dark)
        assert visitor.js(CONTRAST) == []
    assert visitor.js("return document.scrollingElement.scrollWidth") <= PHONE[0]


def test_the_token_opens_the_dashboard_and_stays_nowhere(locked: Site, tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    with chromium(profile) as driver:
        page = Page(driver, locked.url)
        driver.get(locked.url)
        give(page, TOKEN)
        page.wait(lambda: is_live(page), "the dashboard")
        locked.break_("auth-1")
        page.wait(lambda: page.row("auth-1")["state"] == "DOWN", "what changes is told to the page as it stands")
        locked.heal("auth-1")
        page.wait(lambda: page.row("auth-1")["state"] == "UP", "and back")
        page.open("#/service/auth-1")
        page.wait(lambda: page.text("h1") == "auth-1", "the chain of one service, asked for by a script")
        driver.refresh()
        page.wait(lambda: page.text("h1") == "auth-1", "a reload asks for nothing")
        driver.switch_to.new_window("tab")
        page.open("#/services")
        page.wait(lambda: is_live(page), "nor does another tab")
        assert page.js(STORED) == "", "no script can read what the browser keeps"
        assert page.js("return document.referrer") == ""
        history = driver.execute_cdp_cmd("Page.getNavigationHistory", {})["entries"]
        assert [entry for entry in history if TOKEN in json.dumps(entry)] == []
        held_to_policy(page)
        asked_well(events(page), locked)
    assert [path for path in files_of(profile) if any(form in path.read_bytes() for form in forms_of(TOKEN))] == []
    assert [row["is_persistent"] for row in cookies(profile)] == [0], "it ends with the browser"
    with chromium(profile) as driver:
        driver.get(locked.url)
        assert Page(driver, locked.url).text("h1") == ASKS, "the same browser, opened again, is asked again"
    node = locked.nodes.running[B0]
    assert TOKEN not in node.log_path.read_text(errors="replace")
    assert TOKEN not in Path(f"/proc/{node.pid}/cmdline").read_text()


def held_to_policy(page: Page) -> None:
    """Behind the token the dashboard's policy is as strict as without."""
    page.wait_blocked(
        """const form = document.createElement("form");
        form.action = "/enter";
        document.body.append(form);
        form.submit();""",
        {"form-action"},
    )


def asked_well(seen: list[dict[str, Any]], locked: Site) -> None:
    """The token went once, in the body of the form, and the cookie since; states came as events."""
    requests = [each["params"] for each in seen if each["method"] == "Network.requestWillBeSent"]
    ours = [each["request"] for each in requests if urlsplit(each["request"]["url"]).netloc in locked.url]
    assert ours
    assert [each["url"] for each in ours if TOKEN in each["url"]] == []
    assert [each["url"] for each in ours if TOKEN in each.get("postData", "")] == [f"{locked.url}enter"]
    sent = [each["params"]["headers"] for each in seen if each["method"] == "Network.requestWillBeSentExtraInfo"]
    headers = [
        (name.lower(), value) for one in (*sent, *(each["headers"] for each in ours)) for name, value in one.items()
    ]
    assert [header for header in headers if header[0] in ("referer", "authorization") and header[1]] == []
    assert [header for header in headers if TOKEN in header[1]] == []
    assert any(name == "cookie" for name, _ in headers)
    streams = {each["requestId"] for each in requests if each.get("type") == "EventSource"}
    heard = [each["params"] for each in seen if each["method"] == "Network.eventSourceMessageReceived"]
    assert {each["requestId"] for each in heard} <= streams
    assert any(each["eventName"] == "services" and "auth-1" in each["data"] for each in heard)


def files_of(profile: Path) -> list[Path]:
    """All that a browser which has ended left behind."""
    return [path for path in profile.rglob("*") if path.is_file() and not path.is_symlink()]


def cookies(profile: Path) -> list[sqlite3.Row]:
    """What the browser keeps of ours."""
    (jar,) = (path for path in files_of(profile) if path.name == "Cookies")
    with closing(sqlite3.connect(jar)) as kept:
        kept.row_factory = sqlite3.Row
        rows = kept.execute("SELECT * FROM cookies").fetchall()
    assert [(row["name"], row["is_httponly"]) for row in rows] == [(pass_of(TOKEN)[0], 1)]
    return rows


def test_a_page_whose_token_holds_no_more_says_so_and_takes_the_new_one(visitor: Page, locked: Site) -> None:
    visitor.driver.get(locked.url)
    give(visitor, TOKEN)
    visitor.wait(lambda: is_live(visitor), "the dashboard")
    start_anew(locked, NEXT)
    try:
        wait_until(
            lambda: "b0 wants another token" in visitor.text("#alarm"), READY_S, "the page says what is the matter"
        )
        assert visitor.names() == list(NAMES), "what was last known stays"
        visitor.driver.refresh()
        assert visitor.text("h1") == ASKS
        give(visitor, NEXT)
        visitor.wait(lambda: is_live(visitor), "the dashboard again")
    finally:
        start_anew(locked, TOKEN)
        wait_until(lambda: answers(locked), READY_S, "the node with the token of the other tests")


def start_anew(site: Site, token: str) -> None:
    """The node as its operator starts it once the token was changed."""
    assert site.nodes.running[B0].stop() == 0
    site.nodes.launches[B0] = open_door(urlsplit(site.url).port or 0, token)
    site.nodes.start(B0)


def answers(site: Site) -> bool:
    try:
        return bool(site.ask("healthz")["ok"])
    except OSError:  # not yet, or not healthy yet
        return False
