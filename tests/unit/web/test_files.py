"""The dashboard's files: what is served, what a browser may do with it, and that it asks nobody else."""

from __future__ import annotations

import re
import tomllib

from streams.web.files import FOLDER, PAGE_POLICY, dashboard_files
from tests.tidy.source import ROOT
from tests.unit.web.test_pages import SAMPLE, Ask, served

FILES = dashboard_files()
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}


def test_each_file_has_an_address_and_a_type() -> None:
    assert FILES["/"].content_type == "text/html"
    assert {file.content_type for file in FILES.values()} <= {
        "text/html",
        "text/css",
        "text/javascript",
        "image/svg+xml",
    }
    assert len(FILES) == len(TEXTS)


def test_what_a_file_names_is_there() -> None:
    named = {name for text in TEXTS.values() for name in re.findall(r'(?:from "\./|static/)([\w.-]+)"', text)}
    assert named
    assert named <= TEXTS.keys()
    assert TEXTS.keys() - named == {"index.html"}, "a file that nothing loads"


def test_no_script_stands_in_the_page_and_no_style_in_a_tag() -> None:
    page = TEXTS["index.html"]
    assert all(not inline.strip() for inline in re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL))
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)


def test_nothing_names_another_host() -> None:
    named = {url for text in TEXTS.values() for url in re.findall(r"https?://[\w./-]+", text)}
    assert named <= {"http://www.w3.org/2000/svg"}, "an address in the files of the dashboard"


def test_no_text_from_outside_is_parsed_as_markup() -> None:
    for name, text in TEXTS.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            name
        )


def test_the_files_travel_with_the_package() -> None:
    package_data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert "web/static/*" in package_data["package-data"]["streams"]


def test_a_page_may_load_from_its_own_node_alone() -> None:
    async def talk(ask: Ask) -> None:
        status, headers, body = await ask("/")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert body == FILES["/"].body
        assert headers["Content-Security-Policy"] == PAGE_POLICY
        assert "unsafe" not in PAGE_POLICY
        status, headers, _ = await ask("/static/main.js")
        assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert (await ask("/static/main.js?x=1"))[0] == 400
        assert (await ask("/", "POST"))[0] == 405

    served(SAMPLE, talk)
