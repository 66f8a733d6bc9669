"""docs/migration.md: what an example shows comes of it, and the verbs and options that it spells are there."""

from __future__ import annotations

import re

import pytest

from connectors.config.imports.haproxy_checks import ASKING
from connectors.config.imports.netscaler_monitors import NEAREST, TYPES
from streams.cli.main import VERBS
from tests.tidy.source import ROOT
from tests.unit.imports.imported import imported

PAGE = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```(haproxy|netscaler|json)\n(.*?)```\n\n```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("language", "text", "expected"), EXAMPLES, ids=[text.split()[0] for _, text, _ in EXAMPLES])
def test_an_example_becomes_what_the_page_shows(language: str, text: str, expected: str) -> None:
    assert imported("consul-esm" if language == "json" else language, text).text == expected


def test_there_is_an_example_of_each_dialect_and_no_block_without_its_answer() -> None:
    assert {language for language, *_ in EXAMPLES} == {"haproxy", "netscaler", "json"}
    assert len(re.findall(r"```(?:haproxy|netscaler|json)\n", PAGE)) == len(EXAMPLES)


def test_the_page_names_what_the_tables_have() -> None:
    told = [word for word in ASKING if f"`option {word}`" in PAGE or f"`{word}`" in PAGE]
    assert {"spop-check"} == ASKING - set(told), "tell of the new check in docs/migration.md"
    assert [name for name in ("POP3", "RADIUS", "ARP") if name not in NEAREST or name not in PAGE] == []
    assert {"FTP-EXTENDED", "MYSQL-ECV"} <= TYPES.keys()
    assert set(re.findall(r"watchbill ([a-z-]+)", PAGE)) <= {row.name for row in VERBS}
    assert "docs/migration.md" in (ROOT / "README.md").read_text(encoding="utf-8")
