"""What a test does with the dashboard: open it, look at a row, press a key."""

from __future__ import annotations

from typing import Any

from selenium.webdriver.common.action_chains import ActionChains

from tests.waiting import wait_until

SOON_S = 60.0

ROW = """
const row = [...document.querySelectorAll(".row")].find((one) => one.querySelector("a").textContent === arguments[0]);
return row && {state: row.dataset.state, text: row.innerText, ground: getComputedStyle(row).backgroundColor,
  ink: getComputedStyle(row.querySelector(".c-state")).color, current: row.classList.contains("current"),
  strip: row.querySelector(".strip")?.getAttribute("aria-label")};
"""

TRIES_A_SCRIPT = """
window.blocked = [];
document.addEventListener("securitypolicyviolation", (event) => window.blocked.push(event.effectiveDirective));
const script = document.createElement("script");
script.textContent = "window.ran = true";
document.head.append(script);
"""


class Page:
    """The dashboard in a browser."""

    def __init__(self, driver: Any, url: str) -> None:
        self.driver, self.url = driver, url

    def open(self, place: str = "#/services") -> Page:
        """Go there; done when the feed has told the whole."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}{place}")
        self.wait(lambda: "live" in self.text("#teller"), "the page is live")
        return self

    def wait(self, condition: Any, what: str) -> Any:
        return wait_until(condition, SOON_S, what)

    def js(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        """The text of the first such element, or none."""
        return str(self.js("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def row(self, name: str) -> dict[str, Any]:
        """The row of a service, empty if it is not shown."""
        return self.js(ROW, name) or {}

    def names(self) -> list[str]:
        """The services shown, from the top."""
        order = "(a, b) => a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex')"
        rows = f"[...document.querySelectorAll('.row')].sort({order})"
        return list(self.js(f"return {rows}.map((row) => row.querySelector('a').textContent)"))

    def press(self, *keys: str) -> None:
        """Keys, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def wait_blocked(self, tries: str, directives: set[str]) -> None:
        """The policy blocks what a script tries, by each of these directives, and a script that is put in the page."""
        self.js(TRIES_A_SCRIPT + tries)
        wanted = directives | {"script-src-elem"}
        self.wait(lambda: set(self.js("return window.blocked")) >= wanted, "each of them blocked")
        assert self.js("return window.ran") is None

    def place(self) -> str:
        """What stands behind # in the address."""
        return str(self.js("return location.hash"))
