"""Keys of `top`: each is one line from a screen to the next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.identifiers import EntityId
from schemas.states import State
from streams.cli.keys import named
from streams.cli.top_model import HELP, KEYS, MOVES, Order, Page, Row, Screen, press, scrolled, settled, visible

LINES = 10


def row(number: int, state: State = State.UP, **said: object) -> Row:
    plain = Row(EntityId(f"0-{number}"), f"s{number:02}", state, "b0", 1_000 + number, 700, "")
    return replace(plain, **said)  # type: ignore[arg-type]


ROWS = [row(number) for number in range(25)]


def pressed(keys: list[str], rows: list[Row] = ROWS, screen: Screen | None = None) -> Screen:
    """The screen after keys, settled after each as the loop does."""
    found = screen or Screen(order=Order.NAME)
    for key in keys:
        shown = visible(found, rows)
        found = press(settled(found, shown, LINES), key, shown, LINES)
    return settled(found, visible(found, rows), LINES)


@pytest.mark.parametrize(
    ("keys", "line", "first"),
    [
        ([], 0, 0),
        (["up"], 0, 0),
        (["down", "j", "k"], 1, 0),
        (["page down"], 10, 1),
        (["space", "space"], 20, 11),
        (["end"], 24, 15),
        (["end", "down"], 24, 15),
        (["G", "page up"], 14, 14),
        (["end", "g"], 0, 0),
        (["down"] * 9 + ["down"], 10, 1),
        (["end", *["up"] * 9], 15, 15),
    ],
)
def test_the_mark_moves_and_stays_on_the_screen(keys: list[str], line: int, first: int) -> None:
    screen = pressed(keys)
    assert (screen.line, screen.first, screen.marked) == (line, first, f"0-{line}")


def test_the_mark_stays_with_its_service_when_the_list_moves() -> None:
    screen = pressed(["down", "down"])
    moved = [row(number) for number in range(25) if number != 0]
    assert settled(screen, visible(screen, moved), LINES).marked == "0-2"
    gone = [row(number) for number in range(25) if number != 2]
    assert settled(screen, visible(screen, gone), LINES).marked == "0-3", "the one that stands there now"
    assert settled(screen, [], LINES).marked is None


def test_what_is_worst_stands_first_and_the_newest_of_it() -> None:
    rows = [
        row(1),
        row(2, State.OUT_OF_SERVICE),
        row(3, State.UNKNOWN, changed_at_ms=None),
        row(4, State.DOWN, changed_at_ms=5),
        row(5, State.DOWN, changed_at_ms=9),
        row(6, State.GOING_OUT_OF_SERVICE),
    ]
    assert [one.name for one in visible(Screen(), rows)] == ["s05", "s04", "s03", "s06", "s02", "s01"]


def test_every_order_is_reached_and_sorts() -> None:
    rows = [row(1, owner="b1", response_us=None, changed_at_ms=3), row(2, owner="b0", response_us=9, changed_at_ms=2)]
    rows += [row(3, owner="b1", response_us=5, changed_at_ms=9)]
    screen, found = Screen(), {}
    for _ in Order:
        found[screen.order] = "".join(one.name[-1] for one in visible(screen, rows))
        screen = press(screen, "s", rows, LINES)
    assert screen.order is Order.WORST
    assert found == {
        Order.WORST: "312",
        Order.NAME: "123",
        Order.OWNER: "213",
        Order.NEWEST: "312",
        Order.SLOWEST: "231",
    }


def test_looking_for_words_in_name_owner_and_state() -> None:
    rows = [row(1, State.DOWN), row(11, owner="edge"), row(2)]
    screen = pressed(["/", "1", "space", "D", "o"], rows)
    assert (screen.page, screen.looked_for) == (Page.FILTER, "1 Do")
    assert [one.name for one in visible(screen, rows)] == ["s01"]
    screen = pressed(["backspace", "backspace", "e", "d", "g", "enter"], rows, screen)
    assert (screen.page, [one.name for one in visible(screen, rows)]) == (Page.LIST, ["s11"])
    screen = pressed(["escape"], rows, screen)
    assert (screen.looked_for, len(visible(screen, rows))) == ("", 3)
    assert pressed(["/", "q", "escape"], rows).ended is False, "a letter that is typed is no key"


def test_only_what_is_not_up() -> None:
    rows = [row(1, State.DOWN), row(2), row(3, State.UNKNOWN)]
    screen = pressed(["d"], rows)
    assert [one.name for one in visible(screen, rows)] == ["s01", "s03"]
    assert len(visible(pressed(["escape"], rows, screen), rows)) == 3


def test_a_service_is_opened_scrolled_and_closed() -> None:
    screen = pressed(["down", "enter"])
    assert (screen.page, screen.marked) == (Page.DETAIL, "0-1")
    screen = press(screen, "end", ROWS, LINES)
    screen = scrolled(screen, 40, 30)
    assert screen.scrolled == 10
    assert press(screen, "up", ROWS, LINES).scrolled == 9
    assert press(screen, "home", ROWS, LINES).scrolled == 0
    assert pressed(["enter"], ROWS, screen).page is Page.LIST
    assert pressed(["enter"], []).page is Page.LIST, "there is nothing to open"


@pytest.mark.parametrize(("keys", "ended"), [(["q"], True), (["interrupt"], True), (["?", "?"], False), (["x"], False)])
def test_it_ends_when_it_is_asked_to(keys: list[str], ended: bool) -> None:
    screen = pressed(keys)
    assert (screen.ended, screen.page) == (ended, Page.LIST)
    assert pressed(["/", "interrupt"]).ended


def test_every_key_is_in_the_help() -> None:
    told = {key.strip() for keys, _ in HELP for key in keys.replace("ctrl-c", "").split(",")} - {""}
    assert told | {"backspace"} == {*KEYS, *MOVES}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("jk", ["j", "k"]),
        ("\x1b[A\x1b[B", ["up", "down"]),
        ("\x1b", ["escape"]),
        ("\x1bOA\r\x7f ", ["up", "enter", "backspace", "space"]),
        ("\x1b[5~\x1b[1;5C", ["page up"]),
        ("\x03", ["interrupt"]),
        ("é", ["é"]),
    ],
)
def test_what_a_terminal_sends_is_named(text: str, keys: list[str]) -> None:
    assert named(text) == keys
