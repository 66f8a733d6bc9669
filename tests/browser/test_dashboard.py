"""The dashboard in Chromium: what turns red and when, how it is found, and what the page may do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.keys import Keys

from schemas.identifiers import NodeId
from tests.browser.browser import PHONE, prefer, show_as
from tests.browser.page import Page
from tests.browser.site import NAMES, Site
from tests.integration.targets import Ailment

pytestmark = pytest.mark.timeout(400)

RED_MS = 1_000
BREAKS = 3

WATCH_ROW = """
window.seen = null;
const look = () => {
  const row = [...document.querySelectorAll(".row")].find((one) => one.querySelector("a").textContent === arguments[0]);
  if (row?.dataset.state === arguments[1] && window.seen === null) window.seen = Date.now();
};
window.watching?.disconnect();
window.watching = new MutationObserver(look);
window.watching.observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
"""


@pytest.fixture
def page(browser: Any, site: Site) -> Page:
    site.heal()
    return Page(browser, site.url)


def test_a_broken_service_turns_red_within_a_second_of_its_record(page: Page, site: Site) -> None:
    page.open()
    delays_ms = []
    for _ in range(BREAKS):
        page.wait(lambda: page.row("search-2").get("state") == "UP", "search-2 shown UP")
        page.js(WATCH_ROW, "search-2", "DOWN")
        site.break_("search-2")
        seen_ms = page.wait(lambda: page.js("return window.seen"), "search-2 shown DOWN")
        delays_ms.append(seen_ms - site.ask("api/services/search-2")["since_ms"])
        row = page.row("search-2")
        assert "DOWN" in row["text"], "the word, not only the colour"
        assert "REFUSED" in row["text"], "why"
        red, green, blue = (int(part) for part in row["ink"].removeprefix("rgb(").rstrip(")").split(", "))
        assert red > 150 > max(green, blue)
        assert page.names()[0] == "search-2", "what is broken stands first"
        assert page.text("h1") == f"1 service of {len(NAMES)} is down"
        assert "search-2 is DOWN" in page.text("#said"), "a screen reader hears of it"
        site.heal("search-2")
    print("from the record to the page, ms:", delays_ms)
    assert median(delays_ms) < RED_MS
    assert min(delays_ms) >= 0


def test_M20_the_list_says_what_explains_a_service_that_is_down(page: Page, site: Site) -> None:
    page.open()
    site.break_("invoice-1", Ailment.ERROR)
    page.wait(lambda: page.row("invoice-1").get("state") == "DOWN", "invoice-1 DOWN")
    assert "because of" not in page.row("invoice-1")["text"], "nothing that it needs is"
    site.break_("stock-2")
    page.wait(lambda: "because of stock-2; " in page.row("invoice-1")["text"], "what prices-1 needs is DOWN")
    assert "because of" not in page.row("stock-2")["text"]
    site.heal("stock-2")
    page.wait(lambda: "because of" not in page.row("invoice-1")["text"], "and is no more")
    site.heal("invoice-1")


def test_the_strip_tells_the_last_hour_from_before_the_page_was_opened(page: Page) -> None:
    page.open()
    page.wait(lambda: "down" in page.row("auth-2").get("strip", ""), "the strip of auth-2")
    assert re.match(r"last 1h: down [2-9] times, [3-9]m", page.row("auth-2")["strip"])


def test_the_filter_narrows_as_one_types(page: Page, site: Site) -> None:
    page.open()
    page.wait(lambda: len(page.names()) == len(NAMES), "every service shown")
    page.press("/")
    page.press("search")
    page.wait(lambda: page.names() == ["search-1", "search-2", "search-3"], "only the services of that name")
    assert page.place() == "#/services?q=search", "a link keeps it"
    page.press(Keys.ESCAPE)
    page.wait(lambda: len(page.names()) == len(NAMES), "every service again")
    site.break_("media-2", Ailment.ERROR)
    page.wait(lambda: page.row("media-2").get("state") == "DOWN", "media-2 DOWN")
    page.js("document.querySelector('[data-state=DOWN].chip').click()")
    page.wait(lambda: page.names() == ["media-2"], "only what is DOWN")
    site.heal("media-2")
    page.wait(lambda: page.names() == [], "nothing is DOWN any more")
    assert page.text(".none") == "No service matches. Esc shows all of them."
    page.press(Keys.ESCAPE)
    owner = site.ask("api/services/mail-1")["owner"]
    owned = sorted(row["name"] for row in site.ask(f"api/services?owner={owner}")["services"])
    page.js(
        "const s = document.querySelector('select'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))",
        owner,
    )
    page.wait(lambda: page.names() == owned, "only what that node owns")


def test_everything_is_reached_by_keys(page: Page) -> None:
    page.open()
    page.wait(lambda: len(page.names()) == len(NAMES), "every service shown")
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP)
    page.wait(lambda: page.row("auth-1").get("current"), "the first row is the current one")
    active = page.js(
        "return document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).innerText"
    )
    assert "auth-1" in active, "and a screen reader is told so"
    page.press(Keys.ENTER)
    page.wait(lambda: page.place() == "#/service/auth-1", "Enter opens it")
    page.wait(lambda: page.text("h1") == "auth-1", "its page")
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.place() == "#/services", "Esc goes back")
    page.press("?")
    page.wait(lambda: page.js("return document.getElementById('keys').open"), "the help")
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.js("return document.getElementById('keys').open"), "no help")
    for key, title in (("2", "Vservers"), ("3", "2 nodes serve under view"), ("4", "Views"), ("5", "At ")):
        page.press(key)
        page.wait(lambda title=title: page.text("h1").startswith(title), f"the page of key {key}")  # type: ignore[misc]


def test_a_service_tells_the_whole_chain(page: Page, site: Site) -> None:
    site.break_("cart-1")
    page.open("#/service/cart-1")
    page.wait(lambda: "DOWN" in page.text(".because"), "cart-1 DOWN on its page")
    known = site.ask("api/services/cart-1")
    because = page.text(".because")
    assert because.startswith(f"{known['owner']} owns it under view {known['view_id']} and says DOWN since ")
    table = page.text("table")
    assert "http" in table
    assert "REFUSED" in table
    proof = page.text(".facts")
    cause = known["cause"]
    assert f"{cause['topic']} / {cause['partition']} @ {cause['offset']}" in proof
    page.wait(lambda: "UP → DOWN" in page.text(".changes"), "the change in its history")
    link = page.js("return document.querySelector('.facts a').href")
    assert link == f"{site.url}api/services/cart-1"
    site.heal("cart-1")
    page.wait(lambda: "says UP" in page.text(".because"), "UP again, without a reload")


def test_a_service_that_is_not_there_is_told(page: Page) -> None:
    page.open("#/service/cart-9")
    page.wait(lambda: 'no service "cart-9": did you mean "cart-1"?' in page.text("main"), "the nearest name")


def test_nodes_and_views_are_shown(page: Page, site: Site) -> None:
    page.open("#/nodes")
    page.wait(lambda: page.text("[aria-label='node b1']"), "node b1")
    for node in ("b0", "b1"):
        card = page.text(f"[aria-label='node {node}']")
        assert "SERVING" in card
        assert "32" in card, "partitions"
    page.open("#/views")
    held = site.ask("api/views")["held"]
    page.wait(lambda: "in force" in page.text(".views .held"), "the view in force")
    assert f"view {held['view_id']}" in page.text(".views .held")
    assert page.text(".views .held .members").split() in (["b0", "b1"], ["b0", "+b1"], ["+b0", "b1"], ["+b0", "+b1"])


def test_U2_the_slider_shows_what_was(page: Page, site: Site) -> None:
    """auth-2 was DOWN some twenty minutes ago (the site's history), and is not now."""
    history = site.ask("api/transitions?service=auth-2&limit=1000")["transitions"]
    down_ms = min(each["at_ms"] for each in history if each["after"] == "DOWN")
    page.open("#/time")
    page.js("window.box = document.querySelector('.travel select'); box.value = '3600'")
    page.js("box.dispatchEvent(new Event('change'))")
    page.js("window.slider = document.querySelector('.travel input')")
    page.js("slider.value = 900 * (1 - (Date.now() - arguments[0]) / 3600000)", down_ms + 24_000)
    page.js("slider.dispatchEvent(new Event('input'))")
    page.wait(lambda: page.row("auth-2").get("state") == "DOWN", "auth-2 DOWN then")
    assert "UP" in page.row("auth-2")["text"].splitlines()[-1], "and UP now"
    assert page.row("auth-1")["state"] == "UP"
    told = {row["name"]: row["state"] for row in site.ask(f"api/past?at={down_ms}")["services"]}
    assert told["auth-2"] == "DOWN"
    assert page.text(".past .lead").endswith("in another state now.")


def test_vservers_and_paths_are_shown(page: Page, site: Site) -> None:
    page.open("#/vservers")
    page.wait(lambda: "2 of 2 services" in page.text("table"), "both services of the vserver")
    site.break_("auth-1")
    page.wait(lambda: "1 of 2 services" in page.text("table"), "one of two, without a reload")
    page.open("#/service/auth-2")
    page.wait(lambda: "On each node" in page.text("main"), "node by node")


def test_colours_follow_the_system_and_the_choice_is_kept(page: Page) -> None:
    prefer(page.driver, dark=True)
    page.open()
    dark = page.js("return getComputedStyle(document.body).backgroundColor")
    page.press("t")
    light = page.js("return getComputedStyle(document.body).backgroundColor")
    assert (dark, light) == ("rgb(15, 19, 23)", "rgb(247, 247, 244)")
    page.open()
    assert page.js("return getComputedStyle(document.body).backgroundColor") == light, "after a reload too"
    page.js("localStorage.clear()")


@pytest.mark.parametrize("place", ["#/services", "#/service/cart-2", "#/nodes", "#/views", "#/vservers", "#/time"])
def test_a_phone_shows_the_page_without_scrolling_sideways(page: Page, place: str) -> None:
    show_as(page.driver, PHONE)
    page.open(place)
    page.wait(lambda: page.js("return document.querySelector('h1')?.innerText"), "the page")
    assert page.js("return document.scrollingElement.scrollWidth") <= PHONE[0]
    assert page.js("return document.querySelector('main').scrollWidth") <= PHONE[0]


CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("place", ["#/services", "#/service/mail-1", "#/nodes", "#/views", "#/vservers", "#/time"])
def test_every_text_stands_out_from_its_ground(page: Page, site: Site, place: str, dark: bool) -> None:
    site.break_("mail-1")
    prefer(page.driver, dark=dark)
    page.open(place)
    page.wait(lambda: site.state("mail-1") == "DOWN", "mail-1 DOWN")
    page.wait(lambda: page.js("return document.getAnimations().length") == 0, "no colour on its way")
    assert page.js(CONTRAST) == []


def test_the_policy_is_in_force_and_nobody_else_is_asked(page: Page, site: Site) -> None:
    page.driver.get_log("performance")
    for place in ("#/services", "#/service/auth-1", "#/nodes", "#/views", "#/vservers", "#/time"):
        page.open(place)
        page.wait(lambda: page.text("h1"), "the page")
    assert [entry for entry in page.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    page.wait_blocked(
        """const image = document.createElement("img");
        image.src = "http://elsewhere.example/picture.png";
        document.body.append(image);
        document.body.setAttribute("style", "color: red");
        fetch("http://elsewhere.example/").catch(() => {});""",
        {"img-src", "style-src-attr", "connect-src"},
    )
    asked = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    urls = [event["params"]["request"]["url"] for event in asked if event["method"] == "Network.requestWillBeSent"]
    hosts = {urlsplit(url).netloc for url in urls if urlsplit(url).scheme in ("http", "https")}
    sent = {event["params"]["requestId"] for event in asked if event["method"] == "Network.responseReceived"}
    assert sent
    assert hosts - {"elsewhere.example"} == {urlsplit(site.url).netloc}
    page.driver.get_log("browser")


def test_a_node_that_ends_is_told_and_the_page_comes_back_with_it(page: Page, site: Site) -> None:
    """The other node's page: the first one's serves the other tests."""
    other = Page(page.driver, site.urls[1])
    other.open()
    other.wait(lambda: len(other.names()) == len(NAMES), "every service shown")
    node = site.nodes.running[NodeId("b1")]
    node.pause()
    try:
        other.wait(lambda: "No word from b1" in other.text("#alarm"), "the page says that it hears nothing")
        assert other.row("auth-1")["state"] == "UP", "what was last known stays"
    finally:
        node.resume()
    other.wait(lambda: other.text("#alarm") == "" and "live" in other.text("#teller"), "live again, without a reload")


def test_ten_thousand_rows_have_few_elements(page: Page) -> None:
    """The list itself, in the page: rows beyond the window have no element."""
    page.open()
    page.js(
        """const {VirtualList} = await import("/static/list.js");
        const list = new VirtualList({label: "many", build: () => document.createElement("p"),
          update: (element, row) => { element.className = "many"; element.textContent = row.name; }, open: () => {}});
        document.querySelector("main").replaceChildren(list.element);
        list.set(Array.from({length: 10000}, (_, at) => ({id: `${at}`, name: `row ${at}`})));
        window.many = list;"""
    )
    page.wait(lambda: page.js("return document.querySelectorAll('.many').length"), "rows")
    assert page.js("return document.querySelectorAll('.many').length") < 100
    page.js("window.many.element.focus()")
    page.press(Keys.END)
    page.wait(lambda: "row 9999" in page.text(".list"), "the last row")
    assert page.js("return document.querySelectorAll('.many').length") < 100
