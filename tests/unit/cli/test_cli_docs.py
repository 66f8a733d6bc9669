"""docs/cli.md: the errors that it shows are told, the codes are those of `ExitCode`, and the keys those of `top`."""

from __future__ import annotations

import re

import pytest

from schemas.identifiers import EntityId
from schemas.states import State
from streams.cli.main import main
from streams.cli.output import ExitCode
from streams.cli.top_draw import draw
from streams.cli.top_model import HELP, NodeCell, Picture, Row, Screen
from tests.tidy.source import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^\$ watchbill (.+)\n(error: .+)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("words", "error"), SHOWN, ids=[words.split()[0] for words, _ in SHOWN])
def test_an_error_is_told_as_the_page_shows(words: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(words.split())
    assert capsys.readouterr().err.strip() == error


def test_the_page_has_every_exit_code_and_every_key() -> None:
    assert [int(code) for code in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)] == sorted(ExitCode)
    told = [keys for keys, _ in HELP]
    table = PAGE.partition("## `watchbill top`")[2]
    assert all(key.strip() in table for keys in told for key in keys.split(","))
    assert len(SHOWN) == PAGE.count("\n$ watchbill ")


def test_the_picture_of_top_is_what_top_draws() -> None:
    now_ms = 1_700_000_000_000
    rows = [
        Row(EntityId("0-1"), "cart", State.DOWN, "b1", now_ms - 12_000, None, "REFUSED: connect to 10.0.0.7:80"),
        Row(EntityId("0-2"), "web-1", State.UP, "b0", now_ms - 187_000, 700, "http answered"),
        Row(EntityId("0-3"), "web-2", State.UP, "b2", now_ms - 7_500_000, 1_200, "http answered"),
    ]
    nodes = (NodeCell("b0", 1, ""), NodeCell("b1", 1, ""), NodeCell("b2", 1, "suspect"))
    by_state = {State.UP: 2, State.DOWN: 1}
    picture = Picture("watchbill", "127.0.0.1:9092", 12, now_ms, True, rows, by_state, nodes)
    drawn = [line.plain.rstrip() for line in draw(picture, Screen(marked=EntityId("0-1")), rows, (), 80, 8)]
    shown = PAGE.partition("```\n watchbill top")[2].partition("```")[0].splitlines()
    told = [f" watchbill top{shown[0]}", *shown[1:]]
    assert [re.sub(r"\d\d:\d\d:\d\d", "", line) for line in drawn] == [
        re.sub(r"\d\d:\d\d:\d\d", "", line.rstrip()) for line in told
    ]
