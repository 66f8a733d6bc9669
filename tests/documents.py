"""Examples of the documents, as they stand there: a test that runs one keeps it true."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def example(page: str, heading: str, language: str = "") -> str:
    """The first fenced text of a language below a heading of a page of docs/."""
    _, *below = re.split(rf"^#+ {re.escape(heading)}$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(below) == 1, f"docs/{page} has {len(below)} headings {heading!r}"
    section = re.split(r"^#{2,} ", below[0], flags=re.MULTILINE)[0]
    texts = [text for kind, text in FENCED.findall(section) if kind == language]
    assert texts, f"docs/{page}, {heading}: no example in {language or 'plain text'}"
    return texts[0]


def put_in_place(text: str, places: Mapping[str, str]) -> str:
    """An example with the addresses, intervals and files of a test; each that is replaced must stand in it."""
    for written, ours in places.items():
        assert written in text, f"the example no longer says {written!r}:\n{text}"
        text = text.replace(written, ours)
    return text
