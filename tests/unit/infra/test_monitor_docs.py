"""The page of monitors says what the tables say, and its examples work."""

from __future__ import annotations

import re

import pytest

from connectors.config.difference import difference
from connectors.config.document import read_document
from infra.docs.monitor_words import WORDS
from infra.docs.monitors import PAGE, page
from schemas.config import ConfigCommand, Kind
from schemas.inventory.entities import Entities
from schemas.parameters.monitors import MONITOR_TYPES
from streams.folding.config.fold import ConfigFold
from tests.tidy.source import ROOT

EXAMPLES = re.findall(r"^## (\S+)$.*?```yaml\n(.*?)```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_page_is_what_the_tables_say() -> None:
    assert PAGE.read_text() == page(), "make it anew: python -m infra.docs.monitors"


def test_every_type_and_every_parameter_is_told() -> None:
    assert MONITOR_TYPES.keys() <= WORDS.keys(), "tell of the new type in infra/docs/monitor_words.py"
    text = PAGE.read_text()
    for kind in MONITOR_TYPES.values():
        part = text.partition(f"\n## {kind.name}\n")[2].partition("\n## ")[0]
        assert all(f"| `{row.name}` |" in part for row in kind.own), kind.name
        assert all(f"| `{row.name}` |" in text for row in kind.table.rows), kind.name
    assert "docs/monitors.md" in (ROOT / "README.md").read_text()


def test_there_is_an_example_of_every_type() -> None:
    assert {name for name, _ in EXAMPLES} == MONITOR_TYPES.keys()


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_is_read_and_accepted(name: str, example: str) -> None:
    document = read_document(example)
    assert document.faults == []
    operations = difference(document, Entities()).operations
    result, _ = ConfigFold().take(ConfigCommand("example", 0, "test", operations), 0)
    assert result.accepted, result.rejections
    types = [wanted.settings["type"] for (kind, _), wanted in document.wanted.items() if kind is Kind.MONITOR]
    assert name in types
