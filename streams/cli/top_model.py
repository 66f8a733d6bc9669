"""What `top` shows and what a key does to it: pure, so every screen and every key is a line in a test.

Rule: a `Picture` is what the cluster is at one instant, a `Screen` is what the person has made of it (what is marked,
looked for, sorted, opened); `press` answers the next screen and touches nothing else. The mark stays with its service,
not with its line: a list that moves under one's finger gets the wrong service opened. What is worst stands first until
somebody asks for another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from schemas.identifiers import EntityId
from schemas.states import State

BADNESS = (State.DOWN, State.UNKNOWN, State.GOING_OUT_OF_SERVICE, State.OUT_OF_SERVICE, State.UP)
"""The worst first."""
FILTER_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Row:
    """A service. `changed_at_ms` None: it never had a state; `response_us` None: nothing measured."""

    entity_id: EntityId
    name: str
    state: State
    owner: str
    changed_at_ms: int | None
    response_us: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class NodeCell:
    """A node, in a word: how many services it owns, and what is wrong with it, if anything."""

    name: str
    services: int
    trouble: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The cluster at one instant. Rows come in no order; they are the same object as long as none has changed."""

    cluster: str
    kafka: str
    view_id: int
    now_ms: int
    connected: bool
    rows: Sequence[Row]
    counts: Mapping[State, int]
    """Rows by state."""
    nodes: Sequence[NodeCell]


class Page(Enum):
    """What fills the screen."""

    LIST = "list"
    FILTER = "filter"
    """The list, while somebody types what to look for."""
    DETAIL = "detail"
    HELP = "help"


class Order(Enum):
    """How the list is sorted; `s` goes to the next one."""

    WORST = "worst first"
    NAME = "name"
    OWNER = "owner"
    NEWEST = "changed last"
    SLOWEST = "slowest"


@dataclass(frozen=True, slots=True)
class Screen:
    """What the person has made of the list. `first` is the first line shown, `line` where the mark stood last."""

    page: Page = Page.LIST
    order: Order = Order.WORST
    looked_for: str = ""
    only_trouble: bool = False
    marked: EntityId | None = None
    line: int = 0
    first: int = 0
    scrolled: int = 0
    """Lines of the detail that are above the edge."""
    ended: bool = False


_SORTED: Mapping[Order, Callable[[Row], tuple[object, ...]]] = {
    Order.WORST: lambda row: (BADNESS.index(row.state), -(row.changed_at_ms or 0), row.name),
    Order.NAME: lambda row: (row.name,),
    Order.OWNER: lambda row: (row.owner, row.name),
    Order.NEWEST: lambda row: (-(row.changed_at_ms or 0), row.name),
    Order.SLOWEST: lambda row: (-(row.response_us or 0), row.name),
}


def visible(screen: Screen, rows: Iterable[Row]) -> list[Row]:
    """The rows that fit what is looked for, in the order that is asked for. Each word must be in a row somewhere."""
    words = screen.looked_for.lower().split()
    found = (row for row in rows if not (screen.only_trouble and row.state is State.UP))
    if words:
        found = (row for row in found if _has_all(row, words))
    return sorted(found, key=_SORTED[screen.order])


def _has_all(row: Row, words: Sequence[str]) -> bool:
    text = f"{row.name} {row.owner} {row.state.value}".lower()
    return all(word in text for word in words)


def settled(screen: Screen, shown: Sequence[Row], lines: int) -> Screen:
    """The screen with its mark on a row that is there, and that row among the `lines` that fit."""
    if not shown:
        return replace(screen, marked=None, line=0, first=0)
    line = min(screen.line, len(shown) - 1)
    if screen.marked is not None and shown[line].entity_id != screen.marked:
        line = next((place for place, row in enumerate(shown) if row.entity_id == screen.marked), line)
    last_first = max(0, len(shown) - lines)
    first = min(max(screen.first, line - lines + 1), line, last_first)
    return replace(screen, marked=shown[line].entity_id, line=line, first=first)


