"""The data of `show` as tables for people: which columns, and how each value is written.

Rule: a column is a name and a function of the data, so a table can show nothing that JSON does not have. Colour goes
with states and with what needs a look (a stale node, a refused view), and is left out where NO_COLOR is set or nobody
looks.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from schemas.states import BindingVerdict, PathMonitoring, State
from streams.cli.show_words import (
    BINDING_STYLES,
    STYLES,
    address_text,
    age_text,
    link_text,
    load_text,
    response_text,
    time_text,
    weight_text,
)
from streams.folding.paths import MONITORING_WORDS

Data = Mapping[str, Any]
Cell = tuple[str, str]
"""A text and its style."""
Columns = Sequence[tuple[str, Callable[[Data, int], Cell]]]
"""Heading, and (data, now in epoch milliseconds) to a cell."""
CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
"""Words of a style to what a terminal calls them."""
ENDLESS = 1 << 30
SHORTEST_LAST = 20
"""The last column keeps so much, even if its line is then wrapped."""
PATH_STYLES = {"UP": "green", "DOWN": "red", "UNKNOWN": "dim"}
ATTENTION, PLAIN, QUIET = "bold yellow", "", "dim"


def _state(value: str) -> Cell:
    return value, STYLES[State(value)]


def _counts(one: Data) -> Cell:
    return ("shadow", QUIET) if one["shadow"] else (_yes(one["counts"]), PLAIN)


def _age(at_ms: int | None, now_ms: int) -> str:
    return "-" if at_ms is None else age_text(now_ms - at_ms)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


SERVICES: Columns = (
    ("name", lambda one, _: (one["name"], "bold")),
    ("state", lambda one, _: _state(one["state"])),
    ("owner", lambda one, _: (one["owner"] or "-", PLAIN)),
    ("address", lambda one, _: (address_text(one["ip_address"], one["port"]), PLAIN)),
    ("weight", lambda one, _: (weight_text(one["up_weight"], one["threshold"]), PLAIN)),
    ("response", lambda one, _: (response_text(one["response_time_us"]), PLAIN)),
    ("for", lambda one, now: (_age(one["changed_at_ms"], now), PLAIN)),
    ("told", lambda one, now: (_age(one["updated_at_ms"], now), QUIET)),
    ("reason", lambda one, _: (_explained(one) + one["reason"], QUIET)),
)
BINDINGS: Columns = (
    ("monitor", lambda one, _: (one["monitor_name"], "bold")),
    ("type", lambda one, _: (one["type"], PLAIN)),
    ("weight", lambda one, _: (str(one["weight"]), PLAIN)),
    ("counts", lambda one, _: _counts(one)),
    ("state", lambda one, _: (one["state"], BINDING_STYLES[BindingVerdict(one["state"])])),
    ("last verdict", lambda one, _: (one["verdict"] or "-", PLAIN)),
    ("reason", lambda one, _: (one["reason"] or "-", PLAIN)),
    ("probes alike", lambda one, _: (str(one["count"]), PLAIN)),
    ("outcomes", lambda one, _: (one["outcomes"], PLAIN)),
    ("response", lambda one, _: (response_text(one["response_time_us"]), ATTENTION if one["slow"] else PLAIN)),
    ("slow", lambda one, _: (_yes(one["slow"]), ATTENTION if one["slow"] else QUIET)),
    ("last told", lambda one, now: (_age(one["last_at_ms"], now), PLAIN)),
    ("detail", lambda one, _: (one["detail"], QUIET)),
)
ON_NODES: Columns = (
    ("node", lambda one, _: (one["node"], "bold")),
    ("path", lambda one, _: (one["path"], PATH_STYLES[one["path"]])),
    ("serves by", lambda one, _: _state(one["state"])),
    ("sends its traffic to", lambda one, _: (one["redirect"] or "-", PLAIN)),
)
FAILURES: Columns = (
    ("last failures of", lambda one, _: (one["monitor_name"], "bold")),
    ("at", lambda one, _: (time_text(one["at_ms"]), PLAIN)),
    ("ago", lambda one, now: (_age(one["at_ms"], now), PLAIN)),
    ("reason", lambda one, _: (one["reason"], PLAIN)),
    ("detail", lambda one, _: (one["detail"], QUIET)),
)
NODES: Columns = (
    ("node", lambda one, _: (one["node_id"], "bold")),
    ("phase", lambda one, _: _phase(one)),
    ("in view", lambda one, _: (_yes(one["in_view"]), PLAIN)),
    ("view", lambda one, _: (str(one.get("view_id", "-")), PLAIN)),
    ("partitions", lambda one, _: (str(len(one["partitions"])), PLAIN)),
    ("services", lambda one, _: (str(one["owned"]), PLAIN)),
    ("engines", lambda one, _: (str(one["engines"] or "-"), PLAIN)),
    ("groups", lambda one, _: (", ".join(one["node_groups"]) or "-", PLAIN)),
    ("behind", lambda one, _: (str(one["behind_records"]), ATTENTION if one["behind_records"] else PLAIN)),
    ("heartbeat", lambda one, now: (_age(one["sent_at_ms"], now), ATTENTION if one["stale"] else PLAIN)),
    ("incarnation", lambda one, _: (one.get("incarnation") or "-", QUIET)),
    ("web", lambda one, _: (one["web_url"] or "-", PLAIN)),
    ("waits for", lambda one, _: (", ".join(one["missing"]) or "-", PLAIN)),
)
VIEWS: Columns = (
    ("view", lambda one, _: (str(one["view_id"]), "bold")),
    ("fate", lambda one, _: _fate(one)),
    ("on", lambda one, _: (str(one["prev_view"]), PLAIN)),
    ("generation", lambda one, _: (str(one["generation"]), PLAIN)),
    ("members", lambda one, _: (", ".join(map(_member, one["members"])) or "none", PLAIN)),
    ("proposer", lambda one, _: (one["proposer"], PLAIN)),
    ("at", lambda one, _: (time_text(one["proposed_at_ms"]), PLAIN)),
    ("ago", lambda one, now: (_age(one["proposed_at_ms"], now), PLAIN)),
    ("partitions moved", lambda one, _: (_moved(one), PLAIN)),
    ("why refused", lambda one, _: (one["refusal_text"] or "-", QUIET)),
)
MONITORS: Columns = (
    ("name", lambda one, _: (one["name"], "bold")),
    ("type", lambda one, _: (str(one["settings"].get("type", "-")), PLAIN)),
    ("enabled", lambda one, _: (_yes(one["enabled"]), PLAIN if one["enabled"] else ATTENTION)),
    ("interval", lambda one, _: (_ms(one, "interval_ms"), PLAIN)),
    ("time-out", lambda one, _: (_ms(one, "response_timeout_ms"), PLAIN)),
    ("retries", lambda one, _: (str(one["settings"].get("retries", "-")), PLAIN)),
    ("down time", lambda one, _: (_ms(one, "down_time_ms"), PLAIN)),
    ("bound to", lambda one, _: (str(len(one["bound_to"])), PLAIN)),
)
BOUND_TO: Columns = (
    ("bound to", lambda one, _: (one["name"], "bold")),
    ("kind", lambda one, _: (one["kind"], PLAIN)),
    ("weight", lambda one, _: (str(one["weight"]), PLAIN)),
    ("enabled", lambda one, _: (_yes(one["enabled"]), PLAIN)),
)
VSERVERS: Columns = (
    ("name", lambda one, _: (one["name"], "bold")),
    ("address", lambda one, _: (_vserver_address(one), PLAIN)),
    ("protocol", lambda one, _: (str(one["settings"].get("protocol", "-")), PLAIN)),
    ("method", lambda one, _: (str(one["settings"].get("method", "-")), PLAIN)),
    ("enabled", lambda one, _: (_yes(one["enabled"]), PLAIN if one["enabled"] else ATTENTION)),
    ("services up", lambda one, _: (f"{one['up']} of {len(one['services'])}", PLAIN)),
    ("processed by", lambda one, _: _processed_by(one)),
)
BOUND_SERVICES: Columns = (
    ("service", lambda one, _: (one["name"], "bold")),
    ("state", lambda one, _: _state(one["state"])),
    ("weight", lambda one, _: (str(one["weight"]), PLAIN)),
)


def print_table(columns: Columns, rows: Iterable[Data], now_ms: int) -> None:
    """A table on standard output. Piped it is cut nowhere; on a terminal the last column is cut at its edge."""
    cells = [[(heading, "bold") for heading, _ in columns]]
    cells += [[cell(row, now_ms) for _, cell in columns] for row in rows]
    _print_aligned(cells, "  ")


def print_facts(facts: Iterable[tuple[str, Cell]]) -> None:
    """Aligned lines of a name and a value."""
    _print_aligned([[(name, QUIET), value] for name, value in facts], "  ")


def _print_aligned(lines: Sequence[Sequence[Cell]], gap: str) -> None:
    """Written as one text: rich's table takes a millisecond a row, which is a second for a thousand services."""
    widths = [max(len(text) for text, _ in column) for column in zip(*lines, strict=True)]
    room = _terminal_columns() - sum(widths[:-1]) - len(gap) * (len(widths) - 1)
    colour = _wants_colour()
    made = []
    for line in lines:
        *first, (last, style) = line
        padded = [_painted(text.ljust(width), one, colour) for (text, one), width in zip(first, widths, strict=False)]
        cut = last if len(last) <= max(room, SHORTEST_LAST) else last[: max(room, SHORTEST_LAST) - 1] + "…"
        made.append(gap.join([*padded, _painted(cut, style, colour)]).rstrip())
    print("\n".join(made))


