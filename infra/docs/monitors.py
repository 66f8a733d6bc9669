"""Writes docs/monitors.md from the tables of monitor types and parameters: `python -m infra.docs.monitors`.

Rule: everything about a parameter comes from its row, so a page that is current tells the truth; a test compares the
file with what this makes of the tables. A parameter that every type has is told once; what only some have, with each of
them, because a reader looks up one type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from infra.docs.monitor_words import WORDS, Words
from schemas.parameters.durations import duration_text
from schemas.parameters.monitors import COMMON, MONITOR_TYPES, MonitorType
from schemas.parameters.parameter import Parameter, Shape
from schemas.parameters.reading import written

PAGE = Path(__file__).resolve().parents[2] / "docs" / "monitors.md"

HEAD = """\
# Monitors

<!-- Made by `python -m infra.docs.monitors` from the tables in schemas/parameters; change those, not this page. -->

A monitor says how to probe; bound to a service it is probed by the service's owner, and only there. Names and defaults
are NetScaler's. Every example is a whole file for `watchbill apply -f`; the same is said step by step with
`watchbill add monitor NAME --type TYPE --interval 5s` and `watchbill bind monitor NAME to service SERVICE`.

A probe is UP, DOWN with a reason, or INCONCLUSIVE where the node could not ask (no such source address, no permission,
a secret it does not have): that counts against nobody. The last failures of each monitor are kept, with the reason and
what came instead: `watchbill show service NAME`.
"""
RULES_TEXT = """\
What belongs together is checked when it is configured: `response_timeout` is shorter than `interval` (at 1ms they may
be equal), `failure_retries` at most `retries`, `source_ip` and `destination_ip` are of one family. Durations have a
unit (ms, s, min, h, d). Text marked *with escapes* takes `\\r \\n \\t \\0 \\\\ \\xHH`.

- **UP or DOWN**: DOWN after `failure_retries` failures among the last `retries` probes (0: all of them), UP after
  `success_retries` in a row. `retries: 10, failure_retries: 6` is "6 of 10".
- **Time-out**: with `deviation` it is learnt: the average of the answers plus this (DRTM), learnt anew after DOWN.
- **Maintenance**: `trofs_code` and `trofs_string` are a target's own announcement; its service goes out of service.
- **Another target**: `destination_ip` and `destination_port` are probed instead of the service's. `source_ip` is where
  probes leave from; on a node without that address they are INCONCLUSIVE.
- **Secrets**: a parameter that ends in `_ref` holds `file:NAME` or `env:WATCHBILL_SECRET_NAME`, which each node looks
  up.
- **Weight, state and shadow** belong to a binding: `monitors: {http: {weight: 10, shadow: yes}}`. `shadow` is probed
  and shown, and never counts.
"""


def page() -> str:
    """The whole page."""
    types = sorted(MONITOR_TYPES.values(), key=_place)
    index = "\n".join(f"| [{row.name}](#{row.name.lower()}) | {row.help} |" for row in types)
    parts = [
        HEAD,
        f"| type | UP means |\n|---|---|\n{index}\n",
        "## What every type has\n",
        table(COMMON),
        RULES_TEXT,
        *(section(row) for row in types),
    ]
    return "\n".join(parts)


def _place(row: MonitorType) -> int:
    names = tuple(WORDS)
    return names.index(row.name) if row.name in WORDS else len(names)


def section(row: MonitorType) -> str:
    """A type. Raises KeyError if nobody wrote down what people are to know of it."""
    words: Words = WORDS[row.name]
    port = f" It asks at port {row.port}, unless `destination_port` says otherwise." if row.port else ""
    own = table(row.own) if row.own else "It has no parameters of its own.\n"
    return f"## {row.name}\n\n{words.asks}{port}\n\n**UP**: {words.up}\n\n{own}\n```yaml\n{words.example}```\n"


def table(rows: Iterable[Parameter]) -> str:
    """Parameters, one a line."""
    lines = (
        f"| `{row.name}` | {_cell(value_of(row))} | {_cell(default_of(row))} | {_cell(text_of(row))} |" for row in rows
    )
    return "\n".join(["| parameter | value | default | |", "|---|---|---|---|", *lines, ""])


def value_of(row: Parameter) -> str:
    """What may be written, with its range and unit."""
    if row.shape is Shape.CHOICE:
        return ", ".join(row.choices)
    if row.shape is Shape.NUMBER:
        return f"{row.low} to {row.high}"
    if row.shape is Shape.DURATION:
        return f"duration, {duration_text(row.low)} to {duration_text(row.high)}"
    if row.shape in (Shape.TEXT, Shape.ESCAPED):
        escapes = " *with escapes*" if row.shape is Shape.ESCAPED else ""
        return f"text{escapes}, {row.low} to {row.high} characters"
    return str(row.shape.value)


def default_of(row: Parameter) -> str:
    """What holds if it is not given."""
    if row.required:
        return "required"
    text = "" if row.default is None else written(row, row.default)
    return f"`{text}`" if text else ""


def text_of(row: Parameter) -> str:
    """Its help, and when it may be given."""
    return "; ".join(_conditions(row))


def _conditions(row: Parameter) -> Iterator[str]:
    yield row.help
    if row.needs:
        yield f"only with `{row.needs}: yes`"
    if not row.later:
        yield "only at `add`" if row.name == "type" else "at `add`; then by `enable` and `disable`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