def press(screen: Screen, key: str, shown: Sequence[Row], lines: int) -> Screen:
    """The screen after a key, on a terminal that shows so many rows; an unknown key does nothing."""
    if key == "interrupt":
        return replace(screen, ended=True)
    if screen.page is Page.FILTER:
        return _typed(screen, key)
    if key in MOVES:
        pages, steps = MOVES[key]
        return _moved(screen, pages * lines + steps, shown, lines)
    act = KEYS.get(key)
    return screen if act is None else act(screen)


def _moved(screen: Screen, by: int, shown: Sequence[Row], lines: int) -> Screen:
    """The mark further down or up; where a text is open, the text."""
    if screen.page is Page.DETAIL:
        return replace(screen, scrolled=max(0, screen.scrolled + by))
    if screen.page is not Page.LIST or not shown:
        return screen
    line = min(max(0, screen.line + by), len(shown) - 1)
    return settled(replace(screen, line=line, marked=shown[line].entity_id), shown, lines)


def scrolled(screen: Screen, detail_lines: int, lines: int) -> Screen:
    """The screen with its text scrolled at most to the end."""
    return replace(screen, scrolled=min(screen.scrolled, max(0, detail_lines - lines)))


def _typed(screen: Screen, key: str) -> Screen:
    """A key while what is looked for is typed; the list follows at once."""
    if key == "enter":
        return replace(screen, page=Page.LIST)
    if key == "escape":
        return replace(screen, page=Page.LIST, looked_for="")
    if key == "backspace":
        return replace(screen, looked_for=screen.looked_for[:-1])
    text = {"space": " "}.get(key, key)
    fits = len(text) == 1 and text.isprintable() and len(screen.looked_for) < FILTER_CHARACTERS
    return replace(screen, looked_for=screen.looked_for + text) if fits else screen


def _opened(screen: Screen) -> Screen:
    is_open = screen.page is not Page.LIST or screen.marked is None
    return replace(screen, page=Page.LIST) if is_open else replace(screen, page=Page.DETAIL, scrolled=0)


def _back(screen: Screen) -> Screen:
    """One step back: out of a page, then from what was looked for."""
    if screen.page is not Page.LIST:
        return replace(screen, page=Page.LIST)
    return replace(screen, looked_for="", only_trouble=False)


def _next_order(screen: Screen) -> Screen:
    orders = list(Order)
    return replace(screen, order=orders[(orders.index(screen.order) + 1) % len(orders)], first=0)


def _helped(screen: Screen) -> Screen:
    return replace(screen, page=Page.LIST if screen.page is Page.HELP else Page.HELP)


FAR = 1 << 40
MOVES: Mapping[str, tuple[int, int]] = {
    "up": (0, -1),
    "k": (0, -1),
    "down": (0, 1),
    "j": (0, 1),
    "page up": (-1, 0),
    "page down": (1, 0),
    "space": (1, 0),
    "home": (0, -FAR),
    "g": (0, -FAR),
    "end": (0, FAR),
    "G": (0, FAR),
}
"""Key -> how many pages and lines the mark, or the text, moves."""
KEYS: Mapping[str, Callable[[Screen], Screen]] = {
    "enter": _opened,
    "escape": _back,
    "backspace": _back,
    "/": lambda screen: replace(screen, page=Page.FILTER),
    "s": _next_order,
    "d": lambda screen: replace(screen, only_trouble=not screen.only_trouble, first=0),
    "?": _helped,
    "q": lambda screen: replace(screen, ended=True),
}
HELP = (
    ("up, down, k, j", "mark the service above or below"),
    ("page up, page down, space", "a page up or down"),
    ("home, end, g, G", "the first, the last"),
    ("enter", "everything known of the marked service; again: back"),
    ("/", "look for words in name, owner and state; enter keeps them, escape forgets them"),
    ("d", "only what is not UP, or all again"),
    ("s", "sort: worst first, name, owner, changed last, slowest"),
    ("escape", "back; then forget what was looked for"),
    ("?", "this page, or back"),
    ("q, ctrl-c", "end"),
)
"""What the help page says of each key."""