def _painted(text: str, style: str, colour: bool) -> str:
    if not (colour and style):
        return text
    return f"\x1b[{';'.join(CODES[word] for word in style.split())}m{text}\x1b[0m"


def _wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _terminal_columns() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else ENDLESS


def service_facts(one: Data, now_ms: int) -> Iterable[tuple[str, Cell]]:
    """One service, line by line."""
    cause, position = one["cause"], one["position"]
    yield "service", (f"{one['name']} (id {one['entity_id']})", "bold")
    yield "state", _state(one["state"])
    yield "for", (_age(one["changed_at_ms"], now_ms), PLAIN)
    if one["due_at_ms"] is not None:
        yield "at most until", (time_text(one["due_at_ms"]), ATTENTION)
    if one["doubt"]:
        yield "second opinion", (_doubt(one["doubt"]), ATTENTION)
    if one["explained_by"]:
        yield "explained by", (f"{', '.join(one['explained_by'])}, DOWN", ATTENTION)
    if one["depends_on"]:
        yield "depends on", (", ".join(f"{each['name']} ({each['state']})" for each in one["depends_on"]), PLAIN)
    yield "address", (address_text(one["ip_address"], one["port"]), PLAIN)
    if one["domain"]:
        yield "name", _name(one["domain"], now_ms)
    yield "weight", (f"{weight_text(one['up_weight'], one['threshold'])} (UP / needed)", PLAIN)
    yield "response", (response_text(one["response_time_us"]), PLAIN)
    if one["load"] is not None:
        yield "load", (load_text(one["load"]), ATTENTION if one["load"]["threshold_reached"] else PLAIN)
    if one["mss"] is not None or one["layer_two"] is not None:
        yield "link", (link_text(one["mss"], one["layer_two"]), PLAIN)
    yield "owner", (_owner(one), PLAIN)
    if one["path_monitoring"] != "OFF":
        yield "paths", (MONITORING_WORDS[PathMonitoring(one["path_monitoring"])], PLAIN)
        yield "processed by", _processed_by(one)
    yield "view, sequence", (f"{_dash(one['view_id'])}, {_dash(one['sequence'])}", PLAIN)
    yield "cause", (f"{cause['kind']}: {cause['text']}", PLAIN)
    if cause["topic"]:
        yield "caused by", (f"{cause['topic']} partition {cause['partition']} offset {cause['offset']}", QUIET)
    where = f"{position['topic']} partition {position['partition']}, read up to offset {position['next_offset']}"
    yield "stands in", (where, QUIET)
    yield "last told", (f"{_age(one['updated_at_ms'], now_ms)} ago" if one["updated_at_ms"] else "never", PLAIN)


