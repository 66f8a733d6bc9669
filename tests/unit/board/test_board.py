"""The board as drawn: it fits every terminal from 80 by 24 on, tells what matters in words, and keeps its shape."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from schemas.states import State
from streams.cli.board import draw
from streams.cli.board_snapshot import BoardSnapshot, strip
from tests.unit.board.snapshots import NOW_MS, node, service, snapshot


def drawn(board: BoardSnapshot, width: int = 80, height: int = 24, colour: bool = False) -> str:
    """The board as a terminal of this size would get it."""
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=colour, no_color=not colour, highlight=False
    )
    with console.capture() as capture:
        console.print(draw(board, width, height))
    return capture.get()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (132, 43), (220, 60)])
def test_it_fills_the_terminal_and_no_more(width: int, height: int) -> None:
    lines = drawn(snapshot(), width, height).rstrip("\n").split("\n")
    assert len(lines) == height
    assert max(len(line) for line in lines) <= width


def test_it_keeps_its_shape_whatever_is_on_it() -> None:
    busy, quiet = snapshot(), snapshot(events=(), nodes=tuple(node(name) for name in ("b0", "b1", "b2")))
    assert drawn(busy).count("\n") == drawn(quiet).count("\n")


def test_the_same_snapshot_gives_the_same_picture() -> None:
    assert drawn(snapshot(), colour=True) == drawn(snapshot(), colour=True)


def test_states_are_told_without_colour() -> None:
    text = drawn(snapshot())
    assert "\x1b[" not in text
    for word in ("DOWN", "GOING", "UNKNOWN", "no state yet", "REFUSED", "5 of 8 up"):
        assert word in text


def test_nodes_are_told_with_what_became_of_them() -> None:
    text = drawn(snapshot())
    assert "killed" in text
    assert "JOINING" in text
    assert "127.0.0.1:20270" in text


def test_the_newest_events_stay() -> None:
    text = drawn(snapshot())
    assert "event 20" in text
    assert "event 1 " not in text


def test_kafka_and_whether_it_answers_are_told() -> None:
    assert "own Kafka 4.3.0" in drawn(snapshot())
    assert "Kafka does not answer" in drawn(snapshot(connected=False), width=120)


def test_a_message_takes_the_place_of_the_keys() -> None:
    assert "q  quit" in drawn(snapshot())
    assert "web-1 is healed" in drawn(snapshot(message="web-1 is healed"))


def test_a_broken_service_that_is_still_up_says_what_was_done_to_it() -> None:
    board = snapshot(services=(service("web-1", broken="closed its port"),))
    assert "closed its port" in drawn(board, width=120)


def test_the_strip_shows_the_worst_of_each_second() -> None:
    history = ((NOW_MS - 3_000, State.UP), (NOW_MS - 1_000, State.DOWN), (NOW_MS - 400, State.UP))
    assert strip(history, NOW_MS, 5) == (None, State.UP, State.UP, State.DOWN, State.UP)
    assert strip((), NOW_MS, 3) == (None, None, None)


def test_a_picture_can_be_saved(tmp_path: Path) -> None:
    console = Console(record=True, width=110, height=30, file=io.StringIO(), force_terminal=True)
    console.print(draw(snapshot(), 110, 29))
    svg = tmp_path / "board.svg"
    svg.write_text(console.export_svg(title="watchbill demo"), encoding="utf-8")
    assert "service-1" in svg.read_text(encoding="utf-8")
