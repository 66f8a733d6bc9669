"""`top`'s screen as lines of styled text: exactly as many as the terminal has, none wider than it. Pure.

Rule: a state is told by a letter and a word besides its colour, for NO_COLOR and for those who do not see colours. What
is marked is reversed, which needs no colour either. Every line is cut, none is wrapped, so nothing jumps; at 80 by 24
all is there, and a wider terminal gives the reason more room.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from schemas.states import State
from streams.cli.show_words import SHORT, STYLES, age_text, response_text, time_text
from streams.cli.top_model import HELP, NodeCell, Page, Picture, Row, Screen

LETTERS = {
    State.UP: "U",
    State.DOWN: "D",
    State.UNKNOWN: "?",
    State.GOING_OUT_OF_SERVICE: "G",
    State.OUT_OF_SERVICE: "O",
}
"""One character for a state, beside its word."""
AROUND = 5
"""Lines that are no rows: title, counts, nodes, headings, keys."""
SMALLEST_ROWS = 1
FIXED = 1 + 1 + 1 + 7 + 1 + 1 + 8 + 1 + 7 + 1 + 7 + 1
"""Columns of a row besides name and reason: letter, state, owner, age, response time, and the gaps."""
Detail = Sequence[Sequence[tuple[str, str]]]
"""Lines of (text, style)."""
FOOT = "/ look for  enter open  s sort  d not UP  ? help  q end"


def rows_that_fit(height: int) -> int:
    """How many services a terminal of this height shows."""
    return max(SMALLEST_ROWS, height - AROUND)


def draw(picture: Picture, screen: Screen, shown: Sequence[Row], detail: Detail, width: int, height: int) -> list[Text]:
    """The screen. `shown` are the rows in their order; `detail` has lines only where one is open."""
    room = rows_that_fit(height)
    if screen.page is Page.HELP:
        body = _help()
    elif screen.page is Page.DETAIL:
        body = [Text.assemble(*line) for line in detail[screen.scrolled :]]
    else:
        body = [_headings(width), *_rows(picture, screen, shown, width, room)]
    lines = [_title(picture, width), _counts(picture, shown), _nodes(picture.nodes), *body[: room + 1]]
    lines += [Text("")] * (height - 1 - len(lines))
    lines = [*lines[: height - 1], _foot(screen, shown)]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
        line.no_wrap = True
    return lines[-height:]


def _title(picture: Picture, width: int) -> Text:
    left = Text.assemble((" watchbill top ", "bold reverse"), f" {picture.cluster}  ", (picture.kafka, "dim"))
    if not picture.connected:
        left.append("  Kafka does not answer", "bold red")
    right = Text(f"view {picture.view_id}  {time_text(picture.now_ms)[:8]} ", "dim")
    left.truncate(max(0, width - right.cell_len), overflow="ellipsis", pad=True)
    return left + right


def _counts(picture: Picture, shown: Sequence[Row]) -> Text:
    counts = picture.counts
    line = Text(f" {len(picture.rows):,} services ")
    for state in State:
        count = counts.get(state, 0)
        if count or state in (State.UP, State.DOWN):
            line.append(f"  {LETTERS[state]} {count:,} {_word(state)}", STYLES[state] if count else "dim")
    if len(shown) != len(picture.rows):
        line.append(f"  ({len(shown):,} shown)", "dim")
    return line


def _nodes(nodes: Sequence[NodeCell]) -> Text:
    line = Text(" nodes")
    for node in nodes:
        line.append(f"  {node.name} {node.services:,}", "bold yellow" if node.trouble else "")
        if node.trouble:
            line.append(f" {node.trouble}", "bold yellow")
    if not nodes:
        line.append("  none has told itself", "bold yellow")
    return line


def _name_width(width: int) -> int:
    """Names get half of what is left, from 18 to 40 columns; the reason has the rest."""
    return min(40, max(18, (width - FIXED) // 2))


def _headings(width: int) -> Text:
    name = _name_width(width)
    return Text(f"  {'state':<7} {'service':<{name}} {'owner':<8} {'for':<7} {'answer':<7} why", "dim")


def _rows(picture: Picture, screen: Screen, shown: Sequence[Row], width: int, room: int) -> list[Text]:
    if not shown:
        what = "nothing fits what is looked for: escape shows all" if picture.rows else "no service is configured"
        return [Text(""), Text(f"  {what}", "dim")]
    return [_row(row, picture.now_ms, width, row.entity_id == screen.marked) for row in shown[screen.first :][:room]]


def _row(row: Row, now_ms: int, width: int, marked: bool) -> Text:
    age = "-" if row.changed_at_ms is None else age_text(now_ms - row.changed_at_ms)
    name, style = _name_width(width), STYLES[row.state]
    line = Text.assemble(
        (f"{LETTERS[row.state]} {_word(row.state):<7} ", style),
        (f"{_cut(row.name, name)} ", "bold"),
        f"{_cut(row.owner or '-', 8)} {age:<7} {response_text(row.response_us):<7} ",
        (row.reason, "dim"),
    )
    if marked:
        line.truncate(width, overflow="ellipsis", pad=True)
        line.stylize("reverse")
    return line


def _cut(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"


def _word(state: State) -> str:
    return SHORT.get(state, state.value)


def _help() -> list[Text]:
    widest = max(len(key) for key, _ in HELP)
    keys = [Text.assemble((f"  {key:<{widest}}", "bold"), f"  {what}") for key, what in HELP]
    states = Text("  ")
    for state, letter in LETTERS.items():
        states.append(f"{letter} {_word(state)}   ", STYLES[state])
    return [Text(""), *keys, Text(""), states]


def _foot(screen: Screen, shown: Sequence[Row]) -> Text:
    if screen.page is Page.FILTER:
        return Text.assemble((" / ", "reverse"), f" {screen.looked_for}", ("▏", "bold"))
    if screen.page is Page.DETAIL:
        return Text(" enter back  up, down scroll  ? help  q end", "dim")
    marks = [screen.order.value] + (["not UP"] if screen.only_trouble else [])
    marks += [f"/{screen.looked_for}"] if screen.looked_for else []
    place = f"{screen.line + 1}/{len(shown)}" if shown else "0"
    return Text.assemble((f" {', '.join(marks)}  {place}  ", "bold"), (FOOT, "dim"))