def node_facts(one: Data, now_ms: int) -> Iterable[tuple[str, Cell]]:
    """One node, line by line: what the list says of it, how it pings, and since when it is behind."""
    for heading, cell in NODES:
        yield heading, cell(one, now_ms)
    yield "pings with", (one["pings"] or "not told", ATTENTION if one["pings"].startswith("none") else PLAIN)
    since_ms = one.get("behind_since_ms")
    if since_ms is not None:
        yield "behind since", (f"{time_text(since_ms)}, {_age(since_ms, now_ms)} ago", ATTENTION)


def entity_facts(one: Data) -> Iterable[tuple[str, Cell]]:
    """One monitor or vserver: its settings, those that were given in bold."""
    yield "name", (f"{one['name']} (id {one['entity_id']})", "bold")
    yield "enabled", (_yes(one["enabled"]), PLAIN)
    for key, value in one["settings"].items():
        yield key, (_value(value), "bold" if key in one["given"] else PLAIN)
    if "processing_set" in one:
        yield "processed by", _processed_by(one)
        for node, to in one["redirects"].items():
            yield f"from {node}", (f"to {to}" if to else "to nobody", ATTENTION)
    if "choice" in one:
        yield "chooses", (f"{one['choice']['best'] or 'nothing'}: {one['choice']['why']}", "bold")


