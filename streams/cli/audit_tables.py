"""The answer of `audit` for people: the handovers as a table, then what broke the promise, then the verdict.

Rule: the verdict is the last line, where a terminal ends; a promise that held says what was looked at, so that an empty
log is not taken for a clean one. Of long lists the first are shown, and how many there are; JSON has them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.cli.show_tables import ATTENTION, PLAIN, QUIET, Cell, Columns, print_facts, print_table
from streams.cli.show_words import time_text

Data = Mapping[str, Any]
SHOWN = 20


def _runs(one: Data, name: str) -> str:
    return ", ".join(run["node_id"] for run in one[name]) or "-"


def _left(one: Data) -> Cell:
    died = [run["node_id"] for run in one["left"] if not run["in_order"]]
    words = [run["node_id"] + ("" if run["in_order"] else " (died)") for run in one["left"]]
    return ", ".join(words) or "-", ATTENTION if died else PLAIN


def _spread(spread: Data | None, name: str) -> str:
    return "-" if spread is None else f"{spread[name]:.2f}"


HANDOVERS: Columns = (
    ("view", lambda one, _: (str(one["view_id"]), "bold")),
    ("at", lambda one, _: (time_text(one["at_ms"]), PLAIN)),
    ("joined", lambda one, _: (_runs(one, "joined"), PLAIN)),
    ("left", lambda one, _: _left(one)),
    ("moved", lambda one, _: (str(one["moved"]), PLAIN)),
    ("gaps", lambda one, _: (str(one["gap"]["services"] if one["gap"] else 0), PLAIN)),
    ("p50 s", lambda one, _: (_spread(one["gap"], "p50_s"), PLAIN)),
    ("p99 s", lambda one, _: (_spread(one["gap"], "p99_s"), PLAIN)),
    ("max s", lambda one, _: (_spread(one["gap"], "max_s"), PLAIN)),
    ("overlap p50 s", lambda one, _: (_spread(one["overlap"], "p50_s"), PLAIN)),
    ("overlap max s", lambda one, _: (_spread(one["overlap"], "max_s"), PLAIN)),
    ("not measured", lambda one, _: (str(one["unmeasured"]), QUIET)),
    ("", lambda one, _: ("cold start" if one["cold"] else "", QUIET)),
)
GAPS: Columns = (
    ("largest gaps", lambda one, _: (one["service"], "bold")),
    ("seconds", lambda one, _: (f"{one['gap_s']:.2f}" + ("" if one["ended"] else ", and still"), PLAIN)),
    ("from", lambda one, _: (one["before"], PLAIN)),
    ("to", lambda one, _: (one["after"], PLAIN)),
    ("view", lambda one, _: (str(one["view_id"]), QUIET)),
)
BREACHES: Columns = (
    ("broken", lambda one, _: (one["fault"], "bold red")),
    ("service", lambda one, _: (one["service"], "bold")),
    ("at", lambda one, _: (time_text(one["at_ms"]), PLAIN)),
    ("partition", lambda one, _: (str(one["partition"]), QUIET)),
    ("offset", lambda one, _: ("-" if one["offset"] < 0 else str(one["offset"]), QUIET)),
    ("what", lambda one, _: (one["text"], PLAIN)),
)
STALE: Columns = (
    ("did not count", lambda one, _: (one["service"], "bold")),
    ("at", lambda one, _: (time_text(one["at_ms"]), PLAIN)),
    ("last for s", lambda one, _: (f"{one['last_for_s']:.2f}" + ("" if one["repaired"] else ", and still"), PLAIN)),
    ("partition", lambda one, _: (str(one["partition"]), QUIET)),
    ("offset", lambda one, _: (str(one["offset"]), QUIET)),
)


def print_report(found: Data) -> None:
    """All of it."""
    if found["handovers"]:
        _print(HANDOVERS, found["handovers"])
    gaps = [{**gap, "view_id": one["view_id"]} for one in found["handovers"] for gap in one["largest_gaps"]]
    if gaps:
        _print(GAPS, sorted(gaps, key=lambda gap: -gap["gap_s"]))
    if found["stale"]:
        _print(STALE, found["stale"])
    if found["breaches"]:
        _print(BREACHES, found["breaches"])
    print_facts(_facts(found))


def _print(columns: Columns, rows: list[Data]) -> None:
    print_table(columns, rows[:SHOWN], 0)
    if len(rows) > SHOWN:
        print(f"and {len(rows) - SHOWN:,} more: -o json has them all")
    print()


def _facts(found: Data) -> list[tuple[str, Cell]]:
    records, gap, digests = found["records"], found["gap"], found["digests"]
    unreadable = sum(records["unreadable"].values())
    longest = "none" if gap is None else f"{gap['max_s']:.2f} s at most, {gap['p50_s']:.2f} s half of them"
    twice, broken = found["double_owners"], len(found["breaches"])
    return [
        ("views", (f"{found['views']} in force, {found['views_refused']} refused", PLAIN)),
        ("records", (f"{records['effective']:,} count, {records['ineffective']:,} do not", PLAIN)),
        ("unreadable", (f"{unreadable:,}", ATTENTION if unreadable else PLAIN)),
        ("gaps", (longest, PLAIN)),
        ("digests", (f"{digests['compared']} compared, {len(digests['diverged'])} differ", PLAIN)),
        ("double owners", (str(twice), "bold red" if twice else PLAIN)),
        ("promise", (f"broken {broken} times" if broken else "held", "bold red" if broken else "bold green")),
    ]
