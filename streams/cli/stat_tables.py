"""The screen of `watchbill stat`: facts first, then a row a node; at most 80 columns wide.

Rule: nothing stands here that JSON does not have. A number that asks for somebody (services that are DOWN, a node that
is stale or behind) is marked; a zero is quiet, so that the eye goes past it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.parameters.durations import duration_text
from schemas.states import State
from streams.cli.show_tables import ATTENTION, PLAIN, QUIET, Cell, Columns, print_facts, print_table
from streams.cli.show_words import STYLES, age_text, time_text

Data = Mapping[str, Any]
OTHERS = (State.UNKNOWN, State.GOING_OUT_OF_SERVICE, State.OUT_OF_SERVICE)


def print_stat(told: Data) -> None:
    """One screen."""
    print_facts(_facts(told))
    if told["nodes"]:
        print()
        print_table(NODES, told["nodes"], told["at_ms"])
    busiest = told["transitions"]["busiest"]
    if busiest:
        print()
        print_table(BUSIEST, busiest, told["at_ms"])


def _facts(told: Data) -> Iterable[tuple[str, Cell]]:
    by_state, changes = told["services"]["by_state"], told["transitions"]
    yield "cluster", (f"{told['cluster']}, view {told['view_id']}, at {time_text(told['at_ms'])}", "bold")
    yield "services", (f"{told['services']['total']:,}", PLAIN)
    for state in State:
        count = by_state[state.value]
        if count or state in (State.UP, State.DOWN):
            yield f"  {state.value}", (f"{count:,}", STYLES[state] if count else QUIET)
    window = duration_text(changes["window_ms"])
    yield "changes", (f"{changes['count']:,} in {window}, {changes['per_minute']:g} a minute", PLAIN)
    yield "probes due", (f"{told['probes_due_per_s']:,.1f} a second", PLAIN)


def _number(value: int, style: str = PLAIN) -> Cell:
    return f"{value:,}", style if value else QUIET


def _others(one: Data) -> int:
    return sum(one["by_state"][state.value] for state in OTHERS)


def _phase(one: Data) -> Cell:
    word = one["phase"] or "never told"
    marks = [mark for mark in ("stale", "suspect") if one[mark]] + ([] if one["in_view"] else ["not in view"])
    is_good = word == "SERVING" and not marks
    return ", ".join([word, *marks]), "green" if is_good else PLAIN if word == "LEFT" else ATTENTION


def _heartbeat(one: Data) -> Cell:
    age_ms = one["heartbeat_age_ms"]
    return ("never", ATTENTION) if age_ms is None else (age_text(age_ms), ATTENTION if one["stale"] else PLAIN)


NODES: Columns = (
    ("node", lambda one, _: (one["node_id"], "bold")),
    ("owned", lambda one, _: _number(one["owned"])),
    ("UP", lambda one, _: _number(one["by_state"]["UP"], STYLES[State.UP])),
    ("DOWN", lambda one, _: _number(one["by_state"]["DOWN"], STYLES[State.DOWN])),
    ("other", lambda one, _: _number(_others(one), STYLES[State.UNKNOWN])),
    ("probes/s", lambda one, _: (f"{one['probes_due_per_s']:,.1f}", PLAIN if one["probes_due_per_s"] else QUIET)),
    ("behind", lambda one, _: _number(one["behind_records"], ATTENTION)),
    ("heartbeat", lambda one, _: _heartbeat(one)),
    ("phase", lambda one, _: _phase(one)),
)
BUSIEST: Columns = (
    ("changed most", lambda one, _: (one["name"], "bold")),
    ("times", lambda one, _: (f"{one['count']:,}", PLAIN)),
)