def _explained(one: Data) -> str:
    """Such as `explained by db; `: what to look at first."""
    return f"explained by {', '.join(one['explained_by'])}; " if one["explained_by"] else ""


def _processed_by(one: Data) -> Cell:
    nodes = one["processing_set"]
    return (", ".join(nodes), PLAIN) if nodes else ("nobody", ATTENTION)


def _name(domain: Data, now_ms: int) -> Cell:
    """Such as `web.test, TTL 30 s`; while DNS gives no address, what it says, and how old the one in use is (D-4)."""
    if domain["reason"] == "OK":
        return f"{domain['domain']}, TTL {_dash(domain['ttl_s'])} s", PLAIN
    when = (
        f"last resolved {_age(domain['resolved_at_ms'], now_ms)} ago" if domain["resolved_at_ms"] else "never resolved"
    )
    return f"{domain['domain']}: {domain['detail'] or 'not resolved yet'}; {when}", ATTENTION


def _doubt(doubt: Data) -> str:
    if doubt["until_ms"] is None:
        return f"{doubt['asked']} reaches it, and goes on probing it"
    return f"of {doubt['asked']}, awaited until {time_text(doubt['until_ms'])}"


def _phase(one: Data) -> Cell:
    if one["phase"] is None:
        return "never told", ATTENTION
    if one["stale"]:
        return f"{one['phase']}, stale", ATTENTION
    if one["suspect"]:
        return f"{one['phase']}, suspect", ATTENTION
    return one["phase"], "green" if one["phase"] == "SERVING" else PLAIN


def _fate(one: Data) -> Cell:
    if one["in_force"]:
        return "in force", "bold green"
    return ("accepted", PLAIN) if one["accepted"] else ("refused", ATTENTION)


def _member(one: Data) -> str:
    return f"{one['node_id']} (leaving)" if one["leaving"] else str(one["node_id"])


def _moved(one: Data) -> str:
    return _dash(one["partitions_moved"])


def _owner(one: Data) -> str:
    owner, elected = one["owner"] or "-", one["elected_owner"] or "nobody"
    return owner if owner == elected else f"{owner} (by the view in force: {elected})"


def _vserver_address(one: Data) -> str:
    address, port = one["settings"].get("address"), one["settings"].get("port")
    return address_text(str(address), int(port)) if address and port else str(address or "-")


def _ms(one: Data, key: str) -> str:
    from schemas.parameters.durations import duration_text

    value = one["settings"].get(key)
    return "-" if value is None else duration_text(int(value))


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return _yes(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _dash(value: Any) -> str:
    return "-" if value is None else str(value)
