"""The board: one snapshot drawn for a terminal of a given size. Pure: the same snapshot gives the same picture.

Rule: it fits: 80 columns and 24 lines hold eight services, three nodes, five events and the keys; a larger terminal
gives reasons more room and shows more events. Every line is cut, none is wrapped, so nothing jumps from one picture to
the next. States are told by a word and a shape besides a colour, for NO_COLOR and for those who do not see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from schemas.states import State
from streams.cli.board_snapshot import BoardSnapshot, EventLine, NodeLine, ServiceLine, strip
from streams.cli.show_words import NO_STATE_YET, SHORT, STYLES, age_text, response_text, time_text

ROOMY = 100
"""Columns from which strips are longer and addresses whole."""
CELLS = {
    State.UP: ("▂", "green"),
    State.DOWN: ("█", "red"),
    State.UNKNOWN: ("░", "yellow"),
    State.OUT_OF_SERVICE: ("▁", "cyan"),
    State.GOING_OUT_OF_SERVICE: ("▁", "cyan"),
}
NO_CELL = (" ", "")
FEWEST_EVENTS = 1
KEYS = (
    ("1-8", "choose"),
    ("b", "break"),
    ("h", "heal"),
    ("k", "kill owner"),
    ("t", "term owner"),
    ("s", "start"),
    ("q", "quit"),
)


def draw(snapshot: BoardSnapshot, width: int, height: int) -> Group:
    """The picture: exactly `height` lines of at most `width` columns, from 80 by 24 on."""
    upper: list[RenderableType] = [_title(snapshot, width), _services(snapshot, width), _nodes(snapshot, width)]
    used = 1 + (2 + len(snapshot.services)) + (2 + len(snapshot.nodes)) + 1 + 1
    room = max(FEWEST_EVENTS, height - used)
    return Group(*upper, _heading("events", "", width), _events(snapshot.events, room, width), _keys(snapshot, width))


def _title(snapshot: BoardSnapshot, width: int) -> Text:
    left = Text.assemble((" watchbill ", "bold reverse"), f" {snapshot.title}  ", (snapshot.kafka, "dim"))
    if not snapshot.connected:
        left.append("  Kafka does not answer", "bold red")
    return _ends(left, Text(f"view {snapshot.view_id}  {age_text(snapshot.running_ms)} ", "dim"), width)


def _services(snapshot: BoardSnapshot, width: int) -> Group:
    up = sum(line.state is State.UP for line in snapshot.services)
    moments = 12 if width < ROOMY else 24
    columns = (
        ("", 2),
        ("service", 10),
        ("state", 8),
        ("owner", 6),
        ("for", 7),
        ("answer", 7),
        (f"{moments} s", moments),
    )
    table = _table(columns, "why", width)
    for index, line in enumerate(snapshot.services):
        mark = Text(f"{index + 1}", "reverse bold" if index == snapshot.chosen else "dim")
        table.add_row(mark, *_service_cells(line, snapshot.now_ms, moments))
    return Group(_heading("services", f"{up} of {len(snapshot.services)} up", width), table)


def _service_cells(line: ServiceLine, now_ms: int, moments: int) -> Iterable[Text]:
    state = line.state
    yield Text(line.name, "bold")
    yield Text("UNKNOWN" if state is None else SHORT.get(state, state.value), STYLES[state or State.UNKNOWN])
    yield Text(line.owner or "-")
    yield Text(age_text(now_ms - line.changed_at_ms) if state is not None else "-")
    yield Text(response_text(line.response_us))
    yield Text.assemble(*(CELLS[cell] if cell else NO_CELL for cell in strip(line.history, now_ms, moments)))
    reason = line.reason if state is not None else NO_STATE_YET
    yield Text(f"{line.broken}: {reason}" if line.broken and state is State.UP else reason, "dim")


def _nodes(snapshot: BoardSnapshot, width: int) -> Group:
    rate = sum(node.probes_per_s for node in snapshot.nodes)
    columns = (("", 2), ("node", 6), ("phase", 8), ("view", 5), ("services", 8), ("partitions", 10), ("probes/s", 8))
    table = _table((*columns, ("beat", 5)), "dashboard", width)
    for node in snapshot.nodes:
        table.add_row("", *_node_cells(node, width))
    return Group(_heading("nodes", f"{rate:g} probes/s due", width), table)


def _node_cells(node: NodeLine, width: int) -> Iterable[Text]:
    quiet = "" if node.healthy else "dim"
    yield Text(node.name, "bold")
    yield Text(node.phase, "green" if node.healthy else "bold red" if node.phase in ("killed", "ended") else "yellow")
    yield Text(str(node.view_id) if node.view_id >= 0 else "-", quiet)
    yield Text(str(node.services), quiet)
    yield Text(str(node.partitions), quiet)
    yield Text(f"{node.probes_per_s:g}", quiet)
    yield Text("-" if node.heartbeat_age_ms is None else f"{max(0, node.heartbeat_age_ms) / 1000:.1f}s", quiet)
    yield Text(node.web_url if width >= ROOMY else node.web_url.removeprefix("http://"), "dim")


def _events(events: Sequence[EventLine], room: int, width: int) -> Text:
    lines = [_event(event, width) for event in events[-room:]]
    lines += [Text("")] * (room - len(lines))
    return Text("\n", no_wrap=True).join(lines)


def _event(event: EventLine, width: int) -> Text:
    line = Text.assemble((f" {time_text(event.at_ms)}  ", "dim"), (f"{event.subject:<10} ", "bold"))
    line.append(event.text, event.style)
    line.truncate(width, overflow="ellipsis")
    return line


def _keys(snapshot: BoardSnapshot, width: int) -> Text:
    if snapshot.message:
        line = Text(f" {snapshot.message}", "bold")
    else:
        line = Text(" ").join(Text.assemble((f" {key} ", "reverse"), f" {what}") for key, what in KEYS)
    line.truncate(width, overflow="ellipsis")
    return line


def _heading(left: str, right: str, width: int) -> Text:
    """A rule with a title at its left, and a figure at its right."""
    end = f" {right} ─" if right else ""
    line = Text(f"─ {left} ", "bold")
    line.append("─" * max(0, width - len(line) - len(end)) + end, "dim")
    return line


def _table(columns: Sequence[tuple[str, int]], last: str, width: int) -> Table:
    """A table of fixed columns; the last one takes what is left of the width."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim", width=width, expand=False)
    for name, columns_wide in columns:
        table.add_column(name, width=columns_wide, no_wrap=True, overflow="ellipsis")
    left = width - sum(columns_wide + 1 for _, columns_wide in columns)
    table.add_column(last, width=max(1, left), no_wrap=True, overflow="ellipsis")
    return table


def _ends(left: Text, right: Text, width: int) -> Text:
    """One line with a left and a right end; the left one is cut."""
    left.truncate(max(0, width - right.cell_len), overflow="ellipsis", pad=True)
    return left + right
