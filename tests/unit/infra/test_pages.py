"""Every page of the documents: its links lead somewhere, its pictures ask nobody else, its verbs and options exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

from streams.cli.main import VERBS
from tests.tidy.source import ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
PICTURES = sorted((ROOT / "docs").glob("concepts-*.svg"))
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
SPOKEN = re.compile(r"`(?:\.venv/bin/)?watchbill ([a-z][a-z-]*)|^(?:\$ )?watchbill ([a-z][a-z-]*)", re.MULTILINE)


@cache
def anchors(page: Path) -> frozenset[str]:
    """The headings of a page, as GitHub makes anchors of them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for found in LINK.finditer(text):
        target, _, anchor = (found[1] or found[2]).partition("#")
        if ":" in target:
            continue
        file = page if not target else (page.parent / target).resolve()
        assert file.exists(), f"{page.name}: {found.group()} leads nowhere"
        assert not anchor or file.suffix != ".md" or anchor in anchors(file), f"{page.name}: no heading for #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_verbs_that_a_page_spells_are_there(page: Path) -> None:
    spoken = {one or other for one, other in SPOKEN.findall(page.read_text(encoding="utf-8"))}
    assert spoken <= {row.name for row in VERBS}, page.name


def test_every_page_is_found_from_the_first() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target, _ in LINK.findall(page.read_text(encoding="utf-8"))
    }
    lost = [page.name for page in PAGES if page.resolve() not in linked and page.name != "README.md"]
    assert lost == [], "link it from README.md or from another page"


@pytest.mark.parametrize("picture", PICTURES, ids=[picture.stem for picture in PICTURES])
def test_a_picture_is_whole_has_words_for_who_does_not_see_it_and_asks_nobody(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert (root.find("{http://www.w3.org/2000/svg}title").text or "").strip()  # type: ignore[union-attr]
    assert "prefers-color-scheme: dark" in text
    assert re.findall(r"(?:href|src|url\()=?[\"']?(https?:)", text.replace("http://www.w3.org/2000/svg", "")) == []
    assert picture.name in (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
